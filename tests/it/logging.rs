//! `tracing` in plugins: its events come to the host with their level, their spans' fields and the plugin's name.

use serde_json::json;

use crate::harness::{Setup, logged, plugin_logs};

#[tokio::test]
async fn events_come_with_the_fields_of_their_spans() {
    let host = Setup::with(&["logs"]).start().await;
    host.call("logs", "marker-of-spans").await.unwrap();
    let lines = plugin_logs("marker-of-spans");
    let (level, message, fields) = &lines[2];
    assert_eq!((level.as_str(), message.as_str()), ("INFO", "some news"));
    let expected = json!({
        "number": 7, "late": "yes", "marker": "marker-of-spans", "level": 3, "ratio": 0.5, "good": true,
    });
    assert_eq!(*fields, expected);
}

#[tokio::test]
async fn events_come_at_the_hosts_level_and_no_deeper() {
    let host = Setup::with(&["logs"]).start().await;
    host.call("logs", "marker-of-levels").await.unwrap();
    let levels: Vec<_> = plugin_logs("marker-of-levels")
        .into_iter()
        .map(|(level, ..)| level)
        .collect();
    assert_eq!(levels, ["ERROR", "WARN", "INFO", "DEBUG"]);
}

#[tokio::test]
async fn events_name_their_plugin_generation_and_module() {
    let host = Setup::with(&["logs"]).start().await;
    host.call("logs", "marker-of-names").await.unwrap();
    let fields = &logged("marker-of-names")[0]["fields"];
    assert_eq!(
        (&fields["plugin"], &fields["generation"], &fields["module"]),
        (&json!("logs"), &json!(1), &json!("logs"))
    );
}

#[tokio::test]
async fn a_plugin_may_log_while_it_is_initialized() {
    let _host = Setup::with(&["logs"]).start().await;
    assert!(!plugin_logs("ready to log").is_empty());
}

#[tokio::test]
async fn a_panic_on_a_thread_of_the_plugins_own_is_logged() {
    let host = Setup::with(&["logs"]).start().await;
    host.call("panics_on_a_thread", "marker-of-threads")
        .await
        .unwrap();
    let lines = plugin_logs("marker-of-threads");
    let (level, message, _) = &lines[0];
    assert_eq!(level, "ERROR");
    assert!(
        message.starts_with("a thread of the plugin (its-own) panicked at "),
        "{message}"
    );
}

//! Several instances of one plugin, and their configs.

use agentsys_host::PluginOptions;
use serde_json::{Value, json};

use crate::harness::{Setup, options};

#[tokio::test]
async fn two_instances_take_turns() {
    let host = Setup::with(&["misbehaves"])
        .plugin("misbehaves", PluginOptions::default().instances(2))
        .start()
        .await;
    let mut numbers = Vec::new();
    for _ in 0..4 {
        numbers.push(host.call("instance", "").await.unwrap());
    }
    assert_eq!(numbers[..2], numbers[2..]);
    assert_ne!(numbers[0], numbers[1]);
}

#[tokio::test]
async fn a_config_has_its_defaults() {
    let host = Setup::with(&["configured"]).start().await;
    let config: Value = serde_json::from_str(&host.call("config", "").await.unwrap()).unwrap();
    let expected =
        json!({ "max_rows": 1000, "separator": ",", "workers": 2, "comment": null, "widths": [] });
    assert_eq!(config, expected);
}

#[tokio::test]
async fn a_config_is_taken_as_given() {
    let given = json!({ "max_rows": 5000, "separator": ";", "workers": 4, "comment": "x", "widths": [1, 2] });
    let host = Setup::with(&["configured"])
        .plugin("configured", options(given.clone()))
        .start()
        .await;
    let config: Value = serde_json::from_str(&host.call("config", "").await.unwrap()).unwrap();
    assert_eq!(config, given);
}

#[tokio::test]
async fn a_bad_config_is_refused_with_the_key() {
    for (config, problem) in [
        (
            json!({ "max_rows": 0 }),
            "max_rows: must be at least 1, and is 0",
        ),
        (
            json!({ "max_rows": 5001 }),
            "max_rows: must be at most 5000, and is 5001",
        ),
        (
            json!({ "separator": "---" }),
            "separator: must have a length of at most 2, and has 3",
        ),
        (json!({ "workers": 3 }), "workers: 3 is not even"),
        (
            json!({ "max_rows": 0, "workers": 3 }),
            "max_rows: must be at least 1, and is 0; plugins.configured.config.workers: 3 is not even",
        ),
        (
            json!({ "max_rows": "many" }),
            "max_rows: invalid type: string \"many\", expected usize",
        ),
        (
            json!({ "widths": [1, 300] }),
            "widths.1: invalid value: integer `300`, expected u8",
        ),
        (
            json!({ "rows": 1 }),
            "rows: unknown field `rows`, expected one of `max_rows`, `separator`, `workers`, `comment`, `widths`",
        ),
    ] {
        let host = Setup::with(&["configured"])
            .plugin("configured", options(config))
            .start()
            .await;
        let expected = format!("its config does not fit: plugins.configured.config.{problem}");
        assert_eq!(host.failure("configured"), expected);
    }
}

#[tokio::test]
async fn a_plugin_without_options_takes_none() {
    let host = Setup::with(&["echo"])
        .plugin("echo", options(json!({ "loud": true })))
        .start()
        .await;
    let reason = host.failure("echo");
    assert!(reason.contains("unknown field `loud`"), "{reason}");
}

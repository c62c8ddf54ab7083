//! Plugins that a config names as interceptors, in a host.

use agentsys_host::config::{InterceptorSection, Reload};
use agentsys_host::{ErrorKind, TaskError, TaskOptions};
use serde_json::json;

use crate::harness::{Place, Setup, TestHost, options};
use crate::wired_routing::{telling, text};

/// A host with `intercepts` at that place, and `echo`.
fn intercepting(section: &str) -> Setup {
    Setup::with(&["echo", "intercepts"])
        .tune(|builder| builder.config_from(text(&format!("router.interceptors = [{section}]"))))
        .journal("intercepts")
}

async fn echo(host: &TestHost, how: &'static str) -> Result<String, TaskError> {
    let options = TaskOptions::default().label("how", how);
    let answer = host.router().route_task_with("echo", "hi", options).await?;
    Ok(answer.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_plugin_that_the_config_names_stands_round_every_task() {
    let host = intercepting("\"intercepts\"").start().await;
    assert_eq!(echo(&host, "").await.unwrap(), "hi");
    for how in ["answers", "later_answers"] {
        assert_eq!(echo(&host, how).await.unwrap(), "instead of echo: hi");
    }
    for how in ["refuses", "later_refuses"] {
        let error = echo(&host, how).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Unavailable, "not today")
        );
        assert_eq!(error.causes().collect::<Vec<_>>(), ["it is Sunday"]);
        assert_eq!(error.attempts(), 1, "it is the last word");
    }
    let lines = host.place.journal().lines();
    let ended: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains(" echo by "))
        .collect();
    // It is told of what it let through.
    assert_eq!(ended.len(), 1, "{lines:?}");
    assert!(
        ended[0].contains("echo by Some(\"echo\") in 1 attempts"),
        "{lines:?}"
    );
    assert!(
        ended[0].ends_with(": hi (text/plain)") || ended[0].contains(": hi ("),
        "{lines:?}"
    );
    host.shutdown().await;
}

#[tokio::test]
async fn labels_of_an_interceptor_come_to_agents() {
    let host = intercepting("\"intercepts\"")
        .tune(|builder| builder.agent("there", telling()))
        .start()
        .await;
    let options = TaskOptions::default().label("how", "annotates");
    let answer = host
        .router()
        .route_task_with("there", "hi", options)
        .await
        .unwrap();
    let answer = answer.to_str().unwrap().to_owned();
    assert!(
        answer.contains(r#"["how=annotates", "route=there", "seen=yes"]"#),
        "{answer}"
    );
    host.shutdown().await;
}

#[tokio::test]
async fn one_that_does_not_run_is_passed_by_and_a_required_one_refuses_tasks() {
    let host = intercepting("\"intercepts\"").start().await;
    assert_eq!(
        echo(&host, "panics").await.unwrap(),
        "hi",
        "a panic is passed by"
    );
    host.until("a fresh instance answers", |_| true).await;
    host.disable("intercepts").await.unwrap();
    assert_eq!(echo(&host, "refuses").await.unwrap(), "hi");
    host.enable("intercepts").await.unwrap();
    assert!(echo(&host, "refuses").await.is_err());
    host.shutdown().await;

    let required = r#"{ plugin = "intercepts", required = true }"#;
    let host = intercepting(required).start().await;
    assert_eq!(echo(&host, "").await.unwrap(), "hi");
    host.disable("intercepts").await.unwrap();
    let error = echo(&host, "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error
            .message()
            .starts_with("interceptor \"intercepts\" is required"),
        "{error}"
    );
    host.shutdown().await;
}

/// Its old generation has ended before the new one begins: tasks wait for that, and none goes past it.
#[tokio::test]
async fn no_task_passes_an_interceptor_by_while_another_build_takes_its_place() {
    for reload in [Reload::Swap, Reload::StopFirst] {
        let place = Place::new();
        let journal = json!({ "journal": place.journal().path() });
        for plugin in ["echo", "intercepts"] {
            place.add(plugin);
        }
        let required = r#"router.interceptors = [{ plugin = "intercepts", required = true }]"#;
        let host = Setup::at(place)
            .tune(|builder| builder.config_from(text(required)))
            .plugin("intercepts", options(journal).reload(reload))
            .start()
            .await;
        let calls = async {
            let mut answered = 0;
            while host.status("intercepts").generation != Some(3) {
                for how in ["answers", "later_answers"] {
                    assert_eq!(echo(&host, how).await.unwrap(), "instead of echo: hi");
                    answered += 1;
                }
                tokio::task::yield_now().await;
            }
            answered
        };
        let reloads = async {
            for _ in 0..2 {
                host.reload("intercepts").await.unwrap();
            }
        };
        let (answered, ()) = tokio::join!(calls, reloads);
        assert!(answered > 0);
        host.shutdown().await;
    }
}

#[tokio::test]
async fn the_list_of_interceptors_changes_with_the_config() {
    let host = Setup::with(&["echo", "intercepts"])
        .journal("intercepts")
        .start()
        .await;
    assert_eq!(echo(&host, "answers").await.unwrap(), "hi");
    let with = |interceptors: Vec<InterceptorSection>| {
        let mut loaded = (*host.config()).clone();
        loaded.config.router.interceptors = interceptors;
        assert_eq!(host.reconfigure(loaded).unwrap(), [""; 0]);
    };
    with(vec![InterceptorSection::new("intercepts")]);
    assert_eq!(echo(&host, "answers").await.unwrap(), "instead of echo: hi");
    host.reload("intercepts").await.unwrap();
    assert_eq!(echo(&host, "answers").await.unwrap(), "instead of echo: hi");
    with(Vec::new());
    assert_eq!(echo(&host, "answers").await.unwrap(), "hi");
    host.shutdown().await;
}

/// Not one line in `echo` or `data-agents` says so.
#[tokio::test]
async fn the_activity_logger_writes_down_what_every_agent_does() {
    let place = Place::new();
    for plugin in ["activity_logger", "echo", "data_agents"] {
        place.add(plugin);
    }
    let log = place.path().join("activity.log");
    let logger = options(json!({ "log_file": log }));
    let config = text(r#"router.interceptors = ["activity-logger"]"#);
    let host = Setup::at(place)
        .tune(|builder| builder.config_from(config))
        .plugin("activity-logger", logger)
        .start()
        .await;
    host.call("echo", "hi").await.unwrap();
    host.call("process_stream", "no").await.unwrap_err();
    host.shutdown().await;
    let text = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().any(|line| line.contains("echo")), "{text}");
    assert!(
        lines
            .iter()
            .any(|line| line.contains("data-agents") || line.contains("process_stream")),
        "{text}"
    );
}

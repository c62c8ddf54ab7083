//! A plugin that failed is started again: how often, after how long, and when not.

use std::time::Duration;

use agentsys_host::{Host, PluginOptions, PluginState, PluginStatus};
use serde_json::json;

use crate::player::{Stage, on_this_runtime, part, status};

const HOUR: Duration = Duration::from_secs(3600);

/// A host on this runtime with a plugin `p` of these options.
async fn host_with(options: PluginOptions) -> Host {
    let builder = on_this_runtime().linked(part("p", "1.0.0", &[]));
    builder.plugin_options("p", options).build().await.unwrap()
}

fn state_and_reason(status: &PluginStatus) -> (PluginState, &str) {
    (status.state, status.reason.as_deref().unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn a_failed_plugin_is_tried_again_after_twice_as_long_each_time_up_to_its_limit() {
    let stage = Stage::new();
    let options = stage.acts(json!({ "fails": 100, "timed": true }));
    let host = host_with(options.restart_on_failure(3, Duration::from_secs(1))).await;
    tokio::time::sleep(HOUR).await;
    let expected = [0, 1, 3, 7].map(|at| format!("p tries at {at} s"));
    assert_eq!(stage.lines(), expected);
    let status = status(&host, "p");
    let failed = (PluginState::Failed, "`initialize` failed: no luck (4)");
    assert_eq!(state_and_reason(&status), failed);
    assert_eq!(status.failures, 4);
    host.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_up_again_serves_and_counts_no_failures() {
    for panics in [false, true] {
        let stage = Stage::new();
        let options = stage.acts(json!({ "fails": 2, "panics": panics }));
        let host = host_with(options.restart_on_failure(2, Duration::from_secs(1))).await;
        tokio::time::sleep(HOUR).await;
        let status = status(&host, "p");
        assert_eq!(state_and_reason(&status), (PluginState::Running, ""));
        assert_eq!((status.failures, status.generation), (0, Some(1)));
        assert_eq!(
            host.router()
                .route_task("play", "hi")
                .await
                .unwrap()
                .to_str()
                .unwrap(),
            "p says hi"
        );
        host.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_being_told_to_nothing_is_tried_again() {
    let stage = Stage::new();
    let host = host_with(stage.acts(json!({ "fails": 1, "timed": true }))).await;
    tokio::time::sleep(HOUR).await;
    assert_eq!(stage.lines(), ["p tries at 0 s"]);
    assert_eq!(status(&host, "p").state, PluginState::Failed);
    host.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_another_try_cannot_mend_is_not_tried_again() {
    let stage = Stage::new();
    let options = stage.acts(json!({ "timed": true, "fials": 1 }));
    let host = host_with(options.restart_on_failure(9, Duration::from_secs(1))).await;
    tokio::time::sleep(HOUR).await;
    let status = status(&host, "p");
    assert_eq!((status.state, status.failures), (PluginState::Failed, 1));
    let reason = status.reason.unwrap();
    assert!(reason.contains("unknown field `fials`"), "{reason}");
    assert_eq!(stage.lines(), [""; 0]);
    host.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_is_due_after_the_shutdown_does_not_come() {
    let stage = Stage::new();
    let options = stage.acts(json!({ "fails": 9, "timed": true }));
    let host = host_with(options.restart_on_failure(9, Duration::from_secs(60))).await;
    host.shutdown().await;
    tokio::time::sleep(HOUR).await;
    let failed = (PluginState::Failed, "`initialize` failed: no luck (1)");
    assert_eq!(state_and_reason(&status(&host, "p")), failed);
    assert_eq!(stage.lines(), ["p tries at 0 s"]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_during_a_restart_waits_for_it_and_cleans_it_up() {
    let stage = Stage::new();
    let options = stage.acts(json!({ "fails": 1, "waits_from": 2 }));
    let host = host_with(options.restart_on_failure(9, Duration::from_secs(1))).await;
    stage.wait_for("p waits").await;
    let opening = stage.clone();
    tokio::join!(host.shutdown(), async move { opening.open() });
    assert_eq!(
        stage.lines(),
        ["p waits", "p initialized", "p cleaned up", "p dropped"]
    );
    assert_eq!(
        state_and_reason(&status(&host, "p")),
        (PluginState::Stopped, "")
    );
    assert!(host.routes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_fails_during_the_shutdown_is_the_last() {
    let stage = Stage::new();
    let options = stage.acts(json!({ "fails": 9, "waits_from": 2 }));
    let host = host_with(options.restart_on_failure(9, Duration::from_secs(1))).await;
    stage.wait_for("p waits").await;
    let opening = stage.clone();
    tokio::join!(host.shutdown(), async move { opening.open() });
    tokio::time::sleep(HOUR).await;
    let failed = (PluginState::Failed, "`initialize` failed: no luck (2)");
    assert_eq!(state_and_reason(&status(&host, "p")), failed);
    assert_eq!(stage.lines(), ["p waits"]);
}

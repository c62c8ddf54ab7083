//! Steps of a plugin's life, and calls, that do what they should not.

use std::time::Duration;

use agentsys_host::PluginOptions;
use agentsys_router::ErrorKind;

use super::{host, is_unloaded_when_disabled, start};
use crate::harness::{Program, Setup, TestHost, logged};
use crate::program::{ask, place};

#[tokio::test]
async fn a_cleanup_may_call_others_and_is_refused_by_itself() {
    let host = Setup::with(&["echo", "cleanup_calls_the_router"])
        .journal("cleanup_calls_the_router")
        .start()
        .await;
    is_unloaded_when_disabled(&host, "cleanup_calls_the_router").await;
    assert_eq!(
        host.place.journal().lines(),
        ["echo answers", "itself: NotFound"]
    );
}

async fn initialize_calls_itself(options: PluginOptions) -> TestHost {
    let impatient = options.initialize_timeout(Duration::from_millis(500));
    start("initialize_calls_itself", impatient).await
}

#[tokio::test]
async fn an_initialize_that_calls_its_own_route_fails_since_that_does_not_serve_yet() {
    let host = initialize_calls_itself(PluginOptions::default()).await;
    let reason = host.failure("initialize_calls_itself");
    assert!(reason.starts_with("`initialize` failed: "), "{reason}");
    host.assert_serves().await;
}

/// There the route is known, and the call waits for what it is part of.
#[tokio::test]
async fn an_initialize_of_a_lazy_plugin_that_calls_its_own_route_costs_its_time() {
    let host = initialize_calls_itself(PluginOptions::default().lazy(true)).await;
    let error = host.call("initialize_calls_itself", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let expected = "`initialize` did not finish within 500ms";
    assert!(error.message().contains(expected), "{}", error.message());
    host.assert_serves().await;
}

#[tokio::test]
async fn a_panic_hook_of_the_authors_takes_the_place_away_and_not_the_message() {
    let host = host("installs_a_panic_hook").await;
    let error = host.call("installs_a_panic_hook", "hooked").await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert_eq!(
        error.message(),
        "the handler of route `installs_a_panic_hook` panicked: hooked"
    );
    is_unloaded_when_disabled(&host, "installs_a_panic_hook").await;
}

#[tokio::test]
async fn metrics_without_end_are_refused_and_the_log_is_not_flooded() {
    let host = host("measures_without_end").await;
    host.call("measures_without_end", "2000").await.unwrap();
    let metrics = host.metrics().plugins;
    let own = metrics
        .iter()
        .find(|plugin| plugin.plugin == "measures_without_end");
    assert_eq!(own.unwrap().metrics.len(), 1000);
    assert_eq!(logged("is one metric too many").len(), 10);
    assert_eq!(logged("by still more names").len(), 1);
    is_unloaded_when_disabled(&host, "measures_without_end").await;
}

/// In a process of its own, which was given relative paths.
#[test]
fn a_plugin_that_changes_the_directory_does_not_lead_the_host_astray() {
    let place = place(&["echo", "changes_the_directory"]);
    let _host = Program::run_inside(&place);
    let elsewhere = std::env::temp_dir();
    let moved = ask(
        &place,
        &[
            "call",
            "changes_the_directory",
            "--data",
            elsewhere.to_str().unwrap(),
        ],
    );
    assert_eq!(moved.code, Some(0), "{}", moved.stderr);
    // What is dropped into the directory is found where that was.
    place.add("typed");
    let began = std::time::Instant::now();
    while ask(&place, &["call", "reverse", "--data", "ab"]).code != Some(0) {
        assert!(began.elapsed() < crate::harness::PATIENCE);
    }
    let reloaded = ask(&place, &["reload", "echo"]);
    assert_eq!(reloaded.code, Some(0), "{}", reloaded.stderr);
    let ended = ask(&place, &["call", "echo", "--data", "still here"]);
    assert_eq!(ended.stdout, "still here", "{}", ended.stderr);
}

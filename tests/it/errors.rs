//! Errors of handlers, and the router's own, as their callers get them.

use std::time::Duration;

use agentsys_host::{RoutePolicy, TaskOptions};
use agentsys_router::ErrorKind;

use crate::harness::{Setup, TestHost};

async fn host() -> TestHost {
    Setup::with(&["misbehaves", "echo"]).start().await
}

#[tokio::test]
async fn an_authors_own_error_comes_with_its_chain_of_causes() {
    let error = host().await.call("fails", "").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Failed, false)
    );
    assert_eq!(error.message(), "the report cannot be written");
    assert_eq!(
        error.causes().collect::<Vec<_>>(),
        ["page 7 is full", "the disk is gone"]
    );
    assert_eq!(
        (error.route(), error.agent()),
        (Some("fails"), Some("misbehaves"))
    );
}

#[tokio::test]
async fn an_error_says_its_kind_and_whether_a_retry_may_help() {
    let error = host().await.call("fails_for_now", "").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Unavailable, true)
    );
    assert_eq!(error.message(), "the scanner warms up");
}

#[tokio::test]
async fn an_error_is_no_reason_for_a_fresh_instance() {
    let host = host().await;
    host.call("fails", "").await.unwrap_err();
    assert_eq!(host.call("instance", "").await.unwrap(), "1");
}

#[tokio::test]
async fn an_unknown_route_suggests_a_near_name() {
    let error = host().await.call("eccho", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.message(),
        "no route is named \"eccho\"; did you mean \"echo\"?"
    );
}

#[tokio::test]
async fn a_timeout_drops_the_plugins_future() {
    let setup = Setup::with(&["misbehaves", "echo"]).journal("misbehaves");
    let policy = RoutePolicy::default().timeout(Duration::from_millis(30));
    let host = setup
        .tune(|builder| builder.route_policy("awaits", policy))
        .start()
        .await;
    let error = host.call("awaits", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(
        (error.route(), error.agent()),
        (Some("awaits"), Some("misbehaves"))
    );
    host.place.journal().wait_for("awaits dropped").await;
    host.assert_serves().await;
}

#[tokio::test]
async fn a_caller_that_gives_up_drops_the_plugins_future() {
    let host = Setup::with(&["misbehaves"])
        .journal("misbehaves")
        .start()
        .await;
    let given_up = tokio::time::timeout(Duration::from_millis(30), host.call("awaits", "")).await;
    assert!(given_up.is_err());
    assert_eq!(host.place.journal().lines(), ["awaits dropped"]);
}

#[tokio::test]
async fn a_deadline_of_the_callers_own_holds() {
    let host = host().await;
    let deadline = tokio::time::Instant::now() + Duration::from_millis(30);
    let options = TaskOptions::default().deadline(deadline);
    let error = host
        .router()
        .route_task_with("awaits", "", options)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_blocking_handler_sees_that_nobody_waits_any_more() {
    let host = Setup::with(&["misbehaves"])
        .journal("misbehaves")
        .start()
        .await;
    let given_up =
        tokio::time::timeout(Duration::from_millis(30), host.call("until_cancelled", "")).await;
    assert!(given_up.is_err());
    host.place.journal().wait_for("cancelled").await;
}

#[tokio::test]
async fn a_blocking_handler_sees_that_its_time_is_over() {
    let policy = RoutePolicy::default().timeout(Duration::from_millis(30));
    let setup = Setup::with(&["misbehaves"]).journal("misbehaves");
    let host = setup
        .tune(|builder| builder.route_policy("until_cancelled", policy))
        .start()
        .await;
    // Whether its answer still comes in time is a race.
    if let Err(error) = host.call("until_cancelled", "").await {
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }
    host.place.journal().wait_for("cancelled").await;
}

#[tokio::test]
async fn a_stopped_host_takes_no_tasks() {
    let host = host().await;
    host.shutdown().await;
    let error = host.call("echo", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRunning);
}

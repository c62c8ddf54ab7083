//! Handlers that never return: nobody can stop them, and they stop nobody.

use std::time::{Duration, Instant};

use agentsys_host::{PluginOptions, RoutePolicy};
use agentsys_router::ErrorKind;

use crate::harness::{PATIENCE, Setup, TestHost};

/// A host that shuts down within a second.
async fn host() -> TestHost {
    Setup::with(&["misbehaves", "echo"])
        .tune(|builder| {
            let policy = RoutePolicy::default().timeout(Duration::from_millis(50));
            builder
                .default_policy(policy)
                .drain_timeout(Duration::from_millis(100))
                .shutdown_timeout(Duration::from_secs(1))
        })
        .start()
        .await
}

async fn until_in_flight(host: &TestHost, route: &str, wanted: usize) {
    let in_flight = || {
        let routes = host.routes();
        let route = routes.iter().find(|other| other.name == route).unwrap();
        route
            .agents
            .iter()
            .map(|agent| agent.in_flight)
            .sum::<usize>()
    };
    let look = async {
        while in_flight() < wanted {
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, look).await;
    assert!(
        found.is_ok(),
        "only {} of {wanted} are under way",
        in_flight()
    );
}

#[tokio::test]
async fn a_plain_handler_that_never_returns_stops_neither_other_routes_nor_the_shutdown() {
    let host = host().await;
    let _stuck = host.call_apart("never_returns");
    until_in_flight(&host, "never_returns", 1).await;
    host.assert_serves().await;
    assert_eq!(
        host.call("instance", "").await.unwrap(),
        "1",
        "the same plugin's other routes too"
    );

    let began = Instant::now();
    let shutdown = host.shutdown().await;
    assert_eq!(shutdown.cut_off, 1);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        host.status("echo").reason,
        None,
        "the others are cleaned up"
    );
}

/// As many as a route takes at once.
#[tokio::test]
async fn a_route_full_of_handlers_that_never_return_stops_no_other_route() {
    let host = host().await;
    let full = RoutePolicy::default().max_concurrent;
    for _ in 0..full {
        drop(host.call_apart("never_returns"));
    }
    until_in_flight(&host, "never_returns", full).await;
    let answer = tokio::time::timeout(PATIENCE, host.call_apart("echo")).await;
    assert!(answer.expect("a thread is left").unwrap().is_ok());
    host.shutdown().await;
}

#[tokio::test]
async fn a_blocking_handler_that_never_returns_times_out_and_keeps_its_place() {
    let host = host().await;
    for _ in 0..2 {
        let error = host
            .call("never_returns_on_the_pool", "")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }
    let error = host
        .call("never_returns_on_the_pool", "")
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Overloaded, true)
    );
    assert_eq!(
        error.message(),
        "all 2 threads for the plugin's blocking handlers are in use"
    );
    host.assert_serves().await;

    let began = Instant::now();
    host.shutdown().await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn the_operator_may_give_the_pool_another_size() {
    let policy = RoutePolicy::default().timeout(Duration::from_millis(50));
    let host = Setup::with(&["misbehaves"])
        .plugin("misbehaves", PluginOptions::default().blocking_threads(1))
        .tune(|builder| builder.default_policy(policy))
        .start()
        .await;
    host.call("never_returns_on_the_pool", "")
        .await
        .unwrap_err();
    let error = host
        .call("never_returns_on_the_pool", "")
        .await
        .unwrap_err();
    assert_eq!(
        error.message(),
        "all 1 threads for the plugin's blocking handlers are in use"
    );
}

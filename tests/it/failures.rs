//! The tasks that failed last, as the host keeps them.

use std::time::Duration;

use agentsys_host::{FailedTask, Payload, RoutePolicy};
use serde_json::json;

use crate::harness::{Setup, TestHost};

fn ask(whom: &str, data: &str) -> Payload {
    Payload::json(json!({ "whom": whom, "data": data }).to_string())
}

impl TestHost {
    /// What is kept of a route, the latest first.
    fn failed(&self, route: &str) -> Vec<FailedTask> {
        let all = self.errors().into_iter();
        all.filter(|task| task.route == route).collect()
    }
}

#[tokio::test]
async fn a_failed_task_is_kept_with_what_an_operator_asks_first() {
    let host = Setup::with(&["misbehaves"]).start().await;
    host.call("fails", "seven b").await.unwrap_err();
    let failed = host.failed("fails");
    let [task] = &failed[..] else {
        panic!("{failed:?}")
    };
    assert_eq!(task.message, "the report cannot be written");
    assert_eq!(task.causes, ["page 7 is full", "the disk is gone"]);
    assert_eq!((task.kind, task.retryable), ("failed", false));
    assert_eq!(task.plugin.as_deref(), Some("misbehaves"));
    assert_eq!(task.agent.as_deref(), Some("misbehaves"));
    assert_eq!(task.generation, host.status("misbehaves").generation);
    assert_eq!((task.input_bytes, task.attempts, task.hops), (7, 1, 0));
    assert_eq!(task.trace.len(), 32);
    assert!(task.at > 1.7e9);
}

#[tokio::test]
async fn a_failure_is_told_with_its_plugin_whatever_its_kind() {
    let host = Setup::with(&["stores", "typed", "misbehaves"])
        .start()
        .await;
    host.call("get", "no such key").await.unwrap_err();
    host.call("total", "{}").await.unwrap_err();
    host.call("panics", "x").await.unwrap_err();
    let of = |route| {
        let task = host.failed(route).remove(0);
        (task.kind, task.plugin.unwrap(), task.generation.is_some())
    };
    assert_eq!(of("get"), ("not_found", "stores".to_owned(), true));
    assert_eq!(of("total"), ("invalid_input", "typed".to_owned(), true));
    assert_eq!(of("panics"), ("panicked", "misbehaves".to_owned(), true));
}

#[tokio::test]
async fn a_timeout_and_a_retried_failure_are_kept_with_their_attempts() {
    let quick = RoutePolicy::default().timeout(Duration::from_millis(30));
    let twice = RoutePolicy::default().retry_count(2);
    let host = Setup::with(&["misbehaves"])
        .tune(|builder| {
            builder
                .route_policy("awaits", quick)
                .route_policy("fails_for_now", twice)
        })
        .start()
        .await;
    host.call("awaits", "").await.unwrap_err();
    host.call("fails_for_now", "").await.unwrap_err();
    let task = host.failed("awaits").remove(0);
    assert_eq!((task.kind, task.attempts), ("timeout", 1));
    assert_eq!(task.plugin.as_deref(), Some("misbehaves"));
    let task = host.failed("fails_for_now").remove(0);
    assert_eq!(
        (task.kind, task.attempts, task.retryable),
        ("unavailable", 3, true)
    );
}

#[tokio::test]
async fn nested_tasks_that_fail_share_their_trace() {
    let host = Setup::with(&["asks", "misbehaves"]).start().await;
    host.call("ask_route", ask("fails", "x")).await.unwrap_err();
    let outer = host.failed("ask_route").remove(0);
    let inner = host.failed("fails").remove(0);
    assert_eq!(outer.trace, inner.trace);
    assert_ne!(outer.task, inner.task);
    assert_eq!((outer.hops, inner.hops), (0, 1));
    assert_eq!((outer.message, outer.causes), (inner.message, inner.causes));
    // Each names the plugin that failed its own task.
    assert_eq!(outer.plugin.as_deref(), Some("asks"));
    assert_eq!(inner.plugin.as_deref(), Some("misbehaves"));

    host.call("ask_route", ask("fails", "x")).await.unwrap_err();
    let again = host.failed("ask_route").remove(0);
    assert_ne!(again.trace, outer.trace);
}

#[tokio::test]
async fn so_many_are_kept_of_each_route_the_latest_first() {
    let host = Setup::with(&["misbehaves"])
        .tune(|builder| {
            let mut config = agentsys_host::Config::default();
            config.host.error_history = 3;
            config.host.plugin_dirs.clear();
            builder.config(config)
        })
        .start()
        .await;
    for bytes in 0..7 {
        host.call("fails", "x".repeat(bytes)).await.unwrap_err();
    }
    host.call("panics", "x").await.unwrap_err();
    let kept: Vec<usize> = host
        .failed("fails")
        .iter()
        .map(|task| task.input_bytes)
        .collect();
    assert_eq!(kept, [6, 5, 4]);
    assert_eq!(host.errors().len(), 4);
    assert_eq!(host.errors()[0].route, "panics");
}

#[tokio::test]
async fn names_that_are_no_routes_do_not_grow_what_is_kept() {
    let host = Setup::with(&["echo"]).start().await;
    for number in 0..1_000 {
        let name = format!("made-up-{number}");
        host.call(&name, "").await.unwrap_err();
    }
    let kept = host.errors();
    assert_eq!(kept.len(), 32);
    assert_eq!(kept[0].route, "made-up-999");
    assert_eq!((kept[0].kind, kept[0].attempts), ("not_found", 0));
    assert_eq!((&kept[0].plugin, &kept[0].agent), (&None, &None));
}

#[tokio::test]
async fn what_is_answered_is_not_kept() {
    let host = Setup::with(&["echo"]).start().await;
    host.call("echo", "x").await.unwrap();
    assert!(host.errors().is_empty());
}

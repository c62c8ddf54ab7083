//! What a plugin leaves behind that would run, or be run, when its library is gone.

use std::thread;

use agentsys_host::PluginState;
use agentsys_router::ErrorKind;

use super::{host, is_unloaded_when_disabled, until};
use crate::harness::{TestHost, logged, plugin_logs};

/// Calls the culprit, and gives the call up with its plugin.
async fn cut_off(culprit: &'static str, words: &str) -> TestHost {
    let host = host(culprit).await;
    let (router, words) = (host.router().clone(), words.to_owned());
    let call = tokio::spawn(async move { router.route_task(culprit, words).await });
    until(&host, culprit, |host| {
        let mut agents = host.routes().into_iter().flat_map(|route| route.agents);
        agents.any(|agent| agent.in_flight > 0).then_some(())
    })
    .await;
    is_unloaded_when_disabled(&host, culprit).await;
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Cancelled, true)
    );
    host
}

#[tokio::test]
async fn a_future_that_is_never_ready_is_cut_off() {
    cut_off("future_never_ready", "").await;
}

#[tokio::test]
async fn a_future_that_panics_when_it_is_dropped_is_cut_off_and_logged() {
    cut_off("future_drop_panics", "it would not be cut off").await;
    assert!(!logged("it would not be cut off").is_empty());
}

#[tokio::test]
async fn a_waker_of_the_hosts_in_a_static_keeps_nothing() {
    cut_off("keeps_its_waker", "").await;
}

#[tokio::test]
async fn a_handle_to_the_host_in_a_static_keeps_nothing() {
    let host = host("leaks_its_host").await;
    host.call("leaks_its_host", "").await.unwrap();
    is_unloaded_when_disabled(&host, "leaks_its_host").await;
    host.shutdown().await;
}

#[tokio::test]
async fn an_exit_hook_runs_before_its_code_is_gone() {
    let host = host("registers_an_exit_hook").await;
    let journal = host.place.journal();
    let path = journal.path().to_str().unwrap().to_owned();
    host.call("registers_an_exit_hook", path).await.unwrap();
    is_unloaded_when_disabled(&host, "registers_an_exit_hook").await;
    assert_eq!(journal.lines(), ["exit hook"]);
}

#[tokio::test]
async fn a_destructor_sees_the_other_thread_locals_of_its_own_thread() {
    let host = host("thread_local_touches_another").await;
    let journal = host.place.journal();
    let path = journal.path().to_str().unwrap().to_owned();
    host.call("thread_local_touches_another", path)
        .await
        .unwrap();
    is_unloaded_when_disabled(&host, "thread_local_touches_another").await;
    let lines = journal.lines();
    // The second one was registered later, so it is gone by then; the third is made by the destructor itself.
    assert_eq!(lines, ["saw None and Some(3)"]);
}

#[tokio::test]
async fn a_destructor_that_logs_counts_and_routes_after_the_closing_is_heard_by_nobody() {
    let host = host("thread_local_logs").await;
    host.call("thread_local_logs", "too late to log")
        .await
        .unwrap();
    is_unloaded_when_disabled(&host, "thread_local_logs").await;
    assert!(plugin_logs("too late to log").is_empty());
}

#[tokio::test]
async fn a_destructor_that_logs_on_a_thread_that_ends_before_is_heard() {
    let host = host("thread_local_logs").await;
    let router = host.router().clone();
    let caller = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let call = router.route_task("thread_local_logs", "early enough to log");
        runtime.unwrap().block_on(call).unwrap();
    });
    caller.join().unwrap();
    assert_eq!(plugin_logs("early enough to log").len(), 1);
    is_unloaded_when_disabled(&host, "thread_local_logs").await;
}

#[tokio::test]
async fn a_thread_that_panics_is_a_line_in_the_log() {
    let host = host("thread_panics").await;
    host.call("thread_panics", "the thread fell").await.unwrap();
    until(&host, "thread_panics", |_| {
        (!plugin_logs("the thread fell").is_empty()).then_some(())
    })
    .await;
    assert_eq!(host.status("thread_panics").state, PluginState::Running);
    is_unloaded_when_disabled(&host, "thread_panics").await;
}

//! Initialize, clean up, drop: each within its time, whatever the plugin does; one plugin's failure is no other's.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use agentsys_host::{ErrorKind, PluginOptions, PluginState, Router};
use serde_json::json;

use crate::harness::{Place, Setup, TestHost, logged, options};

/// A host with `echo` and a plugin that must not get through `initialize`: why it did not.
async fn does_not_run(plugin: &str, options: PluginOptions) -> (TestHost, String) {
    let host = Setup::with(&["echo", plugin])
        .plugin(plugin, options)
        .start()
        .await;
    host.assert_serves().await;
    let reason = host.failure(plugin);
    (host, reason)
}

fn impatient() -> PluginOptions {
    PluginOptions::default().initialize_timeout(Duration::from_millis(300))
}

#[tokio::test]
async fn an_initialize_that_fails_is_reported_with_its_causes() {
    let (_, reason) = does_not_run("initialize_fails", PluginOptions::default()).await;
    assert_eq!(
        reason,
        "`initialize` failed: the model cannot be loaded: the disk is gone"
    );
}

#[tokio::test]
async fn an_initialize_that_panics_is_reported_with_its_place() {
    let (_, reason) = does_not_run("initialize_panics", PluginOptions::default()).await;
    let beginning = "`initialize` failed: `initialize` panicked at ";
    assert!(reason.starts_with(beginning), "{reason}");
    assert!(
        reason.contains("fixtures/initialize_panics.rs:"),
        "{reason}"
    );
    assert!(
        reason.ends_with(": initialize_panics has no luck"),
        "{reason}"
    );
}

#[tokio::test]
async fn an_initialize_that_awaits_for_ever_is_given_up_and_dropped() {
    let place = Place::new();
    place.add("initialize_awaits");
    place.add("echo");
    let config = options(json!({ "journal": place.journal().path() }));
    let config = config.initialize_timeout(Duration::from_millis(300));
    let host = Setup::at(place)
        .plugin("initialize_awaits", config)
        .start()
        .await;
    assert_eq!(
        host.failure("initialize_awaits"),
        "`initialize` did not finish within 300ms"
    );
    host.assert_serves().await;
    host.place.journal().wait_for("initialize dropped").await;
}

#[tokio::test]
async fn an_initialize_that_never_returns_stops_neither_the_others_nor_the_shutdown() {
    let began = Instant::now();
    let (host, reason) = does_not_run("initialize_blocks", impatient()).await;
    assert_eq!(reason, "`initialize` did not finish within 300ms");
    host.shutdown().await;
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn where_the_second_instance_fails_the_first_is_cleaned_up() {
    let place = Place::new();
    place.add("steps");
    let config = json!({ "journal": place.journal().path(), "second_fails": true });
    let host = Setup::at(place)
        .plugin("steps", options(config).instances(2))
        .start()
        .await;
    assert_eq!(host.failure("steps"), "`initialize` failed: one is enough");
    assert_eq!(
        host.place.journal().lines(),
        ["steps initialized", "steps cleaned up", "steps dropped"]
    );
    host.until("its library is watched to its end", |host| {
        host.status("steps").history[0].end.as_deref() == Some("unloaded")
    })
    .await;
}

#[tokio::test]
async fn an_instance_is_initialized_cleaned_up_and_dropped_once() {
    let host = Setup::with(&["steps"]).journal("steps").start().await;
    host.shutdown().await;
    host.shutdown().await;
    assert_eq!(
        host.place.journal().lines(),
        ["steps initialized", "steps cleaned up", "steps dropped"]
    );
    assert_eq!(host.status("steps").state, PluginState::Stopped);
    assert_eq!(host.status("steps").reason, None);
}

async fn start_in_order(first: &str, second: &str) -> TestHost {
    let place = Place::new();
    place.add(first);
    place.add(second);
    let journal = place.journal().path().to_owned();
    Setup::at(place)
        .plugin(first, options(json!({ "journal": journal })))
        .plugin(
            second,
            options(json!({ "journal": journal, "after": first })),
        )
        .start()
        .await
}

#[tokio::test]
async fn plugins_are_cleaned_up_in_the_reverse_order_of_their_start() {
    for (first, second) in [("steps", "more_steps"), ("more_steps", "steps")] {
        let host = start_in_order(first, second).await;
        host.shutdown().await;
        let expected = [
            format!("{first} initialized"),
            format!("{second} initialized"),
            format!("{second} cleaned up"),
            format!("{second} dropped"),
            format!("{first} cleaned up"),
            format!("{first} dropped"),
        ];
        assert_eq!(host.place.journal().lines(), expected);
    }
}

#[tokio::test]
async fn an_instance_is_dropped_also_where_its_cleanup_failed() {
    let host = Setup::with(&["cleanup_fails", "echo"])
        .journal("cleanup_fails")
        .start()
        .await;
    host.shutdown().await;
    assert_eq!(host.place.journal().lines(), ["cleanup", "dropped"]);
    let status = host.status("cleanup_fails");
    assert_eq!(status.state, PluginState::Stopped);
    assert_eq!(
        status.reason.as_deref(),
        Some("`cleanup` failed: the last rows are lost: the cache cannot be written")
    );
    assert_eq!(host.status("echo").reason, None);
}

#[tokio::test]
async fn an_instance_is_dropped_also_where_its_cleanup_panicked() {
    let host = Setup::with(&["cleanup_panics"])
        .journal("cleanup_panics")
        .start()
        .await;
    host.shutdown().await;
    assert_eq!(host.place.journal().lines(), ["cleanup", "dropped"]);
    let reason = host.status("cleanup_panics").reason.unwrap();
    assert!(
        reason.starts_with("`cleanup` failed: `cleanup` panicked at "),
        "{reason}"
    );
    assert!(reason.ends_with(": nothing is clean"), "{reason}");
}

#[tokio::test]
async fn an_instance_is_dropped_also_where_its_cleanup_awaits_for_ever() {
    let place = Place::new();
    place.add("cleanup_awaits");
    let config = options(json!({ "journal": place.journal().path() }));
    let config = config.cleanup_timeout(Duration::from_millis(100));
    let host = Setup::at(place)
        .plugin("cleanup_awaits", config)
        .start()
        .await;
    host.shutdown().await;
    let status = host.status("cleanup_awaits");
    assert_eq!(
        status.reason.as_deref(),
        Some("`cleanup` did not finish within 100ms")
    );
    host.place.journal().wait_for("dropped").await;
}

#[tokio::test]
async fn a_cleanup_that_never_returns_is_left_behind_and_the_others_are_cleaned_up() {
    let place = Place::new();
    place.add("cleanup_blocks");
    place.add("steps");
    let journal = json!({ "journal": place.journal().path() });
    let impatient = options(journal.clone()).cleanup_timeout(Duration::from_millis(100));
    let host = Setup::at(place)
        .plugin("cleanup_blocks", impatient)
        .plugin("steps", options(journal))
        .start()
        .await;
    host.shutdown().await;
    let status = host.status("cleanup_blocks");
    assert_eq!(
        status.reason.as_deref(),
        Some("`cleanup` did not finish within 100ms")
    );
    let lines = host.place.journal().lines();
    assert!(
        lines.contains(&"steps cleaned up".to_owned())
            && lines.contains(&"steps dropped".to_owned())
    );
    assert!(!logged("cleanup_blocks is stopped, but could not be closed").is_empty());
}

#[tokio::test]
async fn the_shutdowns_own_time_holds_where_a_cleanup_takes_longer() {
    let setup = Setup::with(&["cleanup_awaits", "cleanup_blocks"]);
    let host = setup
        .tune(|builder| builder.shutdown_timeout(Duration::from_millis(500)))
        .start()
        .await;
    let began = Instant::now();
    host.shutdown().await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_shutdown_lets_tasks_under_way_finish() {
    let host = Setup::with(&["runs_tokio"]).start().await;
    let router = host.router().clone();
    let task = tokio::spawn(async move { router.route_task("sleeps", "100").await });
    while host
        .routes()
        .iter()
        .all(|route| route.agents[0].in_flight == 0)
    {
        tokio::task::yield_now().await;
    }
    let shutdown = host.shutdown().await;
    assert_eq!(shutdown.cut_off, 0);
    assert!(task.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_shutdown_cuts_off_what_does_not_end_in_time() {
    let setup = Setup::with(&["misbehaves"]).journal("misbehaves");
    let host = setup
        .tune(|builder| builder.drain_timeout(Duration::from_millis(50)))
        .start()
        .await;
    let router = host.router().clone();
    let task = tokio::spawn(async move { router.route_task("awaits", "").await });
    while host
        .routes()
        .iter()
        .all(|route| route.agents[0].in_flight == 0)
    {
        tokio::task::yield_now().await;
    }
    let shutdown = host.shutdown().await;
    assert_eq!(shutdown.cut_off, 1);
    let error = task.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), agentsys_host::ErrorKind::Cancelled);
    assert_eq!(host.place.journal().lines(), ["awaits dropped"]);
}

#[tokio::test]
async fn instances_are_dropped_also_where_the_host_is_dropped_without_a_shutdown() {
    let host = Setup::with(&["steps"]).journal("steps").start().await;
    let journal = host.place.journal();
    let _place = host.place.clone();
    drop(host);
    journal.wait_for("steps dropped").await;
    assert_eq!(journal.lines(), ["steps initialized", "steps dropped"]);
}

#[tokio::test]
async fn instances_are_dropped_also_where_the_building_of_the_host_is_given_up() {
    let place = Place::new();
    let (journal, _place) = (place.journal(), place.clone());
    place.add("steps");
    place.add("initialize_awaits");
    let building = Setup::at(place)
        .journal("steps")
        .journal("initialize_awaits");
    let serves = journal.wait_for("steps initialized");
    tokio::select! {
        _ = building.start() => panic!("one of them never gets through `initialize`"),
        () = serves => {}
    }
    journal.wait_for("steps dropped").await;
}

#[tokio::test]
async fn a_shutdown_may_have_all_the_time_in_the_world() {
    let host = Setup::with(&["steps"])
        .journal("steps")
        .tune(|builder| {
            builder
                .shutdown_timeout(Duration::MAX)
                .drain_timeout(Duration::MAX)
        })
        .start()
        .await;
    host.shutdown().await;
    assert_eq!(host.status("steps").state, PluginState::Stopped);
    let steps = ["steps initialized", "steps cleaned up", "steps dropped"];
    assert_eq!(host.place.journal().lines(), steps);
}

#[tokio::test]
async fn a_caller_that_outlives_its_host_is_told_so() {
    let setup = Setup::with(&["misbehaves"]).journal("misbehaves");
    let host = setup.start().await;
    let router = host.router().clone();
    let waiting = router.clone();
    let caller = tokio::spawn(async move { waiting.route_task("awaits", "").await });
    while in_flight(&router) == 0 {
        tokio::task::yield_now().await;
    }
    drop(host);
    assert_eq!(
        caller.await.unwrap().unwrap_err().kind(),
        ErrorKind::Cancelled
    );
    let error = router.route_task("awaits", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRunning);
}

fn in_flight(router: &Router) -> usize {
    let routes = router.routes();
    let agents = routes.iter().flat_map(|route| &route.agents);
    agents.map(|agent| agent.in_flight).sum()
}

#[tokio::test]
async fn a_shutdown_right_after_a_panic_leaves_no_instance_behind() {
    for _ in 0..5 {
        let host = Setup::with(&["steps"]).journal("steps").start().await;
        host.call("steps_panics", "").await.unwrap_err();
        host.shutdown().await;
        let lines = host.place.journal().lines();
        let count = |what: &str| lines.iter().filter(|line| line.ends_with(what)).count();
        assert_eq!(count("initialized"), count("dropped"), "{lines:?}");
        assert!(host.place.copies().is_empty());
    }
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[tokio::test]
async fn every_caller_of_shutdown_waits_for_the_same_one() {
    let host = Setup::with(&["steps"]).journal("steps").start().await;
    let (mut first, mut second) = (Box::pin(host.shutdown()), Box::pin(host.shutdown()));
    // One that does not wait changes nothing.
    assert!(poll_once(first.as_mut()).await.is_pending());
    drop(first);
    second.as_mut().await;
    let steps = ["steps initialized", "steps cleaned up", "steps dropped"];
    assert_eq!(host.place.journal().lines(), steps);
    host.shutdown().await;
    assert_eq!(host.place.journal().lines(), steps);
    assert_eq!(host.status("steps").state, PluginState::Stopped);
}

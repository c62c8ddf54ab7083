//! Replacing a plugin under traffic, at the host.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agentsys_host::{HostError, PluginState};

use crate::harness::{Place, Setup, TestHost};

const FILE: &str = "changing.so";

/// A host that serves the first build of `changing`, and its file.
async fn host() -> (TestHost, PathBuf) {
    let place = Place::new();
    let file = place.add_as("changing_1", FILE);
    (Setup::at(place).start().await, file)
}

/// The private copies that the process has in memory.
fn mapped(place: &Place) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let state = fs::canonicalize(place.state().join("generations")).unwrap();
    let lines = maps
        .lines()
        .filter_map(|line| line.split_once(state.to_str().unwrap()));
    let files: std::collections::BTreeSet<&str> = lines.map(|(_, file)| file).collect();
    files.len()
}

/// Waits until the generations before are out of memory.
async fn only_one_is_left(host: &TestHost, name: &str) {
    let is_left = |host: &TestHost| host.status(name).retired.is_empty();
    host.until("the others are out of memory", is_left).await;
}

#[tokio::test]
async fn a_reload_takes_up_what_the_file_holds_and_the_old_build_is_unmapped() {
    let (host, _) = host().await;
    assert_eq!(host.call("changing_now", "").await.unwrap(), "1.0.0");
    assert_eq!(host.call("changing_later", "").await.unwrap(), "1.0.0");
    host.place.put("changing_2", FILE);
    assert_eq!(host.reload("changing").await.unwrap(), 2);
    assert_eq!(host.call("changing_now", "").await.unwrap(), "2.0.0");
    assert_eq!(host.call("changing_later", "").await.unwrap(), "2.0.0");
    only_one_is_left(&host, "changing").await;
    assert_eq!(mapped(&host.place), 1);

    let status = host.status("changing");
    assert_eq!(
        (status.state, status.generation),
        (PluginState::Running, Some(2))
    );
    assert_eq!(status.version.as_deref(), Some("2.0.0"));
    let old = &status.history[1];
    assert_eq!(
        (old.number, old.version.as_deref(), old.end.as_deref()),
        (1, Some("1.0.0"), Some("unloaded"))
    );
    assert_eq!(
        old.why.as_deref(),
        Some("replaced by generation 2: a reload was asked for")
    );
    let steps: Vec<&str> = old.steps.iter().map(|step| step.name).collect();
    assert_eq!(steps, ["open", "initialize", "drain", "cleanup", "close"]);
    host.shutdown().await;
}

#[tokio::test]
async fn a_call_under_way_finishes_on_the_generation_that_it_began_on() {
    let (host, _) = host().await;
    let router = host.router().clone();
    let call = tokio::spawn(async move { router.route_task("changing_after", "200").await });
    while host
        .routes()
        .iter()
        .flat_map(|route| &route.agents)
        .all(|agent| agent.in_flight == 0)
    {
        tokio::task::yield_now().await;
    }
    host.place.put("changing_2", FILE);
    host.reload("changing").await.unwrap();
    assert_eq!(host.call("changing_now", "").await.unwrap(), "2.0.0");
    assert_eq!(call.await.unwrap().unwrap().to_str().unwrap(), "1.0.0");
    only_one_is_left(&host, "changing").await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_failed_replacement_leaves_the_old_one_serving_and_says_why() {
    let (host, file) = host().await;
    fs::write(&file, "no library").unwrap();
    let error = host.reload("changing").await.unwrap_err();
    assert!(matches!(error, HostError::NotReplaced { .. }), "{error}");
    assert_eq!(host.call("changing_now", "").await.unwrap(), "1.0.0");
    let status = host.status("changing");
    assert_eq!(
        (status.state, status.generation),
        (PluginState::Running, Some(1))
    );
    let held_back = host.place.shorten(&status.held_back.unwrap());
    assert!(
        held_back.starts_with("1.0.0 of DIR/changing.so did not replace 1.0.0: DIR/changing.so: "),
        "{held_back}"
    );
    host.shutdown().await;
}

#[tokio::test]
async fn a_file_that_is_swapped_between_the_look_at_it_and_the_opening_is_not_taken_for_what_it_was()
 {
    let (host, _) = host().await;
    host.place.put("echo", FILE);
    let error = host.reload("changing").await.unwrap_err().to_string();
    assert!(
        error.contains("it held plugin changing a moment ago, and now echo"),
        "{error}"
    );
    assert_eq!(host.call("changing_now", "").await.unwrap(), "1.0.0");
    host.shutdown().await;
}

#[tokio::test]
async fn the_generation_before_comes_back_from_its_kept_copy() {
    let (host, _) = host().await;
    host.place.put("changing_2", FILE);
    host.reload("changing").await.unwrap();
    assert_eq!(host.reload_previous("changing").await.unwrap(), 3);
    assert_eq!(host.call("changing_now", "").await.unwrap(), "1.0.0");
    assert_eq!(host.reload("changing").await.unwrap(), 4);
    assert_eq!(host.call("changing_now", "").await.unwrap(), "2.0.0");
    host.shutdown().await;
    assert!(host.place.copies().is_empty());
}

#[tokio::test]
async fn a_plugin_that_was_disabled_is_unmapped_and_serves_again_when_it_is_enabled() {
    let (host, _) = host().await;
    host.disable("changing").await.unwrap();
    let status = host.status("changing");
    assert_eq!(status.state, PluginState::Disabled);
    only_one_is_left(&host, "changing").await;
    assert_eq!(mapped(&host.place), 0);
    host.call("changing_now", "").await.unwrap_err();
    host.enable("changing").await.unwrap();
    assert_eq!(host.call("changing_now", "").await.unwrap(), "1.0.0");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_a_plugin_is_replaced_again_and_again() {
    let (host, _) = host().await;
    let host = Arc::new(host);
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = ["changing_now", "changing_later"]
        .into_iter()
        .map(|route| {
            let (host, stop) = (Arc::clone(&host), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut calls = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    host.call(route, "").await.unwrap();
                    calls += 1;
                    if calls.is_multiple_of(16) {
                        tokio::task::yield_now().await;
                    }
                }
                calls
            })
        })
        .collect();
    for round in 0..20 {
        host.place.put(
            if round % 2 == 0 {
                "changing_2"
            } else {
                "changing_1"
            },
            FILE,
        );
        host.reload("changing").await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
    only_one_is_left(&host, "changing").await;
    assert_eq!(mapped(&host.place), 1);
    host.shutdown().await;
}

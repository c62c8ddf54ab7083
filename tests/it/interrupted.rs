//! What comes in between of a replacement: the host's end, a stop, another replacement, another config.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use agentsys_host::{Host, PluginState, TaskOptions};
use serde_json::json;

use crate::harness::{Place, Setup};
use crate::player::{Stage, bare, part, status};

type Reload = tokio::task::JoinHandle<Result<u64, agentsys_host::HostError>>;

/// A host with a plugin that is being replaced, until the stage is opened.
async fn replacing() -> (Stage, Host, Reload) {
    let stage = Stage::new();
    let options = stage.acts(json!({ "waits_from": 2 }));
    let host = bare()
        .linked(part("a", "1.0.0", &[]))
        .plugin_options("a", options)
        .build()
        .await
        .unwrap();
    let reloader = host.clone();
    let reload = tokio::spawn(async move { reloader.reload("a").await });
    stage.wait_for("a waits").await;
    (stage, host, reload)
}

#[tokio::test]
async fn a_host_that_ends_meanwhile_cleans_both_up() {
    let (stage, host, reload) = replacing().await;
    let ending = host.clone();
    let shutdown = tokio::spawn(async move { ending.shutdown().await });
    stage.wait_for("a dropped").await;
    stage.open();
    shutdown.await.unwrap();
    let error = reload.await.unwrap().unwrap_err().to_string();
    assert!(error.ends_with("it is being stopped"), "{error}");
    let one = ["a initialized", "a cleaned up", "a dropped"];
    let mut lines = stage.lines();
    // The second try begins before the first one ends.
    assert_eq!(lines.remove(1), "a waits");
    assert_eq!(lines, [one, one].concat());
}

#[tokio::test]
async fn a_plugin_that_is_disabled_meanwhile_is_replaced_and_then_stopped() {
    let (stage, host, reload) = replacing().await;
    let disabler = host.clone();
    let disable = tokio::spawn(async move { disabler.disable("a").await });
    while status(&host, "a").state != PluginState::Draining {
        tokio::task::yield_now().await;
    }
    stage.open();
    reload.await.unwrap().unwrap();
    disable.await.unwrap().unwrap();
    assert_eq!(status(&host, "a").state, PluginState::Disabled);
    stage.all_dropped().await;
    assert_eq!(
        (stage.count("initialized"), stage.count("cleaned up")),
        (2, 2)
    );
    host.shutdown().await;
}

#[tokio::test]
async fn reloads_that_are_asked_for_at_once_come_one_after_the_other() {
    let (stage, host, first) = replacing().await;
    let (second, third) = (host.reload("a"), host.reload("a"));
    stage.open();
    let (second, third) = tokio::join!(second, third);
    let mut numbers = [first.await.unwrap(), second, third].map(Result::unwrap);
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3, 4]);
    host.shutdown().await;
}

#[tokio::test]
async fn a_config_that_changes_meanwhile_takes_effect_after_it() {
    let (stage, host, reload) = replacing().await;
    let mut loaded = (*host.config()).clone();
    let options = stage.acts(json!({ "timed": true }));
    loaded.config.plugins.insert("a".to_owned(), options);
    host.reconfigure(loaded).unwrap();
    stage.open();
    assert_eq!(reload.await.unwrap().unwrap(), 2);
    let timed = |lines: &[String]| lines.iter().any(|line| line.starts_with("a tries at"));
    while !timed(&stage.lines()) || status(&host, "a").generation != Some(3) {
        tokio::task::yield_now().await;
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_is_being_disabled_is_not_started_again_by_another_change() {
    let place = Place::new();
    place.add_as("changing_1", "changing.so");
    let setup = Setup::at(place).tune(|builder| builder.drain_timeout(Duration::ZERO));
    let host = Arc::new(setup.start().await);
    // Closing it takes as long as this blocks.
    let (caller, file) = (Arc::clone(&host), host.place.path().join("there"));
    let data = file.to_str().unwrap().to_owned();
    let blocked = tokio::spawn(async move {
        let options = TaskOptions::default();
        caller
            .route_apart("changing_blocks", data.into(), options)
            .await
    });
    host.until("the call is under way", |host| {
        let routes = host.routes();
        let mut agents = routes.iter().flat_map(|route| &route.agents);
        agents.any(|agent| agent.in_flight > 0)
    })
    .await;
    let disabler = Arc::clone(&host);
    let disable = tokio::spawn(async move { disabler.disable("changing").await });
    host.until("it is cleaned up", |host| {
        host.status("changing").state == PluginState::Stopped
    })
    .await;
    let mut loaded = (*host.config()).clone();
    loaded.config.router.retry_count = 0;
    host.reconfigure(loaded).unwrap();
    disable.await.unwrap().unwrap();
    assert_eq!(host.status("changing").state, PluginState::Disabled);
    fs::write(file, "").unwrap();
    drop(blocked.await.unwrap());
    host.shutdown().await;
}

#[tokio::test]
async fn a_config_that_changes_while_the_file_is_broken_takes_effect_when_that_is_mended() {
    let place = Place::new();
    let file = place.add("configured");
    let good = fs::read(&file).unwrap();
    let setup = Setup::at(place).tune(|builder| builder.watch());
    let host = setup.start().await;
    fs::write(&file, "no library").unwrap();
    host.until("it is held back", |host| {
        !host.held_back("configured").is_empty()
    })
    .await;
    let mut loaded = (*host.config()).clone();
    let options = crate::harness::options(json!({ "max_rows": 5 }));
    loaded
        .config
        .plugins
        .insert("configured".to_owned(), options);
    host.reconfigure(loaded).unwrap();
    assert_eq!(host.status("configured").generation, Some(1));
    fs::write(&file, good).unwrap();
    host.until("it has the new config", |host| {
        host.status("configured").generation == Some(2)
    })
    .await;
    let config = host.call("config", "").await.unwrap();
    assert!(config.contains("\"max_rows\":5"), "{config}");
    assert_eq!(host.held_back("configured"), "");
    host.shutdown().await;
}

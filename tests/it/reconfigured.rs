//! Another config for a host that runs: it changes what it says, and nothing else.

use std::time::Duration;

use agentsys_host::{HostError, PluginOptions, PluginState};
use serde_json::{Value, json};

use crate::harness::{Place, Setup, TestHost, options};

/// A host with `configured`, which shows its config, `echo`, and `changing`.
async fn host() -> TestHost {
    let place = Place::new();
    place.add("configured");
    place.add("echo");
    place.add_as("changing_1", "changing.so");
    Setup::at(place)
        .plugin("configured", options(json!({ "max_rows": 1 })))
        .start()
        .await
}

/// Changes the host's config, and waits until it is at rest.
async fn change(host: &TestHost, change: impl FnOnce(&mut agentsys_host::Config)) -> Vec<String> {
    let mut loaded = (*host.config()).clone();
    change(&mut loaded.config);
    host.reconfigure(loaded).unwrap()
}

async fn has_generation(host: &TestHost, name: &str, generation: u64) {
    host.until(&format!("{name} has generation {generation}"), |host| {
        host.status(name).generation == Some(generation)
    })
    .await;
}

async fn max_rows(host: &TestHost, route: &str) -> Value {
    let config = host.call(route, "").await.unwrap();
    serde_json::from_str::<Value>(&config).unwrap()["max_rows"].take()
}

fn rows(max_rows: u32) -> PluginOptions {
    options(json!({ "max_rows": max_rows }))
}

#[tokio::test]
async fn exactly_the_plugins_whose_part_changed_are_initialized_anew() {
    let host = host().await;
    let later = change(&host, |config| {
        config.plugins.insert("configured".to_owned(), rows(2));
    });
    assert_eq!(later.await, [""; 0]);
    has_generation(&host, "configured", 2).await;
    assert_eq!(max_rows(&host, "config").await, 2);
    let status = host.status("configured");
    let old = &status.history[1];
    assert_eq!(
        old.why.as_deref(),
        Some("replaced by generation 2: its config changed")
    );
    for untouched in ["echo", "changing"] {
        assert_eq!(host.status(untouched).generation, Some(1));
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_part_that_its_plugin_refuses_leaves_what_serves_until_it_is_mended() {
    let host = host().await;
    change(&host, |config| {
        config.plugins.insert("configured".to_owned(), rows(9_000));
    })
    .await;
    host.until("it is held back", |host| {
        !host.held_back("configured").is_empty()
    })
    .await;
    let held_back = host.held_back("configured");
    assert!(held_back.contains("its config does not fit"), "{held_back}");
    assert_eq!(max_rows(&host, "config").await, 1);
    // A look at the folder changes nothing of that.
    change(&host, |config| config.router.retry_count = 1).await;
    assert_eq!(host.held_back("configured"), held_back);

    change(&host, |config| {
        config.plugins.insert("configured".to_owned(), rows(3));
    })
    .await;
    has_generation(&host, "configured", 3).await;
    assert_eq!(max_rows(&host, "config").await, 3);
    assert_eq!(host.held_back("configured"), "");
    host.shutdown().await;
}

#[tokio::test]
async fn policies_hold_for_the_tasks_that_begin_from_then_on() {
    let host = host().await;
    let timeout = |host: &TestHost| host.router().policy("changing_after").unwrap().timeout;
    let (of_router, of_plugin) = (Duration::from_secs(7), Duration::from_secs(5));
    change(&host, |config| config.router.timeout = of_router).await;
    assert_eq!(timeout(&host), of_router);

    let options = PluginOptions::default().timeout(of_plugin);
    change(&host, |config| {
        config.plugins.insert("changing".to_owned(), options);
    })
    .await;
    has_generation(&host, "changing", 2).await;
    assert_eq!(timeout(&host), of_plugin);

    change(&host, |config| drop(config.plugins.remove("changing"))).await;
    has_generation(&host, "changing", 3).await;
    assert_eq!(timeout(&host), of_router);
    host.shutdown().await;
}

#[tokio::test]
async fn a_plugin_is_stopped_and_started_as_its_section_says() {
    let host = host().await;
    let enabled = async |enabled: bool, state: PluginState| {
        change(&host, |config| {
            let options = PluginOptions::default().enabled(enabled);
            config.plugins.insert("echo".to_owned(), options);
        })
        .await;
        host.until(&format!("echo is {state}"), |host| {
            host.status("echo").state == state
        })
        .await;
    };
    enabled(false, PluginState::Disabled).await;
    host.call("echo", "x").await.unwrap_err();
    enabled(true, PluginState::Running).await;
    assert_eq!(host.call("echo", "x").await.unwrap(), "x");
    assert_eq!(host.status("echo").generation, Some(2));
    host.shutdown().await;
}

#[tokio::test]
async fn a_section_that_is_added_appears_and_one_that_is_removed_goes() {
    let host = host().await;
    change(&host, |config| {
        let second = rows(4).library("configured");
        config.plugins.insert("second".to_owned(), second);
    })
    .await;
    host.until("the second one serves", |host| {
        let mut all = host.plugins().into_iter();
        all.any(|plugin| plugin.name == "second" && plugin.serves())
    })
    .await;
    // Both serve the route, by turns.
    let mut seen = [
        max_rows(&host, "config").await,
        max_rows(&host, "config").await,
    ];
    seen.sort_by_key(Value::as_u64);
    assert_eq!(seen, [1, 4]);

    change(&host, |config| drop(config.plugins.remove("second"))).await;
    host.until("the second one is gone", |host| {
        host.plugins().iter().all(|plugin| plugin.name != "second")
    })
    .await;
    assert_eq!(max_rows(&host, "config").await, 1);
    assert_eq!(host.status("configured").generation, Some(1));
    host.shutdown().await;
}

#[tokio::test]
async fn a_lazy_plugin_that_shall_not_be_is_initialized_at_once() {
    let place = Place::new();
    place.add("configured");
    let lazy = rows(1).lazy(true);
    let host = Setup::at(place).plugin("configured", lazy).start().await;
    assert_eq!(host.status("configured").state, PluginState::Loaded);
    change(&host, |config| {
        config.plugins.insert("configured".to_owned(), rows(1));
    })
    .await;
    host.until("it runs", |host| {
        host.status("configured").state == PluginState::Running
    })
    .await;
    assert_eq!(host.status("configured").generation, Some(2));
    host.shutdown().await;
}

#[tokio::test]
async fn a_config_that_does_not_fit_changes_nothing() {
    let host = host().await;
    let before = host.config();
    let mut loaded = (*before).clone();
    loaded.config.router.strategy = "by_luck".to_owned();
    loaded
        .config
        .plugins
        .insert("configured".to_owned(), rows(2));
    let error = host.reconfigure(loaded).unwrap_err();
    assert!(matches!(error, HostError::Config(_)), "{error}");
    assert!(error.to_string().contains("by_luck"), "{error}");
    assert_eq!(host.config().config, before.config);
    assert_eq!(host.status("configured").generation, Some(1));
    assert_eq!(max_rows(&host, "config").await, 1);
    host.shutdown().await;
}

#[tokio::test]
async fn what_holds_from_the_next_start_on_is_told() {
    let host = host().await;
    let later = change(&host, |config| config.router.max_hops = 3).await;
    assert_eq!(
        later,
        ["router.max_hops changed: that takes effect when the host is started again"]
    );
    host.shutdown().await;
}

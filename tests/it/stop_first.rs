//! Plugins of which two generations cannot coexist: the old one ends before the new one begins, and calls wait.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agentsys_host::PluginState;
use agentsys_host::config::Reload;
use serde_json::json;

use crate::harness::{Place, Setup, TestHost, logged, options};

const FILE: &str = "exclusive.so";

/// A host with the first build of `exclusive`.
async fn host(reload: Reload) -> TestHost {
    let place = Place::new();
    place.add_as("exclusive_1", FILE);
    let (lock, refused) = (place.path().join("lock"), place.path().join("refused"));
    let gate = place.path().join("gate");
    let options = options(json!({ "lock": lock, "refused": refused, "gate": gate }));
    Setup::at(place)
        .plugin("exclusive", options.reload(reload))
        .start()
        .await
}

/// Versions whose `initialize` fails from here on.
fn refuse(host: &TestHost, versions: &str) {
    fs::write(host.place.path().join("refused"), versions).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_replaced_without_a_lost_call() {
    let host = Arc::new(host(Reload::StopFirst).await);
    let stop = Arc::new(AtomicBool::new(false));
    let (calling, stopped) = (Arc::clone(&host), Arc::clone(&stop));
    let caller = tokio::spawn(async move {
        let mut answers = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            answers.push(calling.call("exclusive", "").await.unwrap());
            answers.push(calling.call("exclusive_added", "").await.unwrap());
            tokio::task::yield_now().await;
        }
        answers.dedup();
        answers
    });
    for build in ["exclusive_2", "exclusive_1"].repeat(3) {
        host.place.put(build, FILE);
        host.reload("exclusive").await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let answers = caller.await.unwrap();
    let known = |answer: &String| answer == "1.0.0" || answer == "2.0.0";
    assert!(answers.iter().all(known), "{answers:?}");
    assert_eq!(host.call("exclusive", "").await.unwrap(), "1.0.0");
    assert_eq!(host.status("exclusive").generation, Some(7));
    host.shutdown().await;
}

#[tokio::test]
async fn calls_of_routes_that_it_added_wait_as_those_of_the_others_do() {
    let host = Arc::new(host(Reload::StopFirst).await);
    let (gate, lock) = (
        host.place.path().join("gate"),
        host.place.path().join("lock"),
    );
    fs::write(&gate, "").unwrap();
    host.place.put("exclusive_2", FILE);
    let replacing = Arc::clone(&host);
    let replaced = tokio::spawn(async move { replacing.reload("exclusive").await });
    host.until("the old one is cleaned up", |_| !lock.exists())
        .await;
    let calls = ["exclusive", "exclusive_added"].map(|route| {
        let host = Arc::clone(&host);
        tokio::spawn(async move { host.call(route, "").await })
    });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(calls.iter().all(|call| !call.is_finished()));
    fs::remove_file(&gate).unwrap();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), "2.0.0");
    }
    replaced.await.unwrap().unwrap();
    host.shutdown().await;
}

#[tokio::test]
async fn without_it_such_a_plugin_cannot_be_replaced() {
    let host = host(Reload::Swap).await;
    host.place.put("exclusive_2", FILE);
    let error = host.reload("exclusive").await.unwrap_err().to_string();
    assert!(error.contains("the lock is taken"), "{error}");
    assert_eq!(host.call("exclusive", "").await.unwrap(), "1.0.0");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_new_one_fails_the_old_content_starts_again_from_its_kept_copy() {
    let host = Arc::new(host(Reload::StopFirst).await);
    refuse(&host, "2.0.0");
    // The first build's file is gone with that.
    host.place.put("exclusive_2", FILE);
    let caller = Arc::clone(&host);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let calls = tokio::spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            assert_eq!(caller.call("exclusive", "").await.unwrap(), "1.0.0");
            tokio::task::yield_now().await;
        }
    });
    let error = host.reload("exclusive").await.unwrap_err().to_string();
    stop.store(true, Ordering::Relaxed);
    calls.await.unwrap();
    let why = "`initialize` failed: 2.0.0 has no luck";
    assert!(error.ends_with(why), "{error}");
    let status = host.status("exclusive");
    assert_eq!(
        (status.state, status.version.as_deref()),
        (PluginState::Running, Some("1.0.0"))
    );
    let held_back = format!("2.0.0 of DIR/{FILE} did not replace 1.0.0: {why}");
    assert_eq!(host.held_back("exclusive"), held_back);
    let history: Vec<_> = status
        .history
        .iter()
        .map(|it| {
            (
                it.number,
                it.version.as_deref().unwrap(),
                it.why.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        history,
        [
            (3, "1.0.0", ""),
            (2, "2.0.0", why),
            (1, "1.0.0", "stopped for a replacement that failed"),
        ]
    );
    refuse(&host, "");
    host.reload("exclusive").await.unwrap();
    assert_eq!(host.call("exclusive", "").await.unwrap(), "2.0.0");
    host.shutdown().await;
}

#[tokio::test]
async fn where_neither_starts_the_plugin_has_failed_and_both_reasons_are_told() {
    let host = host(Reload::StopFirst).await;
    refuse(&host, "1.0.0 2.0.0");
    host.place.put("exclusive_2", FILE);
    let error = host.reload("exclusive").await.unwrap_err().to_string();
    assert!(error.ends_with("2.0.0 has no luck"), "{error}");
    assert!(host.failure("exclusive").ends_with("2.0.0 has no luck"));
    host.call("exclusive", "").await.unwrap_err();
    let again =
        "what served before cannot be started again either: `initialize` failed: 1.0.0 has no luck";
    assert_eq!(logged(again).len(), 1);

    refuse(&host, "");
    host.reload("exclusive").await.unwrap();
    assert_eq!(host.call("exclusive", "").await.unwrap(), "2.0.0");
    host.shutdown().await;
}

#[tokio::test]
async fn where_its_config_does_not_fit_it_is_not_stopped() {
    let host = host(Reload::StopFirst).await;
    let mut loaded = (*host.config()).clone();
    let plugin = loaded.config.plugins.get_mut("exclusive").unwrap();
    plugin.config.insert("refused".to_owned(), json!(7));
    host.reconfigure(loaded).unwrap();
    host.until("it is held back", |host| {
        !host.held_back("exclusive").is_empty()
    })
    .await;
    let held_back = host.held_back("exclusive");
    assert!(held_back.contains("its config does not fit"), "{held_back}");
    let status = host.status("exclusive");
    assert_eq!(
        (status.state, status.generation),
        (PluginState::Running, Some(1))
    );
    host.shutdown().await;
}

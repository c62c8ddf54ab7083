//! Earlier generations that stay in memory: a plugin with too many of them is replaced no more. And earlier contents that are kept for a way back.

use std::fs;
use std::sync::Arc;

use agentsys_host::{HostError, TaskOptions};

use crate::harness::{Place, Setup, TestHost, logged, options};

const FILE: &str = "changing.so";

/// A host with the first build of `changing`, on a config with these lines under `[host]`.
async fn host(lines: &str) -> Arc<TestHost> {
    let place = Place::new();
    place.add_as("changing_1", FILE);
    let config = place.path().join("agentsys.toml");
    fs::write(&config, format!("[host]\n{lines}\n")).unwrap();
    let setup = Setup::at(place).tune(|builder| builder.config_file(config));
    Arc::new(setup.start().await)
}

/// Has the generation that serves be held by a handler that blocks until the file is there.
async fn hold(host: &Arc<TestHost>, name: &str) -> tokio::task::JoinHandle<()> {
    let file = host.place.path().join(name);
    let (caller, data) = (Arc::clone(host), file.to_str().unwrap().to_owned());
    let before = in_flight(host);
    let held = tokio::spawn(async move {
        let options = TaskOptions::default();
        let answer = caller.route_apart("changing_blocks", data.into(), options);
        drop(answer.await);
    });
    host.until("the call is under way", |host| in_flight(host) > before)
        .await;
    held
}

fn in_flight(host: &TestHost) -> usize {
    let routes = host.routes();
    let agents = routes.iter().flat_map(|route| &route.agents);
    agents.map(|agent| agent.in_flight).sum()
}

fn pinned(host: &TestHost) -> usize {
    let retired = host.status("changing").retired;
    let pinned = retired.iter().filter(|retired| retired.pinned.is_some());
    pinned.count()
}

#[tokio::test]
async fn a_plugin_with_too_many_pinned_generations_is_replaced_no_more_until_they_are_released() {
    let host = host("max_pinned = 2\ndrain_timeout = 0").await;
    let mut held = Vec::new();
    for (count, build) in [(1, "changing_2"), (2, "changing_1")] {
        held.push(hold(&host, "there").await);
        host.place.put(build, FILE);
        host.reload("changing").await.unwrap();
        host.until("it is pinned", |host| pinned(host) == count)
            .await;
    }
    host.place.put("changing_2", FILE);
    let error = host.reload("changing").await.unwrap_err();
    assert!(matches!(error, HostError::NotReplaced { .. }), "{error}");
    let held_back = host.held_back("changing");
    let (begin, end) = (
        "2 earlier generation(s) are pinned in memory, and host.max_pinned is 2; the latest by: ",
        ". End what pins them, start the host again, or raise max_pinned",
    );
    assert!(
        held_back.starts_with(begin) && held_back.ends_with(end),
        "{held_back}"
    );
    assert!(error.to_string().ends_with(&held_back), "{error}");
    assert_eq!(logged(&held_back).len(), 1);
    assert_eq!(host.call("changing_now", "").await.unwrap(), "1.0.0");
    assert_eq!(host.status("changing").generation, Some(3));

    fs::write(host.place.path().join("there"), "").unwrap();
    for held in held {
        held.await.unwrap();
    }
    host.until("they are released", |host| {
        host.status("changing").retired.is_empty()
    })
    .await;
    host.reload("changing").await.unwrap();
    assert_eq!(host.call("changing_now", "").await.unwrap(), "2.0.0");
    assert_eq!(host.status("changing").held_back, None);
    host.shutdown().await;
}

#[tokio::test]
async fn a_host_that_follows_its_folder_makes_up_for_the_replacement_once_the_pins_are_released() {
    let place = Place::new();
    place.add_as("changing_1", FILE);
    let config = place.path().join("agentsys.toml");
    fs::write(&config, "[host]\nmax_pinned = 1\ndrain_timeout = 0\n").unwrap();
    let setup = Setup::at(place).tune(|builder| builder.config_file(config).watch());
    let host = Arc::new(setup.start().await);
    let held = hold(&host, "there").await;
    host.place.put("changing_2", FILE);
    host.until("it is pinned", |host| pinned(host) == 1).await;
    host.place.put("changing_1", FILE);
    host.until("it is held back", |host| {
        !host.held_back("changing").is_empty()
    })
    .await;
    assert_eq!(host.call("changing_now", "").await.unwrap(), "2.0.0");
    fs::write(host.place.path().join("there"), "").unwrap();
    held.await.unwrap();
    host.until("it is replaced", |host| {
        host.status("changing").generation == Some(3)
    })
    .await;
    assert_eq!(host.call("changing_now", "").await.unwrap(), "1.0.0");
    host.shutdown().await;
}

#[tokio::test]
async fn a_generation_that_never_came_to_serve_is_watched_until_it_is_unmapped() {
    let place = Place::new();
    place.add_as("counting_1", "counting.so");
    let options = options(serde_json::json!({ "fault": "restore fails" }));
    let host = Setup::at(place).plugin("counting", options).start().await;
    host.place.put("counting_2", "counting.so");
    host.reload("counting").await.unwrap_err();
    host.until("it is out of memory", |host| {
        host.status("counting").history[0].end.as_deref() == Some("unloaded")
    })
    .await;
    assert!(host.status("counting").retired.is_empty());
    host.shutdown().await;
}

#[tokio::test]
async fn nothing_is_kept_for_a_way_back_where_the_config_says_so() {
    let host = host("keep_previous = 0").await;
    host.place.put("changing_2", FILE);
    host.reload("changing").await.unwrap();
    let error = host.reload_previous("changing").await.unwrap_err();
    assert!(error.to_string().contains("host.keep_previous"), "{error}");
    host.until("its copy is gone", |host| host.place.copies().len() == 1)
        .await;
    host.shutdown().await;
}

#[tokio::test]
async fn as_many_contents_are_kept_as_the_config_says() {
    let host = host("keep_previous = 2").await;
    for build in ["changing_2", "changing_1", "changing_2"] {
        host.place.put(build, FILE);
        host.reload("changing").await.unwrap();
    }
    host.until("the others are gone", |host| {
        host.status("changing").retired.is_empty()
    })
    .await;
    assert_eq!(host.place.copies().len(), 3);
    host.reload_previous("changing").await.unwrap();
    assert_eq!(host.call("changing_now", "").await.unwrap(), "1.0.0");
    host.shutdown().await;
}

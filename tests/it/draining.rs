//! Calls under way on what is replaced, beyond the time that they have; and plugins beside the one that is replaced.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentsys_host::{ErrorKind, HostBuilder, PluginState, RoutePolicy};
use serde_json::json;

use crate::harness::{Place, Setup, TestHost, logged};

const FILE: &str = "changing.so";

/// A host that drains for a moment, with a call under way on the first build of `changing` until the file is there.
async fn host(policy: RoutePolicy) -> (Arc<TestHost>, Call, PathBuf) {
    let place = Place::new();
    place.add_as("changing_1", FILE);
    let there = place.path().join("there");
    let tune = |builder: HostBuilder| {
        let builder = builder.route_policy("changing_waits", policy);
        builder.drain_timeout(Duration::from_millis(20))
    };
    let host = Arc::new(Setup::at(place).tune(tune).start().await);
    let (caller, file) = (Arc::clone(&host), there.to_str().unwrap().to_owned());
    let call = tokio::spawn(async move { caller.call("changing_waits", file).await });
    host.until("the call is under way", |host| in_flight(host) == 1)
        .await;
    (host, call, there)
}

type Call = tokio::task::JoinHandle<Result<String, agentsys_host::TaskError>>;

fn in_flight(host: &TestHost) -> usize {
    let routes = host.routes();
    let agents = routes.iter().flat_map(|route| &route.agents);
    agents.map(|agent| agent.in_flight).sum()
}

#[tokio::test]
async fn a_call_that_is_cut_off_is_tried_again_on_the_new_generation_where_it_may_be_done_twice() {
    let policy = RoutePolicy::default().retry_count(1).idempotent(true);
    let (host, call, there) = host(policy).await;
    host.place.put("changing_2", FILE);
    host.reload("changing").await.unwrap();
    host.until("it is under way again", |host| in_flight(host) == 1)
        .await;
    fs::write(there, "").unwrap();
    assert_eq!(call.await.unwrap().unwrap(), "2.0.0");
    host.shutdown().await;
}

#[tokio::test]
async fn a_call_that_is_cut_off_and_may_not_be_tried_again_fails_and_says_that_a_retry_may_help() {
    let (host, call, _) = host(RoutePolicy::default()).await;
    host.place.put("changing_2", FILE);
    host.reload("changing").await.unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    assert!(error.is_retryable());
    host.shutdown().await;
}

/// A host with `changing` and these.
async fn beside(others: &[&str]) -> TestHost {
    let place = Place::new();
    place.add_as("changing_1", FILE);
    others.iter().for_each(|other| drop(place.add(other)));
    Setup::at(place).start().await
}

#[tokio::test]
async fn a_plugin_that_calls_another_goes_on_through_its_replacement() {
    let host = beside(&["asks"]).await;
    let ask = json!({ "whom": "changing_now", "data": "" }).to_string();
    assert_eq!(host.call("ask_route", ask.as_str()).await.unwrap(), "1.0.0");
    host.place.put("changing_2", FILE);
    host.reload("changing").await.unwrap();
    assert_eq!(host.call("ask_route", ask.as_str()).await.unwrap(), "2.0.0");
    assert_eq!(host.status("asks").generation, Some(1));
    host.until("the old one is unmapped", |host| {
        host.status("changing").retired.is_empty()
    })
    .await;
    assert_eq!(host.call("ask_route", ask).await.unwrap(), "2.0.0");
    host.shutdown().await;
}

#[tokio::test]
async fn what_a_plugin_holds_of_the_storage_stays_valid_through_anothers_replacement() {
    let host = beside(&["stores"]).await;
    let put = |value: &str| {
        let put = json!({ "key": b"k", "value": value.as_bytes(), "content_type": "text/plain" });
        put.to_string()
    };
    host.call("put", put("before")).await.unwrap();
    host.place.put("changing_2", FILE);
    host.reload("changing").await.unwrap();
    host.until("the old one is unmapped", |host| {
        host.status("changing").retired.is_empty()
    })
    .await;
    assert_eq!(host.call("get", "k").await.unwrap(), "before");
    host.call("put", put("after")).await.unwrap();
    assert_eq!(host.call("get", "k").await.unwrap(), "after");
    assert_eq!(host.call("starts", "").await.unwrap(), "1");
    host.shutdown().await;
}

#[tokio::test]
async fn a_plugin_that_needs_another_version_runs_on_and_the_log_names_it() {
    let host = beside(&["needs_changing"]).await;
    host.place.put("changing_2", FILE);
    host.reload("changing").await.unwrap();
    assert_eq!(host.status("needs_changing").state, PluginState::Running);
    assert_eq!(host.call("needs_changing", "").await.unwrap(), "2.0.0");
    let lines =
        logged("needs_changing runs on, though it needs changing ^1, and changing is 2.0.0");
    assert_eq!(lines.len(), 1);
    host.shutdown().await;
}

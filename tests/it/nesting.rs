//! Plugins that call other agents: through the host, with what is left of their own time.

use std::sync::Arc;
use std::time::Duration;

use agentsys_host::{RoutePolicy, agent_fn};
use agentsys_router::ErrorKind;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::harness::{PATIENCE, Setup, TestHost};

async fn host() -> TestHost {
    Setup::with(&["nests", "echo", "typed", "misbehaves"])
        .start()
        .await
}

#[tokio::test]
async fn a_nested_call_is_answered_by_another_plugin() {
    assert_eq!(
        host().await.call("forwards", "hello").await.unwrap(),
        "hello"
    );
}

#[tokio::test]
async fn a_nested_call_reaches_an_embedders_closure() {
    let host = host().await;
    let shout = agent_fn("shout", "Louder.", async |data: agentsys_host::Payload| {
        Ok(data.to_str().unwrap().to_uppercase())
    });
    host.router()
        .register_agent("louder", Arc::new(shout))
        .await
        .unwrap();
    assert_eq!(host.call("forwards_to", "louder").await.unwrap(), "NESTED");
}

#[tokio::test]
async fn a_nested_task_counts_a_hop_and_inherits_the_time_that_is_left() {
    let setup = Setup::with(&["nests", "typed"]);
    let policy = RoutePolicy::default().timeout(Duration::from_secs(5));
    let host = setup
        .tune(|builder| builder.route_policy("forwards_to", policy))
        .start()
        .await;
    let task: Value = serde_json::from_str(&host.call("task", "").await.unwrap()).unwrap();
    assert_eq!((&task["hops"], &task["route"]), (&0.into(), &"task".into()));
    let nested: Value =
        serde_json::from_str(&host.call("forwards_to", "task").await.unwrap()).unwrap();
    assert_eq!(nested["hops"], 1);
    assert!(nested["id"].as_u64() > task["id"].as_u64());
    let left = nested["remaining_ms"].as_u64().unwrap();
    assert!(left <= 5_000, "{left}");
}

#[tokio::test]
async fn an_error_of_a_nested_task_comes_through_with_its_causes() {
    let error = host().await.call("forwards_to", "fails").await.unwrap_err();
    assert_eq!(error.message(), "the report cannot be written");
    assert_eq!(
        error.causes().collect::<Vec<_>>(),
        ["page 7 is full", "the disk is gone"]
    );
    let error = host().await.call("forwards_to", "gone").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_timeout_drops_nested_futures_too() {
    let policy = RoutePolicy::default().timeout(Duration::from_millis(50));
    let setup = Setup::with(&["nests", "misbehaves"]).journal("misbehaves");
    let host = setup
        .tune(|builder| builder.route_policy("forwards_to", policy))
        .start()
        .await;
    let error = host.call("forwards_to", "awaits").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    host.place.journal().wait_for("awaits dropped").await;
}

#[tokio::test]
async fn agents_that_call_each_other_in_a_circle_get_an_error_that_says_so() {
    let host = host().await;
    let error = host.call("ping", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoopDetected);
    assert!(
        error.message().contains("ping") && error.message().contains("pong"),
        "{}",
        error.message()
    );
    assert_eq!(host.call("echo", "x").await.unwrap(), "x");
}

#[tokio::test]
async fn a_handler_may_have_many_nested_calls_at_once() {
    assert_eq!(host().await.call("fans_out", "100").await.unwrap(), "4950");
}

#[tokio::test]
async fn background_work_may_call_routes() {
    let host = host().await;
    let (got, mut calls) = mpsc::unbounded_channel();
    let listener = agent_fn(
        "listener",
        "Listens.",
        move |data: agentsys_host::Payload| {
            got.send(data.to_str().unwrap().to_owned()).unwrap();
            std::future::ready(Ok("heard"))
        },
    );
    host.router()
        .register_agent("listener", Arc::new(listener))
        .await
        .unwrap();
    host.call("in_the_background", "listener").await.unwrap();
    let call = tokio::time::timeout(PATIENCE, calls.recv()).await.unwrap();
    assert_eq!(call.as_deref(), Some("from the background"));
}

#[tokio::test]
async fn an_embedders_agent_may_nest_in_a_plugins_task() {
    let host = host().await;
    let router = host.router().clone();
    let chain =
        agentsys_host::agent_fn_with("chain", "Asks on.", move |task: agentsys_host::Task, _| {
            let router = router.clone();
            async move {
                let options = agentsys_host::TaskOptions::default().parent(task);
                router.route_task_with("task", "", options).await
            }
        });
    host.router()
        .register_agent("chain", Arc::new(chain))
        .await
        .unwrap();
    let task: Value =
        serde_json::from_str(&host.call("forwards_to", "chain").await.unwrap()).unwrap();
    assert_eq!(task["hops"], 2);
}

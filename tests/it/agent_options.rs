//! What plugins say of their agents holds as what an embedder says of its own: weight, limit, idempotence and labels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentsys_host::config::Sources;
use agentsys_host::{
    AgentStatus, Candidate, ErrorKind, Payload, PluginOptions, RouteMetrics, RouteStatus,
    RoutingStrategy, Selection, Task, TaskOptions, agent_fn, inspect,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::harness::{Setup, TestHost, library};

/// Both plugins of the route `shared`, and that config.
fn setup(config: &str) -> Setup {
    let text = format!("host.plugin_dirs = []\n{config}");
    let sources = Sources::new().text("agentsys.toml", text);
    Setup::with(&["agent_options", "agent_options_other"])
        .tune(|builder| builder.config_from(sources))
}

fn figures(host: &TestHost, route: &str) -> RouteMetrics {
    host.metrics().route(route).unwrap().clone()
}

fn status(host: &TestHost, route: &str) -> RouteStatus {
    let mut routes = host.routes().into_iter();
    routes.find(|it| it.name == route).unwrap()
}

/// How many of so many tasks each plugin did.
async fn shares(host: &TestHost, tasks: u32) -> BTreeMap<String, u32> {
    let mut shares = BTreeMap::new();
    for _ in 0..tasks {
        let who = host.call("shared", "").await.unwrap();
        *shares.entry(who).or_insert(0) += 1;
    }
    shares
}

#[tokio::test]
async fn two_plugins_share_a_routes_tasks_by_their_weights() {
    let host = setup("").start().await;
    let two_to_one = [("one".to_owned(), 20), ("two".to_owned(), 40)];
    assert_eq!(shares(&host, 60).await, two_to_one.into());
    host.shutdown().await;
}

#[tokio::test]
async fn each_instance_has_the_weight_of_its_route() {
    let two = PluginOptions::default().instances(2);
    let host = setup("").plugin("agent-options", two).start().await;
    let four_to_one = [("one".to_owned(), 12), ("two".to_owned(), 48)];
    assert_eq!(shares(&host, 60).await, four_to_one.into());
    host.shutdown().await;
}

#[tokio::test]
async fn an_agent_works_on_no_more_tasks_than_it_says() {
    let gate = Arc::new((Semaphore::new(0), AtomicUsize::new(0)));
    let at_gate = Arc::clone(&gate);
    let gate_agent = agent_fn("gate", "", move |_: Payload| {
        let gate = Arc::clone(&at_gate);
        async move {
            let waiting = gate.1.fetch_add(1, Ordering::SeqCst) + 1;
            assert!(waiting <= 2, "{waiting} at a time");
            gate.0.acquire().await.unwrap().forget();
            gate.1.fetch_sub(1, Ordering::SeqCst);
            Ok("")
        }
    });
    let host = setup("").tune(|builder| builder.agent("gate", gate_agent));
    let host = host.start().await;
    let mut calls = Vec::new();
    for _ in 0..5 {
        let mut call = Box::pin(host.router().route_task("limited", ""));
        assert!(futures_util::poll!(&mut call).is_pending());
        calls.push(call);
    }
    assert_eq!(figures(&host, "limited").agents[0].under_way, 2);
    for _ in 0..5 {
        gate.0.add_permits(1);
        let (answer, _, rest) = futures_util::future::select_all(calls).await;
        answer.unwrap();
        calls = rest;
        let limited = figures(&host, "limited");
        assert!(limited.agents[0].under_way <= 2, "{limited:?}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn what_timed_out_is_tried_again_where_the_agent_says_that_it_may_be() {
    let host = setup("[router]\ntimeout = \"30ms\"\nretry_count = 2\nbackoff = 0");
    let host = host.start().await;
    for (route, calls) in [("again", 3), ("once", 1)] {
        let error = host.call(route, "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(figures(&host, route).agents[0].calls, calls, "{route}");
    }
    host.shutdown().await;
}

/// Gives a task to the agent whose label `zone` is the task's.
struct ByZone;

impl RoutingStrategy for ByZone {
    fn name(&self) -> &str {
        "by_zone"
    }

    fn select_agent(&self, agents: &[Candidate<'_>], task: &Task) -> Selection {
        let wanted = task.labels().get("zone");
        let mut agents = agents.iter();
        let place = agents.position(|agent| agent.info().labels.get("zone") == wanted);
        place.into()
    }
}

async fn in_zone(host: &TestHost, zone: &str) -> String {
    let options = TaskOptions::default().label("zone", zone);
    let answer = host.router().route_task_with("shared", "null", options);
    answer.await.unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_programs_strategy_sees_the_labels_of_plugins_agents() {
    let setup = setup("router.routes.shared.strategy = \"by_zone\"");
    let host = setup.tune(|builder| builder.strategy(ByZone)).start().await;
    for (zone, who) in [("b", "one"), ("a", "two"), ("b", "one"), ("a", "two")] {
        assert_eq!(in_zone(&host, zone).await, who);
    }
    let added = add(&host, json!({ "labels": [["zone", "c"]] })).await;
    added.unwrap();
    assert_eq!(in_zone(&host, "c").await, "added");
    host.shutdown().await;
}

/// Adds an agent to the route `shared`, of which that is said.
async fn add(host: &TestHost, said: Value) -> Result<(), String> {
    let mut wanted = json!({ "route": "shared", "weight": 1, "idempotent": false, "labels": [] });
    for (option, said) in said.as_object().unwrap() {
        wanted[option] = said.clone();
    }
    let added = host.call("add", Payload::json(wanted.to_string())).await;
    added.map(drop).map_err(|error| error.message().to_owned())
}

fn said(agent: &AgentStatus) -> (u32, Option<usize>, bool, Vec<(&str, &str)>) {
    let labels = agent.labels.iter();
    let labels = labels.map(|(name, text)| (name.as_str(), text.as_str()));
    (
        agent.weight,
        agent.max_concurrent,
        agent.idempotent,
        labels.collect(),
    )
}

#[tokio::test]
async fn an_added_route_says_the_same_as_one_of_the_file() {
    let host = setup("").start().await;
    let labels = [("a", "1"), ("b", "2")];
    let options = json!({ "weight": 3, "max_concurrent": 5, "idempotent": true, "labels": labels });
    add(&host, options).await.unwrap();
    let shared = status(&host, "shared");
    let of_plugins: Vec<_> = shared.agents.iter().map(said).collect();
    assert_eq!(of_plugins.len(), 3);
    for expected in [
        (1, None, false, vec![("zone", "b")]),
        (2, None, false, vec![("priority", "1"), ("zone", "a")]),
        (3, Some(5), true, labels.to_vec()),
    ] {
        assert!(of_plugins.contains(&expected), "{of_plugins:?}");
    }
    assert_eq!(said(&status(&host, "limited").agents[0]).1, Some(2));
    assert!(said(&status(&host, "again").agents[0]).2);
    host.shutdown().await;
}

#[tokio::test]
async fn an_added_route_that_says_nonsense_is_refused() {
    let host = setup("").start().await;
    for (options, message) in [
        (
            json!({ "weight": 0 }),
            "has a bad weight \"0\" for its route shared: it is 1 to 1000",
        ),
        (
            json!({ "max_concurrent": 0 }),
            "has a bad max_concurrent \"0\" for its route shared: it is 1 or more, or left out",
        ),
        (
            json!({ "labels": [["", "x"]] }),
            "has a bad label's name \"\" for its route shared: it is 1 to 64 bytes without control characters",
        ),
    ] {
        assert_eq!(add(&host, options).await.unwrap_err(), message);
    }
    assert_eq!(status(&host, "shared").agents.len(), 2);
    host.shutdown().await;
}

#[test]
fn a_file_tells_of_its_agents_without_being_run() {
    let inspected = inspect(&library("agent_options")).unwrap();
    let routes = serde_json::to_value(&inspected.metadata.routes).unwrap();
    let of = |name: &str| {
        let mut routes = routes.as_array().unwrap().iter();
        let route = routes.find(|route| route["name"] == name).unwrap();
        ["weight", "max_concurrent", "idempotent", "labels"].map(|key| route[key].clone())
    };
    let labels = json!({ "priority": "1", "zone": "a" });
    assert_eq!(of("shared"), [json!(2), json!(null), json!(false), labels]);
    assert_eq!(of("limited"), [json!(1), json!(2), json!(false), json!({})]);
    assert_eq!(of("again"), [json!(1), json!(null), json!(true), json!({})]);
}

//! What a config says of routes holds for the agents of real plugins.

use agentsys_host::config::{FallbackSection, RouteSection, Sources};
use agentsys_host::{ErrorKind, PluginOptions, RouteMetrics, TaskOptions, agent_fn};
use serde_json::json;

use crate::harness::{Setup, TestHost, logged};

/// A host with `misbehaves` and that config.
fn setup(config: &str) -> Setup {
    let text = format!("host.plugin_dirs = []\n{config}");
    let sources = Sources::new().text("agentsys.toml", text);
    Setup::with(&["misbehaves"]).tune(|builder| builder.config_from(sources))
}

fn figures(host: &TestHost, route: &str) -> RouteMetrics {
    host.metrics().route(route).unwrap().clone()
}

#[tokio::test]
async fn a_fallback_is_an_answer_or_another_route() {
    let host = setup(
        r#"
        [router.routes.fails]
        fallback = { answer = { rows = [] } }
        [router.routes.fails_for_now]
        retry_count = 0
        fallback = { answer = "try later" }
        [router.routes.panics]
        fallback = { route = "instance" }
        "#,
    );
    let host = host.start().await;
    let rows = host.router().route_task("fails", "").await.unwrap();
    assert_eq!(rows.content_type().as_str(), "application/json");
    assert_eq!(rows.to_str().unwrap(), r#"{"rows":[]}"#);
    let later = host.router().route_task("fails_for_now", "").await.unwrap();
    assert_eq!(later.to_str().unwrap(), "try later");
    assert!(later.content_type().as_str().starts_with("text/plain"));
    assert_eq!(host.call("panics", "x").await.unwrap(), "2");
    for route in ["fails", "fails_for_now", "panics"] {
        assert_eq!(figures(&host, route).fallbacks, 1, "{route}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn what_timed_out_is_tried_again_only_where_it_may_be_done_twice() {
    let host = setup(
        r#"
        [router]
        timeout = "30ms"
        retry_count = 2
        backoff = 0
        [router.routes.awaits]
        idempotent = true
        "#,
    );
    let host = host.start().await;
    let error = host.call("awaits", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let awaits = figures(&host, "awaits");
    assert_eq!((awaits.agents[0].calls, awaits.retries), (3, 2));

    let policy = host.router().policy("awaits").unwrap();
    host.router().set_policy("awaits", policy.idempotent(false));
    host.call("awaits", "").await.unwrap_err();
    let awaits = figures(&host, "awaits");
    assert_eq!((awaits.agents[0].calls, awaits.retries), (4, 2));
    host.shutdown().await;
}

#[tokio::test]
async fn tasks_of_one_key_stay_with_one_instance() {
    let host = setup("router.routes.instance.strategy = \"sticky\"");
    let four = PluginOptions::default().instances(4);
    let host = host.plugin("misbehaves", four).start().await;
    let mut all = std::collections::BTreeSet::new();
    for key in 0..32 {
        let mut of_key = Vec::new();
        for _ in 0..3 {
            let options = TaskOptions::default().key(format!("key {key}"));
            let answer = host.router().route_task_with("instance", "", options);
            of_key.push(answer.await.unwrap().to_str().unwrap().to_owned());
        }
        of_key.dedup();
        assert_eq!(of_key.len(), 1, "key {key}");
        all.extend(of_key);
    }
    assert!(all.len() > 1, "{all:?}");
    host.shutdown().await;
}

#[tokio::test]
async fn an_agent_that_fails_is_left_out_while_another_serves() {
    let host = setup("router.routes.fails = { eject_after = 2, eject_time = \"1h\" }");
    let good = agent_fn("good", "", async |_: agentsys_host::Payload| Ok("fine"));
    let host = host
        .tune(|builder| builder.agent("fails", good))
        .start()
        .await;
    let mut failed = 0;
    for _ in 0..20 {
        failed += u32::from(host.call("fails", "").await.is_err());
    }
    assert_eq!(failed, 2);
    let fails = figures(&host, "fails");
    let agents = fails.agents.iter();
    let left_out: Vec<_> = agents
        .filter(|agent| agent.ejected)
        .map(|agent| (agent.owner.as_deref(), agent.calls, agent.ejections))
        .collect();
    assert_eq!(left_out, [(Some("misbehaves"), 2, 1)]);
    assert_eq!(host.metrics().plugin("misbehaves").unwrap().ejected, 1);
    host.shutdown().await;
}

#[tokio::test]
async fn a_task_is_refused_where_too_many_wait() {
    let host = setup(
        "router.routes.until_cancelled = { max_concurrent = 1, max_queue = 1, retry_count = 0 }",
    );
    let host = host.start().await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut call = Box::pin(host.router().route_task("until_cancelled", ""));
        assert!(futures_util::poll!(&mut call).is_pending());
        held.push(call);
    }
    let error = host.call("until_cancelled", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    let route = figures(&host, "until_cancelled");
    assert_eq!((route.under_way, route.waiting, route.rejected), (1, 1, 1));
    drop(held);
    host.shutdown().await;
}

#[tokio::test]
async fn a_live_change_of_the_config_holds_for_the_next_task() {
    let host = setup("").start().await;
    host.call("fails", "").await.unwrap_err();
    let mut loaded = (*host.config()).clone();
    let mut section = RouteSection::default();
    section.fallback = Some(FallbackSection::Answer(json!("in its place")));
    let routes = &mut loaded.config.router.routes;
    routes.insert("fails".to_owned(), section);
    assert_eq!(host.reconfigure(loaded.clone()).unwrap(), [""; 0]);
    assert_eq!(host.call("fails", "").await.unwrap(), "in its place");
    loaded.config.router.routes.clear();
    host.reconfigure(loaded).unwrap();
    host.call("fails", "").await.unwrap_err();
    assert_eq!(host.status("misbehaves").generation, Some(1));
    host.shutdown().await;
}

#[tokio::test]
async fn a_strategy_of_a_plugin_that_does_not_serve_is_a_warning_and_agents_take_turns() {
    let host = setup("router.routes.instance.strategy = \"plugin:no-such-strategist\"");
    let two = PluginOptions::default().instances(2);
    let host = host.plugin("misbehaves", two).start().await;
    for _ in 0..4 {
        host.call("instance", "").await.unwrap();
    }
    let calls = figures(&host, "instance").agents;
    assert_eq!(
        calls.iter().map(|agent| agent.calls).collect::<Vec<_>>(),
        [2, 2]
    );
    assert!(!logged("no plugin no-such-strategist serves as a strategy").is_empty());
    host.shutdown().await;
}

//! A task reaches one agent by its own name.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use agentsys_router::{
    Agent, AgentInfo, ErrorKind, Payload, Reply, RoutePolicy, Router, Strategy, Task, TaskError,
    TaskOptions, agent_fn_sync,
};
use tokio::time::Instant;

use crate::{busy, held, loads, named, poll, router, silent};

fn with_agents(agents: &[(&str, &str)]) -> Router {
    let router = router(RoutePolicy::default());
    for (name, route) in agents {
        crate::registered(&router, route, placed(name, route));
    }
    router
}

/// Answers with its name and the route that was called.
fn placed(name: &str, route: &str) -> Arc<dyn agentsys_router::Agent> {
    let own = format!("{name} on {route}");
    let agent = agent_fn_sync(name, "", move |task: &Task, _| {
        assert!(own.ends_with(task.route()));
        Ok(own.clone())
    });
    Arc::new(agent)
}

async fn sent(router: &Router, agent: &str) -> String {
    let answer = router.send(agent, "").await.unwrap();
    answer.to_str().unwrap().to_owned()
}

async fn refused(router: &Router, agent: &str) -> TaskError {
    router.send(agent, "").await.unwrap_err()
}

#[tokio::test]
async fn a_task_reaches_the_agent_of_that_name_and_no_other_of_its_route() {
    let router = with_agents(&[("a", "r"), ("b", "r"), ("c", "s")]);
    for _ in 0..3 {
        assert_eq!(sent(&router, "b").await, "b on r");
        assert_eq!(sent(&router, "c").await, "c on s");
    }
}

#[tokio::test]
async fn an_agent_that_gives_way_is_meant_only_where_no_other_has_its_name() {
    let router = router(RoutePolicy::default());
    let aside = || Aside(AgentInfo::new("a", "").gives_way());
    let id = router.register_agent("x", placed("a", "x")).await.unwrap();
    router.register_agent("y", Arc::new(aside())).await.unwrap();
    assert_eq!(sent(&router, "a").await, "a on x");
    let error = refused(&router, "a/z").await;
    assert_eq!(
        error.message(),
        r#"no agent is at "a/z": one of that name is at "a/x""#
    );
    crate::taken_away(&router, id);
    assert_eq!(sent(&router, "a").await, "aside");
}

struct Aside(AgentInfo);

impl Agent for Aside {
    fn info(&self) -> &AgentInfo {
        &self.0
    }

    fn call(&self, _: &Task, _: Payload) -> Reply {
        Reply::Ready(Ok("aside".into()))
    }
}

#[tokio::test]
async fn an_agent_on_several_routes_is_reached_with_its_route() {
    let router = with_agents(&[("a", "y"), ("a", "x"), ("b", "y")]);
    let error = refused(&router, "a").await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.message(),
        r#"agents on several routes are named "a": write "a/x" or "a/y""#
    );
    assert_eq!(sent(&router, "a/x").await, "a on x");
    assert_eq!(sent(&router, "a/y").await, "a on y");
    assert_eq!(sent(&router, "b/y").await, "b on y");
}

#[tokio::test]
async fn an_error_lists_a_few_routes_only() {
    let router = router(RoutePolicy::default());
    for number in 0..100 {
        let route = format!("r{number:02}");
        router.register_agent(&route, named("a")).await.unwrap();
    }
    assert_eq!(
        refused(&router, "a").await.message(),
        "agents on several routes are named \"a\": \
         write \"a/r00\", \"a/r01\", \"a/r02\", \"a/r03\" or \"a/r04\" (and 95 more)"
    );
}

#[tokio::test]
async fn names_may_hold_slashes() {
    let router = with_agents(&[("a/b", "r/s"), ("a", "r/s"), ("a", "b/r/s")]);
    assert_eq!(sent(&router, "a/b").await, "a/b on r/s");
    assert_eq!(sent(&router, "a/r/s").await, "a on r/s");
    assert_eq!(sent(&router, "a/b/r/s").await, "a on b/r/s");
}

#[tokio::test]
async fn a_mistyped_agent_gets_a_suggestion() {
    let router = with_agents(&[("analyst", "r"), ("writer", "r")]);
    let error = refused(&router, "analist").await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.message(),
        r#"no agent is named "analist"; did you mean "analyst"?"#
    );
    assert_eq!(
        refused(&router, "writter/r").await.message(),
        r#"no agent is named "writter/r"; did you mean "writer"?"#
    );
    assert_eq!(
        refused(&router, "writer/q").await.message(),
        r#"no agent is at "writer/q": one of that name is at "writer/r""#
    );
    assert_eq!((error.route(), error.agent()), (None, None));
}

#[tokio::test]
async fn agents_of_one_name_on_a_route_share_its_tasks_by_its_strategy() {
    let router = router(RoutePolicy::default().strategy(Strategy::LeastLoaded));
    let (first, _hold) = held("twin");
    router.register_agent("r", first).await.unwrap();
    router.register_agent("r", named("other")).await.unwrap();
    let mut occupied = router.send("twin", "");
    assert!(poll(&mut occupied).is_pending());
    router.register_agent("r", named("twin")).await.unwrap();
    for _ in 0..5 {
        assert!(matches!(
            poll(&mut router.send("twin", "")),
            Poll::Ready(Ok(_))
        ));
    }
    assert_eq!(loads(&router, "r"), [1, 0, 0]);
}

#[tokio::test]
async fn turns_by_name_are_not_disturbed_by_tasks_for_the_whole_route() {
    let router = router(RoutePolicy::default());
    for number in 0..2 {
        let agent = agent_fn_sync("twin", "", move |_: &Task, _| Ok(number.to_string()));
        router.register_agent("r", Arc::new(agent)).await.unwrap();
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    for _ in 0..100 {
        *counts.entry(sent(&router, "twin").await).or_default() += 1;
        router.route_task("r", "").await.unwrap();
    }
    assert!(counts.values().all(|count| *count == 50), "{counts:?}");
}

#[tokio::test]
async fn every_edit_is_seen() {
    let router = with_agents(&[("a", "r")]);
    assert_eq!(sent(&router, "a").await, "a on r");
    let id = router.register_agent("r", placed("b", "r")).await.unwrap();
    assert_eq!(sent(&router, "b").await, "b on r");
    crate::taken_away(&router, id);
    assert_eq!(refused(&router, "b").await.kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn places_and_timeout_of_the_route_hold() {
    let policy = RoutePolicy::default().max_concurrent(1);
    let router = router(policy.timeout(Duration::from_secs(2)));
    router.register_agent("r", silent("a")).await.unwrap();
    router.register_agent("r", named("b")).await.unwrap();
    let mut occupied = router.send("a", "");
    assert!(poll(&mut occupied).is_pending());
    let mut waiting = router.send("b", "");
    assert!(poll(&mut waiting).is_pending());

    let start = Instant::now();
    let error = occupied.await.unwrap_err();
    assert_eq!(start.elapsed().as_millis(), 2000);
    assert_eq!(
        (error.kind(), error.agent()),
        (ErrorKind::Timeout, Some("a"))
    );
    assert_eq!(
        (loads(&router, "r"), error.route()),
        (vec![0, 0], Some("r"))
    );
    drop(waiting);
}

#[tokio::test]
async fn a_task_that_waited_still_reaches_its_agent() {
    let router = router(RoutePolicy::default().max_concurrent(1));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    router.register_agent("r", named("b")).await.unwrap();
    let mut first = router.send("a", "");
    assert!(poll(&mut first).is_pending());
    let mut waiting: Vec<_> = (0..4).map(|_| router.send("b/r", "")).collect();
    for call in &mut waiting {
        assert!(poll(call).is_pending());
    }
    hold.release(1);
    assert!(poll(&mut first).is_ready());
    for call in waiting {
        assert_eq!(call.await.unwrap().to_str(), Ok("b"));
    }
}

#[tokio::test]
async fn a_waiting_task_is_told_when_its_agent_goes() {
    let router = router(RoutePolicy::default().max_concurrent(1).retry_count(0));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let id = router.register_agent("r", named("b")).await.unwrap();
    let mut first = router.send("a", "");
    assert!(poll(&mut first).is_pending());
    let mut second = router.send("b", "");
    assert!(poll(&mut second).is_pending());
    crate::taken_away(&router, id);
    hold.release(1);
    assert!(poll(&mut first).is_ready());

    let error = second.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.message(),
        r#"agent "b" left route "r" while the task waited"#
    );
    assert!(error.is_retryable());
    // The place that it had been given is free again.
    hold.release(1);
    assert!(poll(&mut router.send("a", "")).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_retry_goes_to_the_same_name() {
    let router = router(RoutePolicy::default());
    let (agent, calls) = busy("a");
    router.register_agent("r", agent).await.unwrap();
    router.register_agent("r", named("b")).await.unwrap();
    let error = refused(&router, "a").await;
    assert_eq!((error.attempts(), calls.load(Ordering::SeqCst)), (4, 4));
}

#[tokio::test]
async fn a_task_for_an_agent_can_be_nested() {
    let router = with_agents(&[("a", "r")]);
    let inner = router.clone();
    let outer = agentsys_router::agent_fn_with("outer", "", move |task: Task, data: Payload| {
        let inner = inner.clone();
        async move {
            let within = TaskOptions::default().parent(task);
            inner.send_with("a", data, within).await
        }
    });
    router
        .register_agent("outer", Arc::new(outer))
        .await
        .unwrap();
    assert_eq!(sent(&router, "outer").await, "a on r");
}

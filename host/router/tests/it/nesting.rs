//! Tasks within tasks: what they inherit, and how a circle ends.

use std::sync::Arc;
use std::time::Duration;

use agentsys_router::{
    Agent, ErrorKind, Payload, RoutePolicy, Router, RouterConfig, Task, TaskOptions, agent_fn_with,
};
use tokio::time::Instant;

use crate::{begun, held, loads, named, silent, text};

/// An agent that hands its task on to another route.
fn forwarding(router: &Router, to: &'static str) -> Arc<dyn Agent> {
    let router = router.clone();
    Arc::new(agent_fn_with(
        "forwarding",
        "",
        move |task: Task, data: Payload| {
            let router = router.clone();
            async move {
                router
                    .route_task_with(to, data, TaskOptions::default().parent(task))
                    .await
            }
        },
    ))
}

fn router(config: RouterConfig, routes: &[(&str, &'static str)]) -> Router {
    let router = Router::new(config);
    for (from, to) in routes {
        crate::registered(&router, from, forwarding(&router, to));
    }
    router.start();
    router
}

#[tokio::test]
async fn a_nested_task_knows_its_way() {
    let router = router(RouterConfig::default(), &[("a", "b"), ("b", "c")]);
    let last = agent_fn_with("last", "", async |task: Task, _| {
        let parent = task.parent().map(|parent| parent.route().to_owned());
        Ok(format!(
            "{} hops, {:?}, in {parent:?}",
            task.hops(),
            task.path()
        ))
    });
    router.register_agent("c", Arc::new(last)).await.unwrap();
    assert_eq!(
        text(&router, "a").await,
        r#"2 hops, ["a", "b", "c"], in Some("b")"#
    );
}

#[tokio::test]
async fn agents_that_call_each_other_in_a_circle_get_an_error_that_shows_it() {
    let config = RouterConfig::default().max_hops(4);
    let router = router(config, &[("start", "a"), ("a", "b"), ("b", "a")]);
    let error = router.route_task("start", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoopDetected);
    assert_eq!(
        error.message(),
        "agents call each other in a circle: a -> b -> a (limit: 4 hops)"
    );
    assert_eq!(error.route(), Some("a"));
}

#[tokio::test]
async fn tasks_nested_too_deeply_show_their_way_even_without_a_circle() {
    let config = RouterConfig::default().max_hops(1);
    let router = router(config, &[("a", "b"), ("b", "c")]);
    router.register_agent("c", named("c")).await.unwrap();
    let error = router.route_task("a", "").await.unwrap_err();
    assert_eq!(
        error.message(),
        "tasks nested too deeply: a -> b -> c (limit: 1 hops)"
    );
    assert!(router.route_task("b", "").await.is_ok());
}

#[tokio::test]
async fn thirty_two_hops_are_the_limit_by_default() {
    let router = router(RouterConfig::default(), &[("a", "a")]);
    let error = router.route_task("a", "").await.unwrap_err();
    assert!(
        error.message().ends_with("a -> a (limit: 32 hops)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_task_nested_in_another_of_its_route_shares_its_place() {
    let policy = RoutePolicy::default().max_concurrent(1);
    let router = router(
        RouterConfig::default().default_policy(policy),
        &[("a", "b"), ("b", "a")],
    );
    let error = router.route_task("a", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoopDetected);

    // Sharing has taken no place away and given none too many back.
    let old = router.routes()[0].agents[0].id;
    router
        .replace_agents(&[old], vec![("a".to_owned(), silent("a"))])
        .unwrap();
    let _calls = [begun(&router, "a"), begun(&router, "a")];
    assert_eq!(loads(&router, "a"), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_nested_task_ends_with_its_parents_deadline() {
    let short = RoutePolicy::default().timeout(Duration::from_secs(2));
    let router = router(RouterConfig::default().route("outer", short), &[]);
    // An agent that reports the nested error instead of ending with its own task.
    let inner = router.clone();
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let outer = agent_fn_with("outer", "", move |task: Task, data: Payload| {
        let (inner, tell) = (inner.clone(), tell.lock().unwrap().take().unwrap());
        async move {
            tokio::spawn(async move {
                let options = TaskOptions::default().parent(task);
                let error = inner
                    .route_task_with("inner", data, options)
                    .await
                    .unwrap_err();
                tell.send((error, Instant::now())).unwrap();
            });
            Ok("")
        }
    });
    router
        .register_agent("outer", Arc::new(outer))
        .await
        .unwrap();
    router
        .register_agent("inner", silent("inner"))
        .await
        .unwrap();

    let start = Instant::now();
    router.route_task("outer", "").await.unwrap();
    let (error, end) = told.await.unwrap();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(end - start, Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn dropping_a_task_drops_what_it_nests() {
    let router = router(RouterConfig::default(), &[("outer", "inner")]);
    let (agent, hold) = held("inner");
    router.register_agent("inner", agent).await.unwrap();
    let call = begun(&router, "outer");
    assert_eq!(hold.begun(), 1);
    drop(call);
    assert_eq!(hold.dropped(), 1);
    assert_eq!(loads(&router, "inner"), [0]);
}

#[tokio::test]
async fn nested_tasks_share_a_trace_that_no_other_task_has() {
    let router = router(RouterConfig::default(), &[("a", "b"), ("b", "c")]);
    let last = agent_fn_with("last", "", async |task: Task, _| {
        let outermost = task.parent().unwrap().parent().unwrap();
        assert_eq!(outermost.trace_id(), task.trace_id());
        Ok(task.trace_id().to_string())
    });
    router.register_agent("c", Arc::new(last)).await.unwrap();

    let (first, second) = (text(&router, "a").await, text(&router, "a").await);
    assert_ne!(first, second);
    for shown in [first, second] {
        assert_eq!(shown.len(), 32);
        assert_ne!(u128::from_str_radix(&shown, 16), Ok(0));
    }
}

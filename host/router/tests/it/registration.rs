//! Agents come and go, as one change each time, and nothing holds on to those that went.

use std::sync::{Arc, Weak};
use std::time::Duration;

use agentsys_router::{
    Agent, AgentInfo, ErrorKind, Payload, Reply, RoutePolicy, Router, RouterConfig, RouterError,
    Strategy, Task,
};

use crate::{begun, held, loads, named, poll, router, silent, text};

#[tokio::test]
async fn a_route_comes_with_its_first_agent_and_goes_with_its_last() {
    let router = router(RoutePolicy::default());
    assert!(router.routes().is_empty());
    let one = router.register_agent("r", named("one")).await.unwrap();
    let two = router.register_agent("r", named("two")).await.unwrap();
    assert_ne!(one, two);
    assert!(router.unregister_agent(one).await.unwrap());
    assert_eq!(text(&router, "r").await, "two");
    assert!(router.unregister_agent(two).await.unwrap());
    assert!(router.routes().is_empty());
    assert!(!router.unregister_agent(two).await.unwrap());
    assert_eq!(
        router.route_task("r", "").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn a_listing_tells_routes_by_name_with_their_agents() {
    let own = RoutePolicy::default()
        .strategy(Strategy::LeastLoaded)
        .max_concurrent(3);
    let router = Router::new(RouterConfig::default().route("b", own.clone()));
    router.start();
    struct Described(AgentInfo);
    impl Agent for Described {
        fn info(&self) -> &AgentInfo {
            &self.0
        }
        fn call(&self, _: &Task, data: Payload) -> Reply {
            Reply::Ready(Ok(data))
        }
    }
    let info = AgentInfo::new("first", "Describes the route.")
        .owner("me")
        .input_schema("{}");
    let id = router
        .register_agent("b", Arc::new(Described(info.clone())))
        .await
        .unwrap();
    router.register_agent("b", silent("second")).await.unwrap();
    router.register_agent("a", named("only")).await.unwrap();
    let _first = begun_on_second(&router);

    let routes = router.routes();
    let names: Vec<&str> = routes.iter().map(|route| &*route.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(routes[0].policy, RoutePolicy::default());
    assert_eq!(routes[1].policy, own);
    assert_eq!(&*routes[1].description, "Describes the route.");
    assert_eq!(
        (routes[1].agents[0].id, &routes[1].agents[0].info),
        (id, &info)
    );
    assert_eq!(loads(&router, "b"), [0, 1]);
}

/// Ties go in turn: of two tasks one gets to the second agent, which keeps it.
fn begun_on_second(router: &Router) -> agentsys_router::RouteTask<'_> {
    (0..2)
        .find_map(|_| {
            let mut call = router.route_task("b", "");
            poll(&mut call).is_pending().then_some(call)
        })
        .unwrap()
}

#[tokio::test]
async fn a_replacement_is_one_change_for_all_routes() {
    let router = router(RoutePolicy::default());
    let old = router
        .register_agents(vec![
            ("kept".to_owned(), named("old")),
            ("dropped".to_owned(), named("old")),
        ])
        .unwrap();
    let new = router
        .replace_agents(
            &old,
            vec![
                ("kept".to_owned(), named("new")),
                ("added".to_owned(), named("new")),
            ],
        )
        .unwrap();
    assert_eq!(new.len(), 2);
    let names: Vec<String> = router.routes().iter().map(|r| r.name.to_string()).collect();
    assert_eq!(names, ["added", "kept"]);
    assert_eq!(text(&router, "kept").await, "new");
}

#[test]
fn a_route_is_never_missing_while_its_agents_are_replaced() {
    let router = router(RoutePolicy::default());
    let mut ids = router
        .register_agents(vec![("r".to_owned(), named("a"))])
        .unwrap();
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            for _ in 0..20_000 {
                let answer = poll(&mut router.route_task("r", ""));
                assert!(
                    matches!(answer, std::task::Poll::Ready(Ok(_))),
                    "{answer:?}"
                );
            }
        });
        while !caller.is_finished() {
            ids = router
                .replace_agents(&ids, vec![("r".to_owned(), named("a"))])
                .unwrap();
        }
    });
}

#[tokio::test]
async fn a_name_that_cannot_be_typed_is_refused_and_changes_nothing() {
    let router = router(RoutePolicy::default());
    for name in ["", "a\nb", " a", &"a".repeat(256)] {
        let add = vec![
            ("good".to_owned(), named("a")),
            (name.to_owned(), named("a")),
        ];
        let error = router.register_agents(add).unwrap_err();
        assert!(
            matches!(error, RouterError::InvalidRouteName { .. }),
            "{error}"
        );
    }
    assert!(router.routes().is_empty());
    let error = router.register_agent("a\nb", named("a")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"a\\nb\" is no name for a route: it contains a control character"
    );
}

#[tokio::test(start_paused = true)]
async fn a_policy_set_for_a_route_outlives_it() {
    let router = router(RoutePolicy::default());
    router.set_policy(
        "r",
        RoutePolicy::default().timeout(Duration::from_millis(7)),
    );
    for _ in 0..2 {
        let id = router.register_agent("r", silent("a")).await.unwrap();
        let error = router.route_task("r", "").await.unwrap_err();
        assert!(error.message().ends_with("timed out after 7ms"), "{error}");
        crate::taken_away(&router, id);
    }
}

/// Watches an agent's life.
fn watched(agent: Arc<dyn Agent>) -> (Arc<dyn Agent>, Weak<dyn Agent>) {
    let weak = Arc::downgrade(&agent);
    (agent, weak)
}

#[tokio::test]
async fn an_agent_lives_until_its_last_task_has_ended_and_no_longer() {
    let router = router(RoutePolicy::default());
    let (agent, life) = watched(silent("a"));
    let id = router.register_agent("r", agent).await.unwrap();
    let call = begun(&router, "r");
    crate::taken_away(&router, id);
    assert!(life.upgrade().is_some());
    drop(call);
    assert!(life.upgrade().is_none());
}

#[tokio::test]
async fn a_task_keeps_no_agent_alive_but_its_own() {
    let router = router(RoutePolicy::default());
    router.register_agent("r", silent("busy")).await.unwrap();
    let _with_first = begun(&router, "r");
    let (agent, life) = watched(named("idle"));
    let id = router.register_agent("r", agent).await.unwrap();
    let (other, other_life) = watched(named("other"));
    let other_id = router.register_agent("other", other).await.unwrap();
    // Begun on a table that has both.
    let mut calls = [router.route_task("r", ""), router.route_task("r", "")];
    let pending = calls
        .iter_mut()
        .map(|call| poll(call).is_pending())
        .filter(|pending| *pending);
    assert_eq!(pending.count(), 1);

    router.replace_agents(&[id, other_id], Vec::new()).unwrap();
    assert!(life.upgrade().is_none() && other_life.upgrade().is_none());
}

/// An agent that uses the router when it is dropped, as a plugin's cleanup may.
struct LeavesLast(AgentInfo, Router);

impl Agent for LeavesLast {
    fn info(&self) -> &AgentInfo {
        &self.0
    }

    fn call(&self, _: &Task, data: Payload) -> Reply {
        Reply::Ready(Ok(data))
    }
}

impl Drop for LeavesLast {
    fn drop(&mut self) {
        crate::registered(&self.1, "left", named("left"));
    }
}

#[test]
fn an_agents_drop_may_use_the_router() {
    let router = router(RoutePolicy::default());
    let agent = LeavesLast(AgentInfo::new("a", ""), router.clone());
    let id = crate::registered(&router, "r", Arc::new(agent));
    router.replace_agents(&[id], Vec::new()).unwrap();
    assert_eq!(&*router.routes()[0].name, "left");
}

#[tokio::test]
async fn a_router_tells_which_routes_have_a_policy_of_their_own() {
    let policy = |places| RoutePolicy::default().max_concurrent(places);
    let config = RouterConfig::default()
        .default_policy(policy(1))
        .route("configured", policy(2));
    let router = Router::new(config);
    router.register_agent("plain", named("a")).await.unwrap();
    router.set_policy("set", policy(3));

    assert_eq!(router.default_policy(), policy(1));
    let own = ["configured", "set", "plain", "none"].map(|route| router.has_policy(route));
    assert_eq!(own, [true, true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn retired_agents_get_no_new_tasks_and_those_that_they_have_are_waited_for() {
    let router = router(RoutePolicy::default());
    let (agent, hold) = held("old");
    let old = router.register_agent("r", agent).await.unwrap();
    let mut under_way = begun(&router, "r");
    router.register_agent("r", named("new")).await.unwrap();

    let agents = [old];
    let mut retiring = Box::pin(router.retire(&agents, Duration::from_secs(10)));
    assert!(poll(&mut retiring).is_pending());
    for _ in 0..3 {
        assert_eq!(text(&router, "r").await, "new");
    }
    assert_eq!(hold.begun(), 1);
    hold.release(1);
    assert!(poll(&mut under_way).is_ready());
    assert_eq!(retiring.await, 0);
}

#[tokio::test(start_paused = true)]
async fn who_retires_agents_does_not_wait_for_longer_than_they_want_and_is_told_what_is_left() {
    let router = router(RoutePolicy::default());
    let (agent, hold) = held("slow");
    let slow = router.register_agent("r", agent).await.unwrap();
    let (_one, _two) = (begun(&router, "r"), begun(&router, "r"));
    let before = tokio::time::Instant::now();
    assert_eq!(router.retire(&[slow], Duration::from_secs(3)).await, 2);
    assert_eq!(before.elapsed(), Duration::from_secs(3));
    // They go on.
    assert_eq!(hold.dropped(), 0);
    assert_eq!(router.retire(&[slow], Duration::from_secs(3)).await, 0);
}

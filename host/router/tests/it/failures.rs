//! Each failed task is told to the observer once, and nothing else is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentsys_router::{
    ErrorKind, FailedTask, Payload, RoutePolicy, Router, RouterConfig, Task, TaskObserver,
    TaskOptions, TraceId, agent_fn_sync, agent_fn_with,
};

use crate::{begun, busy, held, named, silent};

#[derive(Debug, Clone, PartialEq)]
struct Told {
    route: String,
    known_route: bool,
    kind: ErrorKind,
    hops: u32,
    input_bytes: usize,
    attempts: u32,
    task_id: u64,
    trace_id: TraceId,
}

#[derive(Default)]
struct Notes(Mutex<Vec<Told>>);

impl TaskObserver for Notes {
    fn failed(&self, failed: &FailedTask<'_>) {
        self.0.lock().unwrap().push(Told {
            route: failed.route.to_owned(),
            known_route: failed.known_route,
            kind: failed.error.kind(),
            hops: failed.hops,
            input_bytes: failed.input_bytes,
            attempts: failed.attempts,
            task_id: failed.task_id,
            trace_id: failed.trace_id,
        });
    }
}

impl Notes {
    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The only thing that was told since.
    fn only(&self) -> Told {
        let told = self.take();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    }
}

fn observed(policy: RoutePolicy) -> (Router, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let config = RouterConfig::default()
        .default_policy(policy)
        .observer(notes.clone());
    let router = Router::new(config);
    router.start();
    (router, notes)
}

#[tokio::test(start_paused = true)]
async fn a_failed_task_is_told_once_after_its_last_attempt() {
    let (router, notes) = observed(RoutePolicy::default());
    let (agent, _) = busy("a");
    router.register_agent("r", agent).await.unwrap();
    router.route_task("r", "12345").await.unwrap_err();

    let told = notes.only();
    assert_eq!((told.route.as_str(), told.known_route), ("r", true));
    assert_eq!((told.kind, told.attempts), (ErrorKind::Overloaded, 4));
    assert_eq!((told.hops, told.input_bytes), (0, 5));
    assert!(told.task_id > 0);
}

#[tokio::test(start_paused = true)]
async fn failures_of_every_sort_are_told() {
    let (router, notes) = observed(RoutePolicy::default().max_concurrent(1));
    let panicking = agent_fn_sync("p", "", |_: &Task, _| -> Result<Payload, _> { panic!("!") });
    router
        .register_agent("panicking", Arc::new(panicking))
        .await
        .unwrap();
    router.register_agent("silent", silent("s")).await.unwrap();
    let (agent, _) = held("h");
    router.register_agent("full", agent).await.unwrap();
    let _occupied = begun(&router, "full");

    for (route, kind) in [
        ("panicking", ErrorKind::Panicked),
        ("silent", ErrorKind::Timeout),
        ("full", ErrorKind::Timeout),
    ] {
        router.route_task(route, "").await.unwrap_err();
        let told = notes.only();
        assert_eq!((told.route.as_str(), told.kind), (route, kind));
        assert_eq!((told.known_route, told.attempts), (true, 1));
    }
}

#[tokio::test]
async fn refusals_are_told_too() {
    let (router, notes) = observed(RoutePolicy::default());
    router.register_agent("r", named("a")).await.unwrap();
    router.register_agent("s", named("b")).await.unwrap();

    router.route_task("nowhere", "123").await.unwrap_err();
    let told = notes.only();
    assert_eq!((told.route.as_str(), told.known_route), ("nowhere", false));
    assert_eq!((told.kind, told.attempts), (ErrorKind::NotFound, 0));
    assert_eq!(told.input_bytes, 3);

    router.send("nobody", "").await.unwrap_err();
    let told = notes.only();
    assert_eq!((told.route.as_str(), told.known_route), ("nobody", false));

    let past = TaskOptions::default().deadline(tokio::time::Instant::now());
    router.send_with("a", "", past).await.unwrap_err();
    let told = notes.only();
    assert_eq!((told.route.as_str(), told.known_route), ("r", true));
    assert_eq!(told.kind, ErrorKind::Timeout);

    router.stop(Duration::ZERO).await;
    let error = router.send("b", "").await.unwrap_err();
    let told = notes.only();
    assert_eq!((told.route.as_str(), told.known_route), ("s", true));
    assert_eq!(
        (told.kind, error.route()),
        (ErrorKind::NotRunning, Some("s"))
    );
}

#[tokio::test(start_paused = true)]
async fn answered_and_dropped_tasks_are_not_told() {
    let (router, notes) = observed(RoutePolicy::default().max_concurrent(1));
    router.register_agent("r", named("a")).await.unwrap();
    router.register_agent("silent", silent("s")).await.unwrap();
    let (agent, _) = busy("b");
    router.register_agent("busy", agent).await.unwrap();

    router.route_task("r", "").await.unwrap();
    let with_agent = begun(&router, "silent");
    let waiting = begun(&router, "silent");
    let between_attempts = begun(&router, "busy");
    drop((waiting, with_agent, between_attempts));
    drop(router.route_task("r", ""));
    assert_eq!(notes.take(), []);
}

#[tokio::test(start_paused = true)]
async fn a_nested_failure_is_told_for_each_task_in_one_trace() {
    let (router, notes) = observed(RoutePolicy::default());
    let inner = router.clone();
    let outer = agent_fn_with("outer", "", move |task: Task, data: Payload| {
        let inner = inner.clone();
        async move {
            let within = TaskOptions::default().parent(task);
            inner.route_task_with("nowhere", data, within).await
        }
    });
    router
        .register_agent("outer", Arc::new(outer))
        .await
        .unwrap();
    router.route_task("outer", "").await.unwrap_err();

    let told = notes.take();
    let ways: Vec<_> = told
        .iter()
        .map(|told| (told.route.as_str(), told.hops, told.attempts))
        .collect();
    assert_eq!(ways, [("nowhere", 1, 0), ("outer", 0, 1)]);
    assert_eq!(told[0].trace_id, told[1].trace_id);
    assert_ne!(told[0].task_id, told[1].task_id);
}

#[tokio::test]
async fn an_observer_that_panics_harms_nobody() {
    struct Panics;
    impl TaskObserver for Panics {
        fn failed(&self, _: &FailedTask<'_>) {
            panic!("cannot look");
        }
    }
    let router = Router::new(RouterConfig::default().observer(Arc::new(Panics)));
    router.start();
    let error = router.route_task("nowhere", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let (agent, _) = busy("a");
    router.register_agent("r", agent).await.unwrap();
    router.set_policy("r", RoutePolicy::default().retry_count(0));
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!(error.message(), "busy");
}

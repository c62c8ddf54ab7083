//! A task that failed in a way that may pass is tried again, a few times and ever later.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use agentsys_router::{
    Agent, ErrorKind, Fallback, Payload, RoutePolicy, Router, Task, TaskError, TaskOptions,
    agent_fn, agent_fn_sync, agent_fn_with,
};
use tokio::time::{Instant, sleep};

use crate::{begun, busy, busy_error, held, named, poll, router, text};

/// Fails so many times before it answers its input; notes when it was called.
fn recovering(failures: usize) -> (Arc<dyn Agent>, Arc<Mutex<Vec<Instant>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let noted = calls.clone();
    let agent = agent_fn_sync("recovering", "", move |_: &Task, data: Payload| {
        let mut noted = noted.lock().unwrap();
        noted.push(Instant::now());
        if noted.len() <= failures {
            return Err(busy_error());
        }
        Ok(data)
    });
    (Arc::new(agent), calls)
}

fn retries(router: &Router) -> u64 {
    router.routes()[0].retries
}

#[tokio::test(start_paused = true)]
async fn a_task_is_tried_again_three_times_by_default() {
    let router = router(RoutePolicy::default());
    let (agent, calls) = busy("a");
    router.register_agent("r", agent).await.unwrap();

    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Overloaded, "busy")
    );
    assert_eq!((error.agent(), error.attempts()), (Some("a"), 4));
    assert_eq!(retries(&router), 3);
}

#[tokio::test(start_paused = true)]
async fn a_retry_brings_the_same_data_to_the_agent() {
    for size in [0, 5, 64, 65, 100_000] {
        let router = router(RoutePolicy::default());
        let (agent, calls) = recovering(2);
        router.register_agent("r", agent).await.unwrap();
        let sent = Payload::csv(vec![b'x'; size]);
        assert_eq!(router.route_task("r", sent.clone()).await.unwrap(), sent);
        assert_eq!((calls.lock().unwrap().len(), retries(&router)), (3, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_fails_late_is_tried_again_too() {
    let router = router(RoutePolicy::default());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let agent = agent_fn("a", "", move |data: Payload| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            sleep(Duration::from_secs(1)).await;
            if call < 2 {
                Err(busy_error())
            } else {
                Ok(data)
            }
        }
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    assert_eq!(router.route_task("r", "x").await.unwrap().to_str(), Ok("x"));
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn the_wait_before_a_retry_is_random_within_a_bound_that_doubles() {
    const BOUNDS: [u64; 7] = [50, 100, 200, 400, 800, 1000, 1000];
    let mut longest = [0; BOUNDS.len()];
    for _ in 0..200 {
        let router = router(RoutePolicy::default().retry_count(BOUNDS.len() as u32));
        let (agent, calls) = recovering(BOUNDS.len());
        router.register_agent("r", agent).await.unwrap();
        assert!(router.route_task("r", "").await.is_ok());
        let calls = calls.lock().unwrap();
        for (at, pair) in calls.windows(2).enumerate() {
            let wait = (pair[1] - pair[0]).as_millis() as u64;
            // Timers ring at whole milliseconds.
            assert!(wait <= BOUNDS[at] + 1, "{wait} ms before retry {}", at + 1);
            longest[at] = longest[at].max(wait);
        }
    }
    for (longest, bound) in longest.into_iter().zip(BOUNDS) {
        assert!(longest > bound * 3 / 4, "{longest} ms of {bound}");
    }
}

#[tokio::test]
async fn an_error_that_will_not_pass_is_not_tried_again() {
    let router = router(RoutePolicy::default());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let agent = agent_fn_sync("a", "", move |_: &Task, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Err::<Payload, _>(TaskError::new(ErrorKind::Failed, "no"))
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!((error.attempts(), calls.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(retries(&router), 0);
}

#[tokio::test]
async fn a_route_without_retries_tries_once() {
    let router = router(RoutePolicy::default().retry_count(0));
    let (agent, calls) = busy("a");
    router.register_agent("r", agent).await.unwrap();
    let Poll::Ready(Err(error)) = poll(&mut router.route_task("r", "")) else {
        panic!("not answered at once");
    };
    assert_eq!((error.attempts(), calls.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn each_attempt_chooses_an_agent_anew() {
    let router = router(RoutePolicy::default());
    let (agent, calls) = busy("busy");
    router.register_agent("r", agent).await.unwrap();
    router.register_agent("r", named("free")).await.unwrap();
    for _ in 0..10 {
        assert_eq!(text(&router, "r").await, "free");
    }
    assert!(calls.load(Ordering::SeqCst) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_task_holds_no_place_between_its_attempts() {
    let router = router(RoutePolicy::default().max_concurrent(1));
    let (agent, _) = recovering(1);
    router.register_agent("r", agent).await.unwrap();
    let call = begun(&router, "r");
    assert!(poll(&mut router.route_task("r", "")).is_ready());
    assert!(call.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_task_in_another_of_its_route_shares_its_place_at_a_retry_too() {
    let router = router(RoutePolicy::default().max_concurrent(1));
    let (inner, calls) = (router.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = calls.clone();
    let agent = agent_fn_with("a", "", move |task: Task, data: Payload| {
        let (inner, call) = (inner.clone(), counted.fetch_add(1, Ordering::SeqCst));
        async move {
            match call {
                0 => {
                    let within = TaskOptions::default().parent(task);
                    inner.route_task_with("r", data, within).await
                }
                1 => Err(busy_error()),
                _ => Ok(data),
            }
        }
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    assert_eq!(router.route_task("r", "x").await.unwrap().to_str(), Ok("x"));
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_route_went_while_it_waited_finds_the_one_that_came_back() {
    let router = router(RoutePolicy::default().max_concurrent(1));
    let (agent, _hold) = held("old");
    let id = router.register_agent("r", agent).await.unwrap();
    let _first = begun(&router, "r");
    let mut second = begun(&router, "r");
    crate::taken_away(&router, id);
    assert!(poll(&mut second).is_pending());
    router.register_agent("r", named("new")).await.unwrap();
    assert_eq!(second.await.unwrap().to_str(), Ok("new"));
}

#[tokio::test(start_paused = true)]
async fn attempts_do_not_multiply_where_tasks_are_nested() {
    let router = router(RoutePolicy::default());
    let inner = router.clone();
    let outer_calls = Arc::new(AtomicUsize::new(0));
    let counted = outer_calls.clone();
    let outer = agent_fn_with("outer", "", move |task: Task, data: Payload| {
        counted.fetch_add(1, Ordering::SeqCst);
        let inner = inner.clone();
        async move {
            let within = TaskOptions::default().parent(task);
            inner.route_task_with("inner", data, within).await
        }
    });
    let (agent, inner_calls) = busy("inner");
    router
        .register_agent("outer", Arc::new(outer))
        .await
        .unwrap();
    router.register_agent("inner", agent).await.unwrap();

    let error = router.route_task("outer", "").await.unwrap_err();
    assert_eq!(inner_calls.load(Ordering::SeqCst), 4);
    assert_eq!(outer_calls.load(Ordering::SeqCst), 1);
    assert_eq!((error.route(), error.attempts()), (Some("inner"), 4));
}

#[test]
fn without_a_runtime_to_keep_time_the_error_comes_at_once() {
    let router = router(RoutePolicy::default());
    let (agent, calls) = busy("a");
    crate::registered(&router, "r", agent);
    let Poll::Ready(Err(error)) = poll(&mut router.route_task("r", "")) else {
        panic!("not answered at once");
    };
    assert_eq!(error.message(), "busy");
    assert_eq!((error.attempts(), calls.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn retries_and_fallbacks_are_told_of_the_agent_whose_failure_made_them() {
    let policy = RoutePolicy::default().retry_count(2);
    let router = router(policy.fallback(Fallback::Answer("none".into())));
    let (agent, _) = busy("busy");
    router.register_agent("r", agent).await.unwrap();
    assert_eq!(crate::text(&router, "r").await, "none");
    let route = &router.metrics()[0];
    assert_eq!((route.retries, route.fallbacks), (2, 1));
    let agent = &route.agents[0];
    assert_eq!((agent.calls, agent.retries, agent.fallbacks), (3, 2, 1));
}

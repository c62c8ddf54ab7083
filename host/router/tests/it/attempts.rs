//! How long attempts take, one after the other, and the task with all of them: to the millisecond, since waits between attempts are left out here.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentsys_router::{
    Backoff, ErrorKind, Fallback, Payload, RetryBudget, RoutePolicy, Router, Task, TaskError,
    TaskOptions, agent_fn_with,
};
use tokio::time::{Instant, advance};

use crate::{Answer, busy, busy_error, described, named, router, silent};

const AT_ONCE: Backoff = Backoff::new(Duration::ZERO, Duration::ZERO);

/// Three attempts at most, of 300 ms each.
fn policy() -> RoutePolicy {
    RoutePolicy::default()
        .timeout(Duration::from_millis(300))
        .retry_count(2)
        .backoff(AT_ONCE)
}

async fn call(router: &Router, route: &str, options: TaskOptions) -> (Answer, u128) {
    let start = Instant::now();
    let answer = router.route_task_with(route, "", options).await;
    (answer, start.elapsed().as_millis())
}

async fn failure(router: &Router, options: TaskOptions) -> (TaskError, u128) {
    let (answer, after) = call(router, "r", options).await;
    (answer.unwrap_err(), after)
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_the_whole_timeout() {
    let router = router(policy().idempotent(true));
    router.register_agent("r", silent("a")).await.unwrap();
    let (error, after) = failure(&router, TaskOptions::default()).await;
    assert_eq!((error.kind(), after), (ErrorKind::Timeout, 900));
    assert_eq!(error.attempts(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_timed_out_is_tried_again_where_route_agent_or_task_says_that_it_may() {
    for (of_route, of_agent, of_task) in [
        (false, false, false),
        (true, false, false),
        (false, true, false),
        (false, false, true),
    ] {
        let router = router(policy().idempotent(of_route));
        let agent = described(silent("a"), |info| info.idempotent(of_agent));
        router.register_agent("r", agent).await.unwrap();
        let options = match of_task {
            true => TaskOptions::default().idempotent(),
            false => TaskOptions::default(),
        };
        let (error, after) = failure(&router, options).await;
        let expected = match of_route || of_agent || of_task {
            true => (900, 3),
            false => (300, 1),
        };
        assert_eq!((after, error.attempts()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_attempt_that_it_falls_into() {
    let route = policy().idempotent(true);
    let deadline = Duration::from_millis(700);
    for (of_route, of_task) in [(Some(deadline), None), (None, Some(deadline))] {
        let router = router(route.clone().deadline(of_route));
        router.register_agent("r", silent("a")).await.unwrap();
        let options = match of_task {
            Some(time) => TaskOptions::default().deadline(Instant::now() + time),
            None => TaskOptions::default(),
        };
        let (error, after) = failure(&router, options).await;
        assert_eq!((after, error.attempts()), (700, 3));
        assert_eq!(
            error.message(),
            "agent \"a\" on route \"r\" timed out after 100ms"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_made_when_the_deadline_has_come() {
    let route = policy().idempotent(true);
    let router = router(route.deadline(Duration::from_millis(600)));
    router.register_agent("r", silent("a")).await.unwrap();
    let (error, after) = failure(&router, TaskOptions::default()).await;
    assert_eq!((after, error.attempts()), (600, 2));
}

/// Sends its task on to another route.
fn nesting(router: &Router) -> Arc<dyn agentsys_router::Agent> {
    let router = router.clone();
    Arc::new(agent_fn_with(
        "outer",
        "",
        move |task: Task, data: Payload| {
            let router = router.clone();
            async move {
                let within = TaskOptions::default().parent(task);
                router.route_task_with("inner", data, within).await
            }
        },
    ))
}

#[tokio::test(start_paused = true)]
async fn a_nested_task_has_what_is_left_of_the_attempt_that_it_is_in() {
    let router = router(policy());
    router.set_policy("inner", RoutePolicy::default().idempotent(true));
    router.register_agent("r", nesting(&router)).await.unwrap();
    router.register_agent("inner", silent("a")).await.unwrap();
    let (error, after) = failure(&router, TaskOptions::default()).await;
    assert_eq!((error.kind(), after), (ErrorKind::Timeout, 300));
}

#[tokio::test(start_paused = true)]
async fn a_fallback_comes_when_the_last_attempt_has_failed() {
    let route = policy().idempotent(true);
    let answer = Fallback::Answer(Payload::text("instead"));
    let other = Fallback::Route("other".into());
    for fallback in [answer, other] {
        let router = router(route.clone().fallback(fallback));
        router.register_agent("r", silent("a")).await.unwrap();
        router
            .register_agent("other", named("instead"))
            .await
            .unwrap();
        let (answer, after) = call(&router, "r", TaskOptions::default()).await;
        assert_eq!(answer.unwrap().to_str(), Ok("instead"));
        assert_eq!(after, 900);
        assert_eq!(router.metrics().pop().unwrap().fallbacks, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fallback_has_its_own_time() {
    let router = router(policy());
    let own = RoutePolicy::default().timeout(Duration::from_millis(800));
    router.set_policy("other", own);
    router.set_policy("r", policy().fallback(Fallback::Route("other".into())));
    router.register_agent("r", silent("a")).await.unwrap();
    router.register_agent("other", silent("b")).await.unwrap();
    let (_, after) = failure(&router, TaskOptions::default()).await;
    assert_eq!(after, 300 + 800);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_for_the_fallback_and_the_error_names_both() {
    let route = policy().deadline(Duration::from_millis(500));
    let router = router(RoutePolicy::default());
    router.set_policy("r", route.fallback(Fallback::Route("other".into())));
    router.register_agent("r", silent("a")).await.unwrap();
    router.register_agent("other", silent("b")).await.unwrap();
    let (error, after) = failure(&router, TaskOptions::default()).await;
    assert_eq!((error.agent(), after), (Some("a"), 500));
    let cause = error.causes().next().unwrap();
    assert!(cause.contains("\"b\" on route \"other\""), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn the_budget_comes_back_ten_seconds_after_it_was_spent() {
    let route = policy()
        .retry_budget(RetryBudget::new(0.0, 1))
        .retry_count(1);
    let router = router(route);
    let (agent, calls) = busy("a");
    router.register_agent("r", agent).await.unwrap();
    let send = async |tasks: usize| {
        let before = calls.load(Ordering::SeqCst);
        for _ in 0..tasks {
            router.route_task("r", "").await.unwrap_err();
        }
        calls.load(Ordering::SeqCst) - before - tasks
    };
    assert_eq!(send(30).await, 10);
    advance(Duration::from_millis(9_999)).await;
    assert_eq!(send(30).await, 0);
    advance(Duration::from_millis(1)).await;
    assert_eq!(send(30).await, 10);
    let metrics = router.metrics().remove(0);
    assert_eq!((metrics.retries, metrics.retries_refused), (20, 70));
}

#[tokio::test(start_paused = true)]
async fn the_last_error_of_a_real_attempt_is_kept() {
    let router = router(policy().idempotent(true));
    let calls = AtomicUsize::new(0);
    let agent = agent_fn_with("a", "", move |_, _| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        async move {
            match call {
                0 => Err(busy_error()),
                1 => pending::<Answer>().await,
                _ => Err(TaskError::new(ErrorKind::Failed, "for good")),
            }
        }
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    let (error, after) = failure(&router, TaskOptions::default()).await;
    assert_eq!((error.message(), after), ("for good", 300));
    assert_eq!(error.attempts(), 3);
}

#[tokio::test(start_paused = true)]
async fn fallbacks_in_a_circle_end_where_they_come_round() {
    let falls_back = |to: &str| RoutePolicy::default().fallback(Fallback::Route(to.into()));
    let router = router(falls_back("nowhere"));
    for (route, to) in [("a", "b"), ("b", "a"), ("self", "self")] {
        router.set_policy(route, falls_back(to));
    }
    for route in ["a", "self"] {
        let error = router.route_task(route, "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{route} has no agents");
    }
    let (one, calls_of_one) = crate::busy("one");
    let (other, calls_of_other) = crate::busy("other");
    router.register_agent("a", one).await.unwrap();
    router.register_agent("b", other).await.unwrap();
    router.route_task("a", "").await.unwrap_err();
    let calls = [calls_of_one, calls_of_other].map(|calls| calls.load(Ordering::SeqCst));
    assert_eq!(calls, [4, 4]);
}

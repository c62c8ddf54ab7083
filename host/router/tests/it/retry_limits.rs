//! What keeps a task from being tried again: its time, a stop of the router, its caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentsys_router::{
    Backoff, ErrorKind, Payload, RetryBudget, RoutePolicy, TaskError, TaskOptions, agent_fn,
};
use tokio::time::{Instant, sleep};

use crate::{Answer, begun, busy, busy_error, held, loads, router};

const DRAIN: Duration = Duration::from_secs(5);
const AT_ONCE: Backoff = Backoff::new(Duration::ZERO, Duration::ZERO);

#[tokio::test(start_paused = true)]
async fn retries_end_with_the_tasks_time_and_the_last_real_error() {
    for millis in [1, 40, 200, 700] {
        let time = Duration::from_millis(millis);
        let router = router(RoutePolicy::default().deadline(time).retry_count(u32::MAX));
        let (agent, calls) = busy("a");
        router.register_agent("r", agent).await.unwrap();
        let start = Instant::now();
        let error = router.route_task("r", "").await.unwrap_err();
        assert!(start.elapsed() <= time, "{:?}", start.elapsed());
        assert_eq!(error.message(), "busy");
        assert_eq!(error.attempts() as usize, calls.load(Ordering::SeqCst));
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_one_task_holds_for_its_retries() {
    let router = router(RoutePolicy::default().retry_count(u32::MAX));
    let (agent, _) = busy("a");
    router.register_agent("r", agent).await.unwrap();
    let start = Instant::now();
    let options = TaskOptions::default().deadline(start + Duration::from_millis(300));
    let error = router.route_task_with("r", "", options).await.unwrap_err();
    assert!(start.elapsed() <= Duration::from_millis(300));
    assert_eq!(error.kind(), ErrorKind::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_gets_no_answer_in_time_ends_with_a_timeout() {
    let policy = RoutePolicy::default().timeout(Duration::from_secs(2));
    let router = router(policy.backoff(AT_ONCE));
    let calls = AtomicUsize::new(0);
    let agent = agent_fn("a", "", move |_| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        async move {
            if call == 0 {
                return Err(busy_error());
            }
            std::future::pending::<Answer>().await
        }
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    let start = Instant::now();
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!(start.elapsed().as_millis(), 2000);
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 2));
    assert_eq!(loads(&router, "r"), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_gets_no_place_in_time_ends_with_the_error_before() {
    let policy = RoutePolicy::default().deadline(Duration::from_secs(2));
    let router = router(policy.max_concurrent(1));
    let (agent, _) = busy("busy");
    let id = router.register_agent("r", agent).await.unwrap();
    let call = begun(&router, "r");
    let (agent, _hold) = held("held");
    router
        .replace_agents(&[id], vec![("r".to_owned(), agent)])
        .unwrap();
    let _occupied = begun(&router, "r");

    let start = Instant::now();
    let error = call.await.unwrap_err();
    assert_eq!(start.elapsed().as_millis(), 2000);
    assert_eq!((error.message(), error.attempts()), ("busy", 2));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_for_a_retry_at_once() {
    let router = router(RoutePolicy::default().retry_count(u32::MAX));
    let (agent, calls) = busy("a");
    router.register_agent("r", agent).await.unwrap();
    let call = begun(&router, "r");

    let start = Instant::now();
    let (answer, left) = tokio::join!(call, router.stop(DRAIN));
    assert_eq!((left, start.elapsed()), (0, Duration::ZERO));
    let error = answer.unwrap_err();
    assert_eq!((error.message(), error.attempts()), ("busy", 1));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn what_fails_while_the_router_drains_is_not_tried_again() {
    let router = router(RoutePolicy::default());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let agent = agent_fn("a", "", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async {
            sleep(Duration::from_secs(1)).await;
            Err::<Payload, _>(busy_error())
        }
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    let call = begun(&router, "r");
    let start = Instant::now();
    let (answer, left) = tokio::join!(call, router.stop(DRAIN));
    assert_eq!((left, start.elapsed()), (0, Duration::from_secs(1)));
    assert_eq!(answer.unwrap_err().message(), "busy");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_a_stop_cut_off_is_not_tried_again_by_the_next_run() {
    let router = router(RoutePolicy::default());
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let call = begun(&router, "r");
    router.halt();
    router.start();
    let error = call.await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Cancelled, 1));
    assert_eq!((hold.begun(), hold.dropped()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_called_off_leaves_the_retry_to_come() {
    let router = router(RoutePolicy::default());
    let (agent, _) = busy("a");
    let id = router.register_agent("r", agent).await.unwrap();
    let call = begun(&router, "r");
    let mut stop = Box::pin(router.stop(DRAIN));
    assert!(crate::poll(&mut stop).is_pending());
    router.start();
    router
        .replace_agents(&[id], vec![("r".to_owned(), crate::named("new"))])
        .unwrap();
    assert_eq!(call.await.unwrap().to_str(), Ok("new"));
    assert_eq!(stop.await, 0);
}

#[tokio::test(start_paused = true)]
async fn not_running_is_never_tried_again() {
    let router = router(RoutePolicy::default());
    let agent = agent_fn("a", "", async |_| {
        let error = TaskError::new(ErrorKind::NotRunning, "another router is not running");
        Err::<Payload, _>(error.retryable(true))
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::NotRunning, 1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_takes_the_retry_along() {
    let router = router(RoutePolicy::default());
    let (agent, calls) = busy("a");
    router.register_agent("r", agent).await.unwrap();
    drop(begun(&router, "r"));
    assert_eq!(router.stop(DRAIN).await, 0);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn every_call_of_an_agent_is_a_first_attempt_or_a_counted_retry() {
    const TASKS: usize = 1000;
    let policy = RoutePolicy::default().timeout(Duration::from_secs(600));
    let plenty = RetryBudget::new(10.0, 1000);
    let router = router(policy.max_concurrent(7).retry_budget(plenty));
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let agent = agent_fn("a", "", move |data: Payload| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            if call.is_multiple_of(2) {
                tokio::task::yield_now().await;
            }
            if !call.is_multiple_of(3) {
                Err(busy_error())
            } else {
                Ok(data)
            }
        }
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();

    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..TASKS {
        let router = router.clone();
        tasks.spawn(async move { router.route_task("r", number.to_string()).await });
    }
    let mut attempts_of_failed = Vec::new();
    for answer in tasks.join_all().await {
        attempts_of_failed.extend(answer.err().map(|error| error.attempts()));
    }
    assert!((1..TASKS).contains(&attempts_of_failed.len()));
    assert!(attempts_of_failed.iter().all(|attempts| *attempts == 4));
    let retries = usize::try_from(router.routes()[0].retries).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), TASKS + retries);

    // All places are back, and no more than there were.
    let (agent, hold) = held("h");
    router
        .replace_agents(
            &[router.routes()[0].agents[0].id],
            vec![("r".to_owned(), agent)],
        )
        .unwrap();
    let _calls: Vec<_> = (0..9).map(|_| begun(&router, "r")).collect();
    assert_eq!(hold.begun(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_nested_tasks_error_keeps_its_own_count() {
    let router = router(RoutePolicy::default());
    let calls = AtomicUsize::new(0);
    let agent = agent_fn("a", "", move |_| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        async move {
            let error = busy_error().with_route("inner");
            Err::<Payload, _>(if call == 0 {
                error
            } else {
                error.with_attempts(9)
            })
        }
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!((error.route(), error.attempts()), (Some("inner"), 9));
}

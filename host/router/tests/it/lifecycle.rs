//! Start, and the orderly end: refuse, drain, cut off.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use agentsys_router::{
    ErrorKind, Payload, RoutePolicy, Router, RouterConfig, Task, TaskOptions, agent_fn_sync,
    agent_fn_with,
};
use tokio::time::{Instant, sleep};

use crate::{begun, held, loads, named, poll, router, silent, text};

const DRAIN: Duration = Duration::from_secs(5);

async fn refusal(router: &Router) -> ErrorKind {
    router.route_task("r", "").await.unwrap_err().kind()
}

#[tokio::test]
async fn a_router_takes_tasks_between_start_and_stop_only() {
    let router = Router::new(RouterConfig::default());
    router.register_agent("r", named("a")).await.unwrap();
    assert_eq!(refusal(&router).await, ErrorKind::NotRunning);
    router.start();
    router.start();
    assert_eq!(text(&router, "r").await, "a");
    assert_eq!(router.stop(DRAIN).await, 0);
    assert_eq!(refusal(&router).await, ErrorKind::NotRunning);
    assert_eq!(router.stop(DRAIN).await, 0);
    router.start();
    assert_eq!(text(&router, "r").await, "a");
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_tasks_under_way_and_refuses_new_ones() {
    let router = router(RoutePolicy::default());
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let call = begun(&router, "r");

    let start = Instant::now();
    let later = async {
        sleep(Duration::from_secs(2)).await;
        assert_eq!(refusal(&router).await, ErrorKind::NotRunning);
        hold.release(1);
    };
    let (cut_off, answer, ()) = tokio::join!(router.stop(DRAIN), call, later);
    assert_eq!(cut_off, 0);
    assert_eq!(answer.unwrap().to_str(), Ok("a"));
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_stop_cuts_off_what_has_not_ended_by_then() {
    let router = router(RoutePolicy::default().max_concurrent(2));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    // Two with the agent, one waiting.
    let calls = (0..3).map(|_| {
        let router = router.clone();
        tokio::spawn(async move { router.route_task("r", "").await })
    });
    let calls: Vec<_> = calls.collect();
    tokio::task::yield_now().await;
    assert_eq!(hold.begun(), 2);

    let start = Instant::now();
    assert_eq!(router.stop(DRAIN).await, 3);
    assert_eq!(start.elapsed(), DRAIN);
    assert_eq!((hold.dropped(), loads(&router, "r")), (2, vec![0]));
    for (number, call) in calls.into_iter().enumerate() {
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.agent(), (number < 2).then_some("a"));
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(error.is_retryable());
        assert_eq!(error.route(), Some("r"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_never_polled_again_does_not_hold_the_stop_up() {
    let router = router(RoutePolicy::default());
    router.register_agent("r", silent("a")).await.unwrap();
    let mut stuck = begun(&router, "r");

    let start = Instant::now();
    assert_eq!(router.stop(Duration::ZERO).await, 1);
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(matches!(poll(&mut stuck), Poll::Ready(Err(_))));
}

#[tokio::test(start_paused = true)]
async fn tasks_nested_in_one_under_way_are_admitted_while_draining() {
    let router = router(RoutePolicy::default());
    let inner = router.clone();
    let outer = agent_fn_with("outer", "", move |task: Task, data: Payload| {
        let inner = inner.clone();
        async move {
            sleep(Duration::from_secs(1)).await;
            inner
                .route_task_with("inner", data, TaskOptions::default().parent(task))
                .await
        }
    });
    router
        .register_agent("outer", Arc::new(outer))
        .await
        .unwrap();
    router
        .register_agent("inner", named("inner"))
        .await
        .unwrap();

    let call = begun(&router, "outer");
    let (cut_off, answer) = tokio::join!(router.stop(DRAIN), call);
    assert_eq!((cut_off, answer.unwrap().to_str()), (0, Ok("inner")));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_agents_that_have_left_the_routes() {
    let router = router(RoutePolicy::default());
    let (agent, hold) = held("a");
    let id = router.register_agent("r", agent).await.unwrap();
    let call = begun(&router, "r");
    crate::taken_away(&router, id);
    router
        .register_agent("other", named("other"))
        .await
        .unwrap();

    let later = async {
        sleep(Duration::from_secs(1)).await;
        hold.release(1);
    };
    let (cut_off, answer, ()) = tokio::join!(router.stop(DRAIN), call, later);
    assert_eq!((cut_off, answer.is_ok()), (0, true));
}

#[tokio::test(start_paused = true)]
async fn a_start_in_the_midst_of_a_stop_calls_it_off() {
    let router = router(RoutePolicy::default());
    router.register_agent("r", silent("a")).await.unwrap();
    router.register_agent("quick", named("q")).await.unwrap();
    let mut call = begun(&router, "r");
    let restart = async {
        sleep(Duration::from_secs(1)).await;
        router.start();
    };
    let (cut_off, ()) = tokio::join!(router.stop(DRAIN), restart);
    assert_eq!(cut_off, 0);
    assert!(poll(&mut call).is_pending());
    assert_eq!(text(&router, "quick").await, "q");
}

#[test]
fn a_call_inside_its_agent_holds_the_stop_up_until_it_returns() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let router = router(RoutePolicy::default());
    let (entered, wait_entered) = std::sync::mpsc::sync_channel(1);
    let (leave, may_leave) = std::sync::mpsc::sync_channel::<()>(1);
    let may_leave = std::sync::Mutex::new(may_leave);
    let agent = agent_fn_sync("a", "", move |_: &Task, data: Payload| {
        entered.send(()).unwrap();
        may_leave.lock().unwrap().recv().unwrap();
        Ok(data)
    });
    crate::registered(&router, "r", Arc::new(agent));

    let caller = router.clone();
    let call = runtime.spawn(async move { caller.route_task("r", "").await });
    wait_entered.recv().unwrap();
    runtime.block_on(async {
        let mut stop = Box::pin(router.stop(Duration::from_secs(600)));
        assert!(poll(&mut stop).is_pending());
        leave.send(()).unwrap();
        assert_eq!(stop.await, 0);
        assert!(call.await.unwrap().is_ok());
    });
}

//! A task ends when its time is up, to the millisecond, and leaves nothing behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use agentsys_router::{
    ErrorKind, Payload, RoutePolicy, Router, Task, TaskError, TaskOptions, agent_fn, agent_fn_with,
};
use tokio::time::{Instant, sleep};

use crate::{begun, held, loads, router, silent};

fn timeout(time: Duration) -> RoutePolicy {
    RoutePolicy::default().timeout(time)
}

/// The error of a call, and after how many milliseconds it came.
async fn failure(router: &Router, route: &str, options: TaskOptions) -> (TaskError, u128) {
    let start = Instant::now();
    let error = router
        .route_task_with(route, "", options)
        .await
        .unwrap_err();
    (error, start.elapsed().as_millis())
}

#[tokio::test(start_paused = true)]
async fn an_agent_has_thirty_seconds_by_default() {
    let router = router(RoutePolicy::default());
    router.register_agent("r", silent("a")).await.unwrap();

    let (error, after) = failure(&router, "r", TaskOptions::default()).await;
    assert_eq!((error.kind(), after), (ErrorKind::Timeout, 30_000));
    assert_eq!(
        error.message(),
        "agent \"a\" on route \"r\" timed out after 30s"
    );
    assert_eq!((error.route(), error.agent()), (Some("r"), Some("a")));
    assert!(!error.is_retryable(), "the agent may have done its work");
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_call_drops_the_agents_future() {
    let router = router(timeout(Duration::from_millis(1500)));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();

    let (_, after) = failure(&router, "r", TaskOptions::default()).await;
    assert_eq!(after, 1500);
    assert_eq!(
        (hold.begun(), hold.dropped(), loads(&router, "r")),
        (1, 1, vec![0])
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_the_last_millisecond_counts() {
    let router = router(timeout(Duration::from_millis(100)));
    for (route, takes) in [("in_time", 99), ("late", 102)] {
        let agent = agent_fn("a", "", move |data: Payload| async move {
            sleep(Duration::from_millis(takes)).await;
            Ok(data)
        });
        router.register_agent(route, Arc::new(agent)).await.unwrap();
    }
    assert!(router.route_task("in_time", "").await.is_ok());
    assert!(router.route_task("late", "").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_place_is_part_of_the_timeout() {
    let router = router(timeout(Duration::from_secs(2)).max_concurrent(1));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let _occupied = begun(&router, "r");

    let (error, after) = failure(&router, "r", TaskOptions::default()).await;
    assert_eq!((error.kind(), after), (ErrorKind::Timeout, 2000));
    assert_eq!(
        error.message(),
        "route \"r\" timed out after 2s (waiting for a free place)"
    );
    assert!(error.is_retryable(), "no agent has seen it");
    assert_eq!(hold.begun(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waited_has_only_the_rest_of_its_time() {
    let router = router(timeout(Duration::from_secs(2)).max_concurrent(1));
    router.register_agent("r", silent("a")).await.unwrap();
    let occupied = begun(&router, "r");

    let waiting = failure(&router, "r", TaskOptions::default());
    let leaving = async {
        sleep(Duration::from_millis(1500)).await;
        drop(occupied);
    };
    let ((error, after), ()) = tokio::join!(waiting, leaving);
    assert_eq!(after, 2000);
    assert_eq!(
        error.message(),
        "agent \"a\" on route \"r\" timed out after 2s"
    );
}

#[tokio::test(start_paused = true)]
async fn the_earlier_of_deadline_and_timeout_holds() {
    let router = router(timeout(Duration::from_secs(2)));
    router.register_agent("r", silent("a")).await.unwrap();
    for (deadline, expected) in [(500, 500), (5000, 2000)] {
        let deadline = Instant::now() + Duration::from_millis(deadline);
        let options = TaskOptions::default().deadline(deadline);
        let (error, after) = failure(&router, "r", options).await;
        assert_eq!((error.kind(), after), (ErrorKind::Timeout, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_deadline_has_passed_is_not_begun() {
    let router = router(RoutePolicy::default());
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();

    let (error, after) = failure(
        &router,
        "r",
        TaskOptions::default().deadline(Instant::now()),
    )
    .await;
    assert_eq!((error.kind(), after), (ErrorKind::Timeout, 0));
    assert_eq!(hold.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn an_agent_can_read_the_deadline_that_will_be_kept() {
    let router = router(timeout(Duration::from_secs(2)));
    let start = Instant::now();
    let agent = agent_fn_with("a", "", move |task: Task, _| async move {
        assert_eq!(task.deadline(), Some(start + Duration::from_secs(2)));
        std::future::pending::<Result<Payload, TaskError>>().await
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    let (error, after) = failure(&router, "r", TaskOptions::default()).await;
    assert_eq!((error.kind(), after), (ErrorKind::Timeout, 2000));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_without_end_is_none() {
    let router = router(timeout(Duration::MAX));
    let agent = agent_fn_with("a", "", async |task: Task, _| {
        sleep(Duration::from_secs(86_400)).await;
        Ok(format!("{:?}", task.deadline()))
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    assert_eq!(crate::text(&router, "r").await, "None");
}

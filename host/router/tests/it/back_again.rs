//! One that was left out is back in the end, however it comes to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentsys_router::{
    Agent, AgentInfo, Ejection, ErrorKind, Payload, Reply, RoutePolicy, Task, TaskError, agent_fn,
    agent_fn_sync,
};
use tokio::time::{Instant, sleep};

use crate::{named, router, text};

const BASE: Duration = Duration::from_secs(10);

fn policy(after: u32) -> RoutePolicy {
    let ejection = Ejection::new(after, BASE, Duration::from_secs(35));
    RoutePolicy::default().retry_count(0).ejection(ejection)
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_after_it_was_taken_away_is_not_missed_for_ever() {
    let router = router(policy(3));
    let fails_late = agent_fn("old", "", async |_: Payload| {
        sleep(Duration::from_secs(1)).await;
        Err::<Payload, _>(TaskError::new(ErrorKind::Failed, "no"))
    });
    let old = router
        .register_agent("r", Arc::new(fails_late))
        .await
        .unwrap();
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(crate::begun(&router, "r"));
    }
    let fails = agent_fn_sync("bad", "", |_: &Task, _| {
        Err::<Payload, _>(TaskError::new(ErrorKind::Failed, "no"))
    });
    router.register_agent("r", Arc::new(fails)).await.unwrap();
    router.register_agent("r", named("good")).await.unwrap();
    crate::taken_away(&router, old);
    for call in calls {
        call.await.unwrap_err();
    }
    for _ in 0..10 {
        let _ = router.route_task("r", "").await;
    }
    let agents = &router.metrics()[0].agents;
    assert_eq!((&*agents[0].name, agents[0].ejections), ("bad", 1));
}

#[tokio::test(start_paused = true)]
async fn tasks_that_wait_for_room_learn_that_one_may_be_tried_again() {
    let fails = Arc::new(AtomicBool::new(true));
    let told = fails.clone();
    let flaky = agent_fn_sync("flaky", "", move |_: &Task, _| {
        if told.load(Ordering::SeqCst) {
            return Err(TaskError::new(ErrorKind::Failed, "no"));
        }
        Ok("flaky")
    });
    let router = router(policy(1).max_concurrent_per_agent(1));
    router.register_agent("r", Arc::new(flaky)).await.unwrap();
    router
        .register_agent("r", crate::silent("hangs"))
        .await
        .unwrap();
    router.route_task("r", "").await.unwrap_err();
    fails.store(false, Ordering::SeqCst);
    let _hangs = crate::begun(&router, "r");
    let start = Instant::now();
    let (one, other) = tokio::join!(text(&router, "r"), text(&router, "r"));
    assert_eq!((&*one, &*other), ("flaky", "flaky"));
    assert_eq!(start.elapsed(), BASE);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_tried_by_a_stream_is_back_with_its_first_item() {
    struct Streams(AgentInfo, AtomicBool);
    impl Agent for Streams {
        fn info(&self) -> &AgentInfo {
            &self.0
        }
        fn call(&self, _: &Task, _: Payload) -> Reply {
            if self.1.swap(false, Ordering::SeqCst) {
                return Reply::Ready(Err(TaskError::new(ErrorKind::Failed, "no")));
            }
            Reply::stream(futures_util::stream::repeat_with(|| Ok("x".into())))
        }
    }
    let router = router(policy(1));
    let agent = Streams(AgentInfo::new("s", ""), AtomicBool::new(true));
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    router.register_agent("r", named("good")).await.unwrap();
    router.route_task("r", "").await.unwrap_err();
    tokio::time::advance(BASE).await;
    let mut items = router.route_stream("r", "");
    items.next().await.unwrap().unwrap();
    assert!(!router.metrics()[0].agents[0].ejected);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_to_be_left_out_any_more_all_are_back() {
    let router = router(policy(1));
    let (agent, _) = crate::busy("bad");
    router.register_agent("r", agent).await.unwrap();
    router.register_agent("r", named("good")).await.unwrap();
    router.route_task("r", "").await.unwrap_err();
    assert!(router.metrics()[0].agents[0].ejected);
    router.set_policy("r", policy(0));
    assert!(!router.metrics()[0].agents[0].ejected);
}

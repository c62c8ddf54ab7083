//! Waiting for a place, of the route or of an agent: how many may, how long, and who is next, to the millisecond.

use std::sync::Arc;
use std::time::Duration;

use agentsys_router::{
    Backoff, ErrorKind, Payload, RoutePolicy, Router, Strategy, Task, TaskError, TaskOptions,
    agent_fn, agent_fn_with,
};
use tokio::time::{Instant, sleep};

use crate::{begun, described, held, loads, named, poll, router, silent};

fn policy() -> RoutePolicy {
    RoutePolicy::default().retry_count(0)
}

/// The error of a call, and after how many milliseconds it came.
async fn failure(router: &Router) -> (TaskError, u128) {
    let start = Instant::now();
    let error = router.route_task("r", "").await.unwrap_err();
    (error, start.elapsed().as_millis())
}

#[tokio::test(start_paused = true)]
async fn who_finds_the_queue_full_is_told_at_once() {
    let router = router(policy().max_concurrent(1).max_queue(2));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let mut calls = [(); 3].map(|()| begun(&router, "r"));

    let (error, after) = failure(&router).await;
    assert_eq!((error.kind(), after), (ErrorKind::Overloaded, 0));
    assert!(error.is_retryable());
    assert_eq!(
        error.message(),
        "route \"r\" is overloaded: 2 tasks wait for a free place already (limit: max_queue)"
    );
    let metrics = router.metrics().remove(0);
    assert_eq!((metrics.under_way, metrics.waiting), (1, 2));
    assert_eq!(metrics.rejected, 1);

    hold.release(1);
    assert!(poll(&mut calls[0]).is_ready());
    let _waits = begun(&router, "r");
    assert_eq!(failure(&router).await.0.kind(), ErrorKind::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_a_task_begins_at_once_or_not_at_all() {
    let router = router(policy().max_concurrent(1).max_queue(0));
    router.register_agent("r", silent("a")).await.unwrap();
    let occupied = begun(&router, "r");
    let (error, after) = failure(&router).await;
    assert_eq!((error.kind(), after), (ErrorKind::Overloaded, 0));
    drop(occupied);
    drop(begun(&router, "r"));
}

#[tokio::test(start_paused = true)]
async fn a_shorter_queue_sends_nobody_away() {
    let router = router(policy().max_concurrent(1).max_queue(3));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let calls = [(); 4].map(|()| begun(&router, "r"));
    router.set_policy("r", policy().max_concurrent(1).max_queue(1));
    assert_eq!(failure(&router).await.0.kind(), ErrorKind::Overloaded);
    hold.release(4);
    for call in calls {
        assert!(call.await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_refused_comes_again_where_the_route_retries() {
    let again = Backoff::new(Duration::ZERO, Duration::ZERO);
    let refusing = policy().max_concurrent(1).max_queue(0);
    let router = router(refusing.retry_count(3).backoff(again));
    router.register_agent("r", silent("a")).await.unwrap();
    let _occupied = begun(&router, "r");
    let (error, _) = failure(&router).await;
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Overloaded, 4));
}

#[tokio::test(start_paused = true)]
async fn an_agent_works_on_as_many_as_it_may_and_the_next_waits_for_whoever_is_first() {
    let router = router(policy().max_concurrent_per_agent(1));
    for takes in [300, 200] {
        let agent = agent_fn(takes.to_string(), "", move |_| async move {
            sleep(Duration::from_millis(takes)).await;
            Ok(takes.to_string())
        });
        router.register_agent("r", Arc::new(agent)).await.unwrap();
    }
    let start = Instant::now();
    let call = async || {
        let answer = router.route_task("r", "").await.unwrap();
        let after = start.elapsed().as_millis();
        (answer.to_str().unwrap().to_owned(), after)
    };
    let (first, second, third, fourth) = tokio::join!(call(), call(), call(), call());
    let at = |agent: &str, after| (agent.to_owned(), after);
    assert_eq!((first, second), (at("300", 300), at("200", 200)));
    assert_eq!((third, fourth), (at("200", 400), at("300", 600)));
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_an_agent_is_part_of_the_timeout() {
    let policy = policy().timeout(Duration::from_millis(700));
    let router = router(policy.max_concurrent_per_agent(1));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let _occupied = begun(&router, "r");
    let (error, after) = failure(&router).await;
    assert_eq!((error.kind(), after), (ErrorKind::Timeout, 700));
    assert_eq!(hold.begun(), 1);
}

#[tokio::test]
async fn the_lower_of_the_limits_of_agent_and_route_holds() {
    for (own, of_route, holds) in [(2, 3, 2), (3, 2, 2), (0, 3, 1)] {
        let router = router(policy().max_concurrent_per_agent(of_route));
        let (agent, hold) = held("a");
        let agent = described(agent, |info| info.max_concurrent(own));
        router.register_agent("r", agent).await.unwrap();
        let _calls = [(); 5].map(|()| begun(&router, "r"));
        assert_eq!(hold.begun(), holds);
    }
}

#[tokio::test]
async fn a_higher_limit_lets_those_in_that_wait() {
    let router = router(policy().max_concurrent_per_agent(1));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let mut calls = [(); 4].map(|()| begun(&router, "r"));
    assert_eq!(router.metrics()[0].waiting, 3);
    router.set_policy("r", policy().max_concurrent_per_agent(3));
    assert!(calls.iter_mut().all(|call| poll(call).is_pending()));
    assert_eq!((hold.begun(), loads(&router, "r")), (3, vec![3]));
}

#[tokio::test]
async fn a_task_of_a_key_waits_for_its_agent_though_another_has_room() {
    let sticky = policy().strategy(Strategy::Sticky);
    let router = router(sticky.max_concurrent_per_agent(1));
    let holds = ["a", "b"].map(|name| {
        let (agent, hold) = held(name);
        crate::registered(&router, "r", agent);
        hold
    });
    let begun = || {
        let options = TaskOptions::default().key("k");
        let mut call = router.route_task_with("r", "", options);
        assert!(poll(&mut call).is_pending());
        call
    };
    let (mut first, mut second) = (begun(), begun());
    let its = holds.iter().position(|hold| hold.begun() == 1).unwrap();
    assert_eq!(holds[1 - its].begun(), 0);
    holds[its].release(2);
    assert!(poll(&mut first).is_ready() && poll(&mut second).is_ready());
    assert_eq!((holds[its].begun(), holds[1 - its].begun()), (2, 0));
}

#[tokio::test]
async fn a_task_waits_for_a_held_agent_of_one_place_and_does_nothing_meanwhile() {
    let router = router(policy().max_concurrent_per_agent(1));
    let id = router.register_agent("r", named("a")).await.unwrap();
    let held = router.hold(&[id]);
    let [mut first, mut second] = [(); 2].map(|()| begun(&router, "r"));
    drop(held);
    for call in [&mut first, &mut second] {
        let std::task::Poll::Ready(Ok(answer)) = poll(call) else {
            panic!("it waits still");
        };
        assert_eq!(answer, Payload::text("a"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_nested_in_another_of_its_route_waits_for_no_agents_room() {
    let router = router(policy().max_concurrent_per_agent(1));
    let nesting = router.clone();
    let agent = agent_fn_with("a", "", move |task: Task, _: Payload| {
        let router = nesting.clone();
        let options = TaskOptions::default().parent(task);
        async move { router.route_task_with("r", "", options).await }
    });
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoopDetected);
}

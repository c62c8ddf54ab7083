//! No more tasks at a time than a route has places, and none lost or overtaken in the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use agentsys_router::{ErrorKind, Payload, RoutePolicy, RouteTask, agent_fn};

use crate::{begun, held, loads, named, poll, router, silent};

fn places(count: usize) -> RoutePolicy {
    RoutePolicy::default().max_concurrent(count)
}

#[tokio::test]
async fn a_route_has_ten_places_by_default() {
    let router = router(RoutePolicy::default());
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let calls: Vec<RouteTask<'_>> = (0..15).map(|_| begun(&router, "r")).collect();
    assert_eq!(hold.begun(), 10);
    drop(calls);
    assert_eq!(loads(&router, "r"), [0]);
}

#[tokio::test]
async fn the_places_are_those_of_the_route_not_of_each_agent() {
    let router = router(places(2));
    let (one, _) = held("one");
    let (two, _) = held("two");
    router.register_agent("r", one).await.unwrap();
    router.register_agent("r", two).await.unwrap();
    let _calls: Vec<RouteTask<'_>> = (0..5).map(|_| begun(&router, "r")).collect();
    assert_eq!(loads(&router, "r"), [1, 1]);
}

#[tokio::test]
async fn waiting_tasks_are_admitted_in_the_order_they_came() {
    let router = router(places(1));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let mut calls: Vec<RouteTask<'_>> = (0..4).map(|_| begun(&router, "r")).collect();

    for turn in 1..=4 {
        hold.release(1);
        let answered: Vec<bool> = calls.iter_mut().map(|call| poll(call).is_ready()).collect();
        assert_eq!(
            answered.iter().position(|ready| *ready),
            Some(0),
            "turn {turn}"
        );
        assert_eq!(answered.iter().filter(|ready| **ready).count(), 1);
        drop(calls.remove(0));
        assert_eq!(hold.begun(), (turn + 1).min(4));
    }
}

#[tokio::test]
async fn a_newcomer_does_not_overtake_a_waiting_task() {
    let router = router(places(1));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let first = begun(&router, "r");
    let mut second = begun(&router, "r");
    // The place is free, but handed to the second, which has not been polled yet.
    drop(first);
    hold.release(1);
    let mut newcomer = begun(&router, "r");
    assert!(poll(&mut second).is_ready());
    hold.release(1);
    assert!(poll(&mut newcomer).is_ready());
}

#[tokio::test]
async fn a_waiting_task_that_is_dropped_leaves_its_place_in_the_queue_to_the_next() {
    let router = router(places(1));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let first = begun(&router, "r");
    let second = begun(&router, "r");
    let third = begun(&router, "r");
    let mut fourth = begun(&router, "r");
    drop(second);
    drop(first);
    // Handed its place, but never polled again.
    drop(third);
    hold.release(1);
    assert!(poll(&mut fourth).is_ready());
    assert_eq!(loads(&router, "r"), [0]);
}

#[tokio::test]
async fn dropping_a_call_drops_the_agents_future_and_frees_its_place() {
    let router = router(places(1));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let call = begun(&router, "r");
    assert_eq!(
        (hold.begun(), hold.dropped(), loads(&router, "r")),
        (1, 0, vec![1])
    );
    drop(call);
    assert_eq!((hold.dropped(), loads(&router, "r")), (1, vec![0]));
    hold.release(1);
    assert!(poll(&mut router.route_task("r", "")).is_ready());
}

#[tokio::test]
async fn fewer_places_take_none_away_and_more_let_waiting_tasks_in() {
    let router = router(places(3));
    let (agent, hold) = held("a");
    router.register_agent("r", agent).await.unwrap();
    let mut calls: Vec<RouteTask<'_>> = (0..6).map(|_| begun(&router, "r")).collect();
    let poll_all =
        |calls: &mut Vec<RouteTask<'_>>| calls.retain_mut(|call| poll(call).is_pending());

    router.set_policy("r", places(1));
    assert_eq!(loads(&router, "r"), [3]);
    for expected in [2, 1, 1] {
        hold.release(1);
        poll_all(&mut calls);
        assert_eq!(loads(&router, "r"), [expected]);
    }
    assert_eq!(calls.len(), 3);

    router.set_policy("r", places(usize::MAX));
    poll_all(&mut calls);
    assert_eq!(loads(&router, "r"), [3]);
    router.set_policy("r", places(2));
    hold.release(3);
    poll_all(&mut calls);
    assert!(calls.is_empty());
    let _calls: Vec<RouteTask<'_>> = (0..4).map(|_| begun(&router, "r")).collect();
    assert_eq!(loads(&router, "r"), [2]);
}

#[tokio::test]
async fn no_places_at_all_means_one() {
    let router = router(places(0));
    router.register_agent("r", silent("a")).await.unwrap();
    let _calls: Vec<RouteTask<'_>> = (0..3).map(|_| begun(&router, "r")).collect();
    assert_eq!(loads(&router, "r"), [1]);
}

#[tokio::test]
async fn a_waiting_task_goes_to_an_agent_that_came_meanwhile() {
    let router = router(places(1));
    let old = router.register_agent("r", silent("old")).await.unwrap();
    let first = begun(&router, "r");
    let mut second = begun(&router, "r");
    router
        .replace_agents(&[old], vec![("r".to_owned(), named("new"))])
        .unwrap();
    drop(first);
    let Poll::Ready(Ok(answer)) = poll(&mut second) else {
        panic!("the second call has no answer");
    };
    assert_eq!(answer.to_str(), Ok("new"));
}

#[tokio::test]
async fn a_waiting_task_is_told_when_its_route_goes() {
    let router = router(places(1).retry_count(0));
    let id = router.register_agent("r", silent("a")).await.unwrap();
    let _first = begun(&router, "r");
    let mut second = begun(&router, "r");
    let mut third = begun(&router, "r");
    crate::taken_away(&router, id);
    let Poll::Ready(Err(error)) = poll(&mut second) else {
        panic!("the second call still waits");
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.is_retryable());

    // It came back before the third looked: that one goes on.
    router.register_agent("r", named("back")).await.unwrap();
    assert!(matches!(poll(&mut third), Poll::Ready(Ok(_))));
}

#[test]
fn two_threads_never_exceed_the_places_and_all_tasks_end() {
    const TASKS: usize = 4000;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build();
    runtime.unwrap().block_on(async {
        let router = router(places(3).timeout(Duration::from_secs(600)));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen, peak) = (now, most.clone());
        let agent = agent_fn("a", "", move |data: Payload| {
            let (now, most) = (seen.clone(), peak.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(data)
            }
        });
        router.register_agent("r", Arc::new(agent)).await.unwrap();

        let mut calls = tokio::task::JoinSet::new();
        for number in 0..TASKS {
            let router = router.clone();
            calls.spawn(async move {
                let mut call = router.route_task("r", number.to_string());
                // Every third caller goes away in the middle, waiting or not.
                if number.is_multiple_of(3) && poll(&mut call).is_pending() {
                    tokio::task::yield_now().await;
                    return true;
                }
                if number.is_multiple_of(3) {
                    return true;
                }
                let answer = call.await.unwrap();
                answer.to_str() == Ok(number.to_string().as_str())
            });
        }
        assert!(calls.join_all().await.into_iter().all(|right| right));
        assert_eq!(loads(&router, "r"), [0]);
        // All places are back: three tasks get in at once, and no fourth.
        let (agent, hold) = held("h");
        router.register_agent("r", agent).await.unwrap();
        let held: Vec<RouteTask<'_>> = (0..8).map(|_| begun(&router, "r")).collect();
        assert_eq!(loads(&router, "r").iter().sum::<usize>(), 3);
        assert!(hold.begun() > 0);
        drop(held);
    });
}

//! What ends a stream before its last item.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use agentsys_router::{Agent, ErrorKind, RoutePolicy, Router, TaskError};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::streams::{counted, number, read, streams};
use crate::{loads, named, router};

/// One item every so many milliseconds, for ever.
fn every(millis: u64) -> Arc<dyn Agent> {
    streams(move |_| {
        stream::unfold(0, move |at| async move {
            sleep(Duration::from_millis(millis)).await;
            Some((number(at), at + 1))
        })
    })
}

#[tokio::test(start_paused = true)]
async fn there_may_be_a_certain_time_between_two_items_as_long_as_the_reader_waits() {
    let policy = RoutePolicy::default().timeout(Duration::from_millis(700));
    for (policy, limit) in [
        (policy.clone(), 700),
        (policy.item_timeout(Duration::from_millis(300)), 300),
    ] {
        let router = router(policy);
        let agent = streams(|_| {
            let waits = |millis| async move {
                sleep(Duration::from_millis(millis)).await;
                number(0)
            };
            stream::iter([299, 299, 701]).then(waits)
        });
        router.register_agent("r", agent).await.unwrap();
        let (count, error, after) = failure(&router).await;
        assert_eq!((count, after), (2, 598 + limit));
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(
            error.message(),
            format!("agent \"streams\" on route \"r\" sent no further item within {limit}ms")
        );
        assert_eq!(router.metrics()[0].errors["timeout"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_for_the_stream_as_a_whole() {
    let policy = RoutePolicy::default().timeout(Duration::from_millis(100));
    for agent in [every(90), counted_after_each_millisecond()] {
        let router = router(policy.clone().deadline(Duration::from_millis(1000)));
        router.register_agent("r", agent).await.unwrap();
        let (count, error, after) = failure(&router).await;
        assert!(count >= 11, "{count}");
        assert_eq!((error.kind(), after), (ErrorKind::Timeout, 1000));
        assert_eq!(
            error.message(),
            "agent \"streams\" on route \"r\" still sent items at the task's deadline"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_deadline_may_take_as_long_as_it_likes() {
    let router = router(RoutePolicy::default());
    router.register_agent("r", every(20_000)).await.unwrap();
    let mut items = router.route_stream("r", "");
    for _ in 0..100 {
        assert!(items.next().await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_the_stream_with_an_error() {
    let router = router(RoutePolicy::default());
    let agent =
        streams(|_| stream::iter(0..9).map(|at| if at == 2 { panic!("two") } else { number(at) }));
    router.register_agent("r", agent).await.unwrap();
    let (count, error, _) = failure(&router).await;
    assert_eq!((count, error.kind()), (2, ErrorKind::Panicked));
    assert_eq!(
        error.message(),
        "agent \"streams\" on route \"r\" panicked: two"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_streams_and_then_cuts_them_off() {
    let router = router(RoutePolicy::default());
    router.register_agent("r", every(100)).await.unwrap();
    let reading = tokio::spawn(read(router.route_stream("r", "")));
    sleep(Duration::from_millis(250)).await;
    assert_eq!(router.stop(Duration::from_millis(500)).await, 1);
    let (texts, error) = reading.await.unwrap();
    assert_eq!(texts.len(), 7);
    let error = error.unwrap();
    assert_eq!(
        (error.kind(), error.agent()),
        (ErrorKind::Cancelled, Some("streams"))
    );
    assert_eq!(loads(&router, "r"), [0]);
}

#[tokio::test(start_paused = true)]
async fn streams_of_an_agent_that_is_replaced_drain_and_are_then_cut_off() {
    let router = router(RoutePolicy::default());
    let id = router.register_agent("r", every(100)).await.unwrap();
    let reading = tokio::spawn(read(router.route_stream("r", "")));
    sleep(Duration::from_millis(250)).await;
    let (_, leaving) = router
        .exchange(&[id], vec![("r".to_owned(), named("new"))])
        .unwrap();
    assert_eq!(leaving.drained(Duration::from_millis(500)).await, 1);
    assert_eq!(leaving.cut_off().await, 0);
    let (texts, error) = reading.await.unwrap();
    assert_eq!(texts.len(), 7);
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.message().contains("was replaced"), "{error}");
}

/// Stands for another thread that does so while the agent's stream is polled.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_off_while_it_is_polled_ends_at_once() {
    type Cut = Arc<std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>>;
    let router = router(RoutePolicy::default());
    let cut = Cut::default();
    let of_agent = cut.clone();
    let agent = streams(move |_| {
        let cut = of_agent.clone();
        stream::poll_fn(move |_| {
            if let Some(cut) = cut.lock().unwrap().take() {
                cut();
            }
            Poll::Pending
        })
    });
    let id = router.register_agent("r", agent).await.unwrap();
    let other = router.clone();
    *cut.lock().unwrap() = Some(Box::new(move || {
        let (_, leaving) = other.exchange(&[id], Vec::new()).unwrap();
        let _ = futures_util::FutureExt::now_or_never(leaving.cut_off());
    }));
    let start = Instant::now();
    let (_, error) = read(router.route_stream("r", "")).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::Cancelled);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_elsewhere_can_let_the_agent_go_at_once() {
    for stops in [false, true] {
        let router = router(RoutePolicy::default());
        let (agent, _, dropped) = counted();
        let id = router.register_agent("r", agent).await.unwrap();
        let mut items = router.route_stream("r", "");
        items.next().await.unwrap().unwrap();
        let elsewhere = tokio::time::timeout(Duration::from_secs(99), items.cut());
        assert!(elsewhere.await.is_err(), "nobody ends it");
        let end = async {
            tokio::task::yield_now().await;
            if stops {
                return router.stop(Duration::ZERO).await - 1;
            }
            let (_, leaving) = router.exchange(&[id], Vec::new()).unwrap();
            leaving.cut_off().await
        };
        let ((), left) = tokio::join!(items.cut(), end);
        assert_eq!((left, dropped.load(Ordering::SeqCst)), (0, 1));
        let error = items.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(items.next().await.is_none());
    }
}

async fn failure(router: &Router) -> (usize, TaskError, u128) {
    let start = Instant::now();
    let (texts, error) = read(router.route_stream("r", "")).await;
    assert_eq!(loads(router, "r"), [0]);
    (texts.len(), error.unwrap(), start.elapsed().as_millis())
}

/// Always has an item, so that its reader never waits for one.
fn counted_after_each_millisecond() -> Arc<dyn Agent> {
    streams(|_| {
        stream::unfold(0, |at| async move {
            tokio::time::advance(Duration::from_millis(1)).await;
            Some((number(at), at + 1))
        })
    })
}

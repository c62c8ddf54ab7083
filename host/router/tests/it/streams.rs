//! Tasks that are answered item by item.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use agentsys_router::{
    Agent, AgentInfo, ErrorKind, Fallback, Payload, PayloadStream, Reply, RoutePolicy, Task,
    TaskError, TaskOptions, TaskStream,
};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::{busy_error, loads, named, router};

type Item = Result<Payload, TaskError>;

/// Answers with the stream that is made for each call.
struct Streams<F> {
    info: AgentInfo,
    items: F,
}

impl<F: Fn(Payload) -> PayloadStream + Send + Sync + 'static> Agent for Streams<F> {
    fn info(&self) -> &AgentInfo {
        &self.info
    }

    fn call(&self, _: &Task, data: Payload) -> Reply {
        Reply::Stream((self.items)(data))
    }

    fn call_with_items(&self, _: &Task, _: Payload, items: PayloadStream) -> Reply {
        Reply::Stream(items)
    }
}

pub(crate) fn streams<S: Stream<Item = Item> + Send + 'static>(
    items: impl Fn(Payload) -> S + Send + Sync + 'static,
) -> Arc<dyn Agent> {
    Arc::new(Streams {
        info: AgentInfo::new("streams", "Answers item by item."),
        items: move |data| Box::pin(items(data)) as PayloadStream,
    })
}

pub(crate) fn number(number: usize) -> Item {
    Ok(number.to_string().into())
}

/// The texts of the items, and the error after them if there is one.
pub(crate) async fn read(mut items: TaskStream) -> (Vec<String>, Option<TaskError>) {
    let mut texts = Vec::new();
    while let Some(item) = items.next().await {
        match item {
            Ok(item) => texts.push(item.to_str().unwrap().to_owned()),
            Err(error) => {
                assert!(items.next().await.is_none(), "the error is the last");
                return (texts, Some(error));
            }
        }
    }
    (texts, None)
}

#[tokio::test(start_paused = true)]
async fn items_come_in_order_and_the_task_is_under_way_until_the_last() {
    let router = router(RoutePolicy::default());
    let agent = streams(|_| stream::iter((0..3).map(number)));
    router.register_agent("r", agent).await.unwrap();

    let mut items = router.route_stream("r", "");
    assert_eq!(
        loads(&router, "r"),
        [0],
        "nothing happens before it is read"
    );
    assert_eq!(items.next().await.unwrap().unwrap().to_str(), Ok("0"));
    assert_eq!(loads(&router, "r"), [1]);
    let (texts, error) = read(items).await;
    assert_eq!(
        (texts, error.is_none()),
        (vec!["1".into(), "2".into()], true)
    );
    assert_eq!(loads(&router, "r"), [0]);

    let metrics = &router.metrics()[0];
    assert_eq!((metrics.calls, metrics.agents[0].calls), (1, 1));
    assert!(metrics.errors.is_empty() && metrics.agents[0].errors.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_answers_once_is_a_stream_of_one_item() {
    let router = router(RoutePolicy::default());
    router.register_agent("r", named("a")).await.unwrap();
    let (texts, error) = read(router.route_stream("r", "")).await;
    assert_eq!((texts, error.is_none()), (vec!["a".into()], true));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_streams_is_refused_where_one_answer_is_wanted() {
    let router = router(RoutePolicy::default());
    let agent = streams(|_| stream::iter([number(0)]));
    router.register_agent("r", agent).await.unwrap();
    let error = router.route_task("r", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.message(),
        "agent \"streams\" on route \"r\" answers a stream of items: call it with `route_stream`"
    );
    assert_eq!(loads(&router, "r"), [0]);
}

/// Counts how often it is polled, and when it is dropped.
struct Counted {
    polls: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Stream for Counted {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Item>> {
        Poll::Ready(Some(number(self.polls.fetch_add(1, Ordering::SeqCst))))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) fn counted() -> (Arc<dyn Agent>, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (polls, dropped) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (of_agent, drops) = (polls.clone(), dropped.clone());
    let agent = streams(move |_| Counted {
        polls: of_agent.clone(),
        dropped: drops.clone(),
    });
    (agent, polls, dropped)
}

#[tokio::test(start_paused = true)]
async fn the_reader_sets_the_pace_and_its_end_is_the_streams() {
    let router = router(RoutePolicy::default().max_concurrent(1));
    let (agent, polls, dropped) = counted();
    router.register_agent("r", agent).await.unwrap();
    let mut items = router.route_stream("r", "");
    for read in 1..=3 {
        items.next().await.unwrap().unwrap();
        assert_eq!(polls.load(Ordering::SeqCst), read);
        sleep(Duration::from_secs(3600)).await;
    }
    drop(items);
    assert_eq!(polls.load(Ordering::SeqCst), 3);
    assert_eq!(
        (dropped.load(Ordering::SeqCst), loads(&router, "r")),
        (1, vec![0])
    );
    let metrics = &router.metrics()[0];
    assert_eq!(metrics.errors["cancelled"], 1);
    assert_eq!(metrics.agents[0].errors["cancelled"], 1);
    // Its place is free.
    let mut next = router.route_stream("r", "");
    assert!(next.next().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_agent_may_hand_out_an_error_and_go_on() {
    let router = router(RoutePolicy::default());
    let agent =
        streams(|_| stream::iter([number(0), Err(busy_error()), number(2), Err(busy_error())]));
    router.register_agent("r", agent).await.unwrap();
    let items: Vec<Item> = router.route_stream("r", "").collect().await;
    assert_eq!(items.len(), 4);
    let error = items[1].as_ref().unwrap_err();
    assert_eq!((error.message(), error.agent()), ("busy", Some("streams")));
    let metrics = &router.metrics()[0];
    assert_eq!(metrics.errors["overloaded"], 1, "the task failed once");
    assert_eq!(metrics.agents[0].errors["overloaded"], 1);
    assert_eq!(metrics.retries, 0, "what was read cannot be taken back");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_tried_again_until_it_is_open_and_falls_back() {
    struct Refuses(AgentInfo);
    impl Agent for Refuses {
        fn info(&self) -> &AgentInfo {
            &self.0
        }
        fn call(&self, _: &Task, _: Payload) -> Reply {
            Reply::Ready(Err(busy_error()))
        }
    }
    let refuses = || Arc::new(Refuses(AgentInfo::new("refuses", "")));
    let router = router(RoutePolicy::default());
    router.register_agent("r", refuses()).await.unwrap();
    let agent = streams(|_| stream::iter((0..2).map(number)));
    router.register_agent("r", agent).await.unwrap();
    for _ in 0..4 {
        let (texts, error) = read(router.route_stream("r", "")).await;
        assert_eq!((texts.len(), error.is_none()), (2, true));
    }

    let falls_back = RoutePolicy::default().retry_count(0);
    let falls_back = falls_back.fallback(Fallback::Route("r".into()));
    router.set_policy("bad", falls_back);
    router.register_agent("bad", refuses()).await.unwrap();
    let (texts, error) = read(router.route_stream("bad", "")).await;
    assert_eq!((texts.len(), error.is_none()), (2, true));
}

#[tokio::test(start_paused = true)]
async fn items_can_be_sent_along_and_come_as_the_agent_reads_them() {
    let router = router(RoutePolicy::default());
    let agent = streams(|_| stream::empty());
    router.register_agent("r", agent).await.unwrap();
    let polls = Arc::new(AtomicUsize::new(0));
    let sent = Counted {
        polls: polls.clone(),
        dropped: Arc::default(),
    };
    let sent = Some(Box::pin(sent.take(5)) as PayloadStream);
    let mut echo = router.route_stream_with("r", "", TaskOptions::default(), sent);
    assert_eq!(echo.next().await.unwrap().unwrap().to_str(), Ok("0"));
    assert_eq!(polls.load(Ordering::SeqCst), 1);
    assert_eq!(read(echo).await.0, ["1", "2", "3", "4"]);

    router.register_agent("plain", named("a")).await.unwrap();
    let sent = Some(Box::pin(stream::iter([number(0)])) as PayloadStream);
    let options = TaskOptions::default();
    let (_, error) = read(router.send_stream_with("a", "", options, sent)).await;
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.message(), "agent \"a\" takes no stream of items");
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_items_are_gone_is_not_tried_again_without_them() {
    struct Sum(AgentInfo);
    impl Agent for Sum {
        fn info(&self) -> &AgentInfo {
            &self.0
        }
        fn call(&self, _: &Task, _: Payload) -> Reply {
            Reply::Ready(Ok("nothing to store".into()))
        }
        fn call_with_items(&self, _: &Task, _: Payload, items: PayloadStream) -> Reply {
            drop(items);
            Reply::Ready(Err(busy_error()))
        }
    }
    let router = router(RoutePolicy::default().fallback(Fallback::Route("spare".into())));
    let sum = Arc::new(Sum(AgentInfo::new("sum", "")));
    router.register_agent("r", sum.clone()).await.unwrap();
    router.register_agent("spare", sum).await.unwrap();
    let sent = Some(Box::pin(stream::iter([number(0)])) as PayloadStream);
    let options = TaskOptions::default();
    let (_, error) = read(router.route_stream_with("r", "", options, sent)).await;
    let error = error.unwrap();
    assert_eq!((error.message(), error.attempts()), ("busy", 1));
}

#[tokio::test(start_paused = true)]
async fn items_that_no_agent_had_come_to_the_fallback() {
    let router = router(RoutePolicy::default().fallback(Fallback::Route("spare".into())));
    router.set_policy("gone", router.default_policy());
    let agent = streams(|_| stream::empty());
    router.register_agent("spare", agent).await.unwrap();
    let sent = Some(Box::pin(stream::iter([number(7)])) as PayloadStream);
    let echo = router.route_stream_with("gone", "", TaskOptions::default(), sent);
    assert_eq!(read(echo).await.0, ["7"]);
}

/// Says only later whether it answers once or item by item.
struct Opens(AgentInfo, AtomicUsize);

impl Agent for Opens {
    fn info(&self) -> &AgentInfo {
        &self.0
    }

    fn call(&self, _: &Task, data: Payload) -> Reply {
        let call = self.1.fetch_add(1, Ordering::SeqCst);
        Reply::opening(async move {
            sleep(Duration::from_millis(100)).await;
            match data.to_str().unwrap() {
                "fails" if call == 0 => Reply::Ready(Err(busy_error())),
                "once" => Reply::pending(async {
                    sleep(Duration::from_millis(100)).await;
                    number(1)
                }),
                "panics" => panic!("not open"),
                "again" => Reply::opening(async { Reply::Ready(number(2)) }),
                _ => Reply::stream(stream::iter((0..3).map(number))),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_may_say_later_whether_it_streams() {
    let router = router(RoutePolicy::default().retry_count(1));
    let agent = Opens(AgentInfo::new("opens", ""), AtomicUsize::new(0));
    router.register_agent("r", Arc::new(agent)).await.unwrap();
    let (texts, error) = read(router.route_stream("r", "fails")).await;
    assert_eq!(
        (texts.len(), error.is_none()),
        (3, true),
        "tried again until it is open"
    );
    assert_eq!(router.metrics()[0].retries, 1);
    for (data, text) in [("once", "1"), ("again", "2")] {
        let answer = router.route_task("r", data).await.unwrap();
        assert_eq!(answer.to_str(), Ok(text));
    }
    let error = router.route_task("r", "many").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = router.route_task("r", "panics").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert_eq!(loads(&router, "r"), [0]);

    let slow = RoutePolicy::default().retry_count(0);
    router.set_policy("r", slow.timeout(Duration::from_millis(150)));
    let start = Instant::now();
    let error = router.route_task("r", "once").await.unwrap_err();
    assert_eq!(
        (error.kind(), start.elapsed().as_millis()),
        (ErrorKind::Timeout, 150)
    );
}

#[tokio::test(start_paused = true)]
async fn a_streams_time_is_that_to_its_last_item_for_route_and_agent_alike() {
    let router = router(RoutePolicy::default());
    let agent = streams(|_| {
        let waits = |at| async move {
            sleep(Duration::from_secs(1)).await;
            number(at)
        };
        stream::iter(0..3).then(waits)
    });
    router.register_agent("r", agent).await.unwrap();
    read(router.route_stream("r", "")).await;
    let route = &router.metrics()[0];
    let (of_route, of_agent) = (&route.latency, &route.agents[0].latency);
    assert_eq!((of_route.count, of_agent.count), (1, 1));
    assert_eq!((of_route.max, of_agent.max), (Some(3.0), Some(3.0)));
}

//! Tasks whose answers are read from threads of their own, one answer or a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentsys_host::{
    Agent, AgentInfo, Answer, ErrorKind, Host, ItemsApart, Payload, Reply, RoutePolicy, Task,
    TaskError, TaskOptions,
};
use agentsys_plugin::prelude::{
    Context, NoConfig, Plugin, Result, Stream, plugin, produce, routes,
};
use futures_util::{StreamExt, stream};

use crate::player::{bare, on_this_runtime};

/// A plugin whose handlers ask each other.
struct Asks;

#[plugin(name = "asks")]
impl Plugin for Asks {
    type Config = NoConfig;

    async fn initialize(_: NoConfig, _: &agentsys_plugin::Host) -> Result<Self> {
        Ok(Self)
    }
}

#[routes]
impl Asks {
    /// Three numbers.
    #[route("three")]
    fn three(&self) -> impl Stream<Item = Result<u32>> {
        produce(async |mut out| {
            for number in 1..=3 {
                out.send(number).await;
            }
            Ok(())
        })
    }

    /// One answer, of another handler's items.
    #[route("total")]
    async fn total(&self, cx: &Context) -> Result<u32> {
        let mut items = cx.router().route_stream("three", "")?.typed::<u32, _>();
        let mut total = 0;
        while let Some(item) = items.next().await {
            total += item?;
        }
        Ok(total)
    }
}

/// Answers with what is made for each call.
struct Made<F>(AgentInfo, F);

impl<F: Fn() -> Reply + Send + Sync + 'static> Agent for Made<F> {
    fn info(&self) -> &AgentInfo {
        &self.0
    }

    fn call(&self, _: &Task, _: Payload) -> Reply {
        self.1()
    }
}

fn made(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Made<impl Fn() -> Reply> {
    Made(AgentInfo::new("made", "Answers as it was told to."), reply)
}

fn item(text: &str) -> std::result::Result<Payload, TaskError> {
    Ok(text.into())
}

fn never() -> std::result::Result<Payload, TaskError> {
    loop {
        std::thread::park();
    }
}

async fn call(host: &Host, route: &str) -> std::result::Result<Answer, TaskError> {
    host.route_stream_apart(route, "".into(), TaskOptions::default(), None)
        .await
}

async fn items(host: &Host, route: &str) -> ItemsApart {
    match call(host, route).await {
        Ok(Answer::Items(items)) => items,
        other => panic!("no stream: {other:?}"),
    }
}

async fn one(host: &Host, route: &str) -> String {
    match call(host, route).await {
        Ok(Answer::One(answer)) => answer.to_str().unwrap().to_owned(),
        other => panic!("not one answer: {other:?}"),
    }
}

async fn all(mut items: ItemsApart) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(item) = items.next().await {
        all.push(match item {
            Ok(item) => item.to_str().unwrap().to_owned(),
            Err(error) => format!("error: {}", error.message()),
        });
    }
    all
}

/// Also where the handler that answers once reads a stream for it.
#[tokio::test]
async fn it_is_known_whether_a_plugin_answers_once_or_item_by_item() {
    let host = bare().plugin::<Asks>().build().await.unwrap();
    assert_eq!(all(items(&host, "three").await).await, ["1", "2", "3"]);
    assert_eq!(one(&host, "total").await, "6");
    host.shutdown().await;
}

#[tokio::test]
async fn agents_of_the_programs_own_answer_once_or_item_by_item_too() {
    let host = bare()
        .agent("once", made(|| Reply::Ready(item("yes"))))
        .agent("later", made(|| Reply::pending(async { item("later") })))
        .agent(
            "fails",
            made(|| Reply::Ready(Err(TaskError::new(ErrorKind::Failed, "no")))),
        )
        .agent(
            "two",
            made(|| Reply::stream(stream::iter(["one", "two"]).map(item))),
        )
        .agent(
            "waits",
            made(|| Reply::stream(stream::iter(["one"]).map(item).chain(stream::pending()))),
        )
        .build()
        .await
        .unwrap();
    assert_eq!(one(&host, "once").await, "yes");
    assert_eq!(one(&host, "later").await, "later");
    let error = call(&host, "fails").await.unwrap_err();
    assert_eq!(error.message(), "no");
    let error = call(&host, "nowhere").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(all(items(&host, "two").await).await, ["one", "two"]);
    let mut waits = items(&host, "waits").await;
    assert_eq!(
        waits.next().await.unwrap().unwrap().to_str().unwrap(),
        "one"
    );
    drop(waits);
    // As many as were asked for, and none of them cancelled but the last.
    let metrics = host.metrics();
    let failed = |route: &str| {
        let found = metrics.routes.iter().find(|it| it.route == route);
        found.unwrap().errors.values().sum::<u64>()
    };
    assert_eq!(["once", "later", "two"].map(failed), [0, 0, 0]);
    host.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_not_read_far_ahead_of_its_reader() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let counts = move || {
        let counted = Arc::clone(&counted);
        Reply::stream(stream::repeat_with(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            item("more")
        }))
    };
    let host = on_this_runtime()
        .agent("counts", made(counts))
        .build()
        .await
        .unwrap();
    let mut items = items(&host, "counts").await;
    items.next().await.unwrap().unwrap();

    // The clock goes on when all tasks wait.
    tokio::time::sleep(Duration::from_secs(60 * 60)).await;

    let ahead = asked.load(Ordering::Relaxed);
    assert!((2..=20).contains(&ahead), "{ahead}");
    items.next().await.unwrap().unwrap();
    drop(items);
    host.shutdown().await;
}

#[tokio::test]
async fn a_stream_that_holds_its_thread_is_given_up() {
    let holds = || {
        let stuck = stream::once(async { never() });
        Reply::stream(stream::iter(["one", "two"]).map(item).chain(stuck))
    };
    let policy = RoutePolicy::default().item_timeout(Duration::from_millis(10));
    let host = bare()
        .agent("holds", made(holds))
        .route_policy("holds", policy)
        .build()
        .await
        .unwrap();

    let told = all(items(&host, "holds").await).await;

    let error = "error: no item within 10ms: a handler does not return";
    assert_eq!(told, ["one", "two", error]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_tried_again_may_take_longer_than_one_attempt() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let slow = made(move || {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        Reply::pending(async move {
            if call < 2 {
                std::future::pending::<()>().await;
            }
            item("in the end")
        })
    });
    // Two attempts take longer than one and the grace.
    let policy = RoutePolicy::default().timeout(Duration::from_secs(30));
    let host = on_this_runtime()
        .agent("r", slow)
        .default_policy(policy.idempotent(true))
        .build()
        .await
        .unwrap();
    let options = TaskOptions::default;
    let answer = host.route_apart("r", "".into(), options()).await.unwrap();
    assert_eq!(answer.to_str(), Ok("in the end"));
    calls.store(0, Ordering::SeqCst);
    let answer = host
        .route_stream_apart("r", "".into(), options(), None)
        .await;
    assert!(matches!(answer, Ok(Answer::One(_))), "{answer:?}");
    host.shutdown().await;
}

/// Its items are read by nobody: the handler is ended all the same, and its library goes.
#[tokio::test]
async fn a_reader_that_takes_nothing_does_not_keep_a_generation() {
    let host = crate::harness::Setup::with(&["streams"])
        .journal("streams")
        .tune(|builder| builder.drain_timeout(Duration::from_millis(50)))
        .start()
        .await;
    let options = TaskOptions::default();
    let answer = host.route_stream_apart("endless", "".into(), options, None);
    let Answer::Items(mut items) = answer.await.unwrap() else {
        panic!("it streams");
    };
    assert!(items.next().await.unwrap().is_ok());
    host.reload("streams").await.unwrap();
    host.until("the first generation is unloaded", |host| {
        host.status("streams").history[1].end.as_deref() == Some("unloaded")
    })
    .await;
    assert_eq!(host.place.journal().lines(), ["endless dropped"]);
    let error = loop {
        match items.next().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    host.shutdown().await;
}

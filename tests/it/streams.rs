//! Streams across the seam, both ways: what comes over, what keeps a generation open, and what becomes of those that nobody reads. Seen at the loader, without a host.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use agentsys_loader::{CallStream, Data, DataStream, Failure, Invoked, LeaseKind, failure_kind};
use futures_core::Stream;
use futures_util::{FutureExt, StreamExt, stream};

use crate::harness::Place;
use crate::harness::loader::{Ending, OpenPlugin, SomeTask, handler, outcome, text};

impl OpenPlugin {
    fn invoke(&self, route: &str, input: &str, items: Option<DataStream>) -> Invoked {
        let number = handler(&self.generation, route);
        match items {
            None => self.instance.invoke(number, &SomeTask, text(input), None),
            Some(items) => {
                self.instance
                    .invoke_with_items(number, &SomeTask, text(input), items, None)
            }
        }
    }

    fn stream(&self, route: &str, input: &str, items: Option<DataStream>) -> CallStream {
        match self.invoke(route, input, items) {
            Invoked::Stream(stream) => stream,
            other => panic!("no stream: {other:?}"),
        }
    }

    async fn value(&self, route: &str, input: &str, items: Option<DataStream>) -> String {
        shown(outcome(self.invoke(route, input, items)).await)
    }

    async fn all(&self, route: &str, input: &str, items: Option<DataStream>) -> Vec<String> {
        self.stream(route, input, items).map(shown).collect().await
    }

    /// Lets go of all but a stream or a call.
    fn give_up(self) -> (Ending, Place) {
        (self.end, self.place)
    }
}

fn shown(outcome: Result<Data, Failure>) -> String {
    match outcome {
        Ok(data) => String::from_utf8(data.bytes.to_vec()).unwrap(),
        Err(failure) => format!("error: {}", failure.message),
    }
}

fn items(texts: &'static [&'static str]) -> Option<DataStream> {
    Some(Box::pin(stream::iter(
        texts.iter().map(|item| Ok(text(item))),
    )))
}

#[tokio::test]
async fn values_and_streams_go_in_and_come_out_in_every_combination() {
    let it = OpenPlugin::new("streams").await;
    assert_eq!(it.value("double", "4", None).await, "8");
    assert_eq!(it.all("count", "2", None).await, ["count 1", "count 2"]);
    assert_eq!(it.all("made", "", None).await, ["2"]);
    assert_eq!(it.all("boxed", "3", None).await, ["3"]);
    assert_eq!(it.value("sum", "", items(&["1", "2", "3"])).await, "6");
    assert_eq!(
        it.value("scaled_sum", "10", items(&["1", "2"])).await,
        "scaled_sum 30"
    );
    assert_eq!(
        it.all("running_sums", "", items(&["1", "2", "3"])).await,
        ["1", "3", "6"]
    );
    assert_eq!(
        it.all("scaled_sums", "2", items(&["1", "2"])).await,
        ["2", "6"]
    );
}

#[tokio::test]
async fn a_failure_before_the_first_item_is_the_first_item() {
    let it = OpenPlugin::new("streams").await;
    assert_eq!(
        it.all("count_down", "0", None).await,
        ["error: count_down: from nothing"]
    );
    assert_eq!(
        it.all("count_down", "2", None).await,
        ["2", "1", "error: lift off"]
    );
    let no_number = it.all("count", "many", None).await;
    assert_eq!(no_number.len(), 1);
    assert!(no_number[0].starts_with("error: the input does not fit"));
}

#[tokio::test]
async fn a_failed_item_comes_through_and_others_follow_it() {
    let it = OpenPlugin::new("streams").await;
    assert_eq!(
        it.all("running_sums", "", items(&["1", "two", "3"])).await,
        ["1", "error: an item", "4"]
    );
    let failing = stream::iter([
        Ok(text("1")),
        Err(Failure::new(failure_kind::NOT_FOUND, "no second")),
    ]);
    assert_eq!(
        it.value("sum", "", Some(Box::pin(failing))).await,
        "error: no second"
    );
}

#[tokio::test]
async fn a_handler_that_takes_items_and_gets_none_has_an_empty_stream() {
    let it = OpenPlugin::new("streams").await;
    assert_eq!(it.value("sum", "", None).await, "0");
    assert!(it.all("running_sums", "", None).await.is_empty());
}

#[tokio::test]
async fn items_for_a_handler_that_takes_none_are_refused_and_dropped() {
    let it = OpenPlugin::new("streams").await;
    for route in ["double", "count"] {
        let (items, dropped) = Watched::new();
        let number = handler(&it.generation, route);
        let invoked =
            it.instance
                .invoke_with_items(number, &SomeTask, text("1"), Box::pin(items), None);
        let failure = outcome(invoked).await.unwrap_err();
        assert_eq!(failure.kind, failure_kind::INVALID_INPUT);
        assert_eq!(
            failure.message,
            "this handler takes no items: its argument is no `Items<T>`"
        );
        assert!(dropped.upgrade().is_none());
    }
}

#[tokio::test]
async fn a_plugin_says_which_handlers_stream_and_what_an_item_is() {
    let it = OpenPlugin::new("streams").await;
    let of = |route: &str| {
        let handlers = &it.generation.description().handlers;
        handlers.iter().find(|it| it.route == route).unwrap()
    };
    let said = |route: &str| (of(route).streams, of(route).takes_items);
    assert_eq!(said("double"), (false, false));
    assert_eq!(said("count"), (true, false));
    assert_eq!(said("sum"), (false, true));
    assert_eq!(said("scaled_sums"), (true, true));
    let kind = |schema: &Option<serde_json::Value>| schema.as_ref().unwrap()["type"].clone();
    let scaled = of("scaled_sums");
    assert_eq!(kind(&scaled.items_schema), "integer");
    assert_eq!(kind(&scaled.output_schema), "integer");
    assert_eq!(kind(&of("count").output_schema), "string");

    let inspected = agentsys_loader::inspect(&crate::harness::library("streams")).unwrap();
    let records = inspected.metadata.routes;
    for record in records {
        assert_eq!((record.streams, record.takes_items), said(&record.name));
    }
}

#[tokio::test]
async fn nothing_is_made_that_was_not_asked_for() {
    let it = OpenPlugin::new("streams").await;
    let mut stream = it.stream("count", "100", None);
    assert_eq!(it.all("made", "", None).await, ["0"]);
    stream.next().await.unwrap().unwrap();
    stream.next().await.unwrap().unwrap();
    assert_eq!(it.all("made", "", None).await, ["2"]);
}

#[tokio::test]
async fn no_more_items_are_asked_of_the_caller_than_are_read() {
    let it = OpenPlugin::new("streams").await;
    let asked = Arc::new(Mutex::new(0_u32));
    let counted = Arc::clone(&asked);
    let items = stream::repeat_with(move || {
        *counted.lock().unwrap() += 1;
        Ok(text("1"))
    });
    assert_eq!(it.value("first", "", Some(Box::pin(items))).await, "1");
    assert_eq!(*asked.lock().unwrap(), 1);
}

#[tokio::test]
async fn items_cross_as_the_callers_own_bytes() {
    let it = OpenPlugin::new("streams").await;
    let item = text(&"x".repeat(10_000));
    let at = item.bytes.as_ptr();
    let invoked = it.invoke("first", "", Some(Box::pin(stream::iter([Ok(item)]))));
    assert_eq!(outcome(invoked).await.unwrap().bytes.as_ptr(), at);
}

#[tokio::test]
async fn a_stream_holds_its_generation_open_and_dropping_it_lets_that_be_unmapped() {
    let it = OpenPlugin::new("streams").await;
    let mut stream = it.stream("endless", "", None);
    assert_eq!(shown(stream.next().await.unwrap()), "0");
    assert_eq!(
        it.generation.outstanding(),
        [
            (LeaseKind::Host, 1),
            (LeaseKind::Instance, 1),
            (LeaseKind::Stream, 1)
        ]
    );
    let (mut end, place) = it.give_up();
    assert!(end.is_open());
    assert_eq!(shown(stream.next().await.unwrap()), "1");
    assert!(place.journal().lines().is_empty());
    drop(stream);
    end.unloaded().await;
    assert_eq!(place.journal().lines(), ["endless dropped"]);
}

#[tokio::test]
async fn a_stream_that_was_never_read_is_dropped_too() {
    let it = OpenPlugin::new("streams").await;
    let stream = it.stream("endless", "", None);
    let (mut end, place) = it.give_up();
    drop(stream);
    end.unloaded().await;
    assert!(
        place.journal().lines().is_empty(),
        "its handler never began"
    );
}

#[tokio::test]
async fn a_stream_that_awaits_is_dropped_when_its_reader_goes_away() {
    let it = OpenPlugin::new("streams").await;
    let mut stream = it.stream("awaits", "", None);
    assert!(stream.next().now_or_never().is_none());
    drop(stream);
    assert_eq!(it.place.journal().lines(), ["awaits dropped"]);
    let (mut end, _place) = it.give_up();
    end.unloaded().await;
}

#[tokio::test]
async fn a_stream_that_is_read_to_its_end_holds_nothing_but_its_lease() {
    let it = OpenPlugin::new("streams").await;
    let mut stream = it.stream("large", "", None);
    let large = stream.next().await.unwrap().unwrap();
    assert!(stream.next().await.is_none());
    assert!(stream.next().await.is_none());
    drop(stream);
    let (mut end, _place) = it.give_up();
    assert!(end.is_open(), "a large item lies in the plugin's memory");
    assert_eq!(large.bytes.len(), 5000);
    drop(large);
    end.unloaded().await;
}

#[tokio::test]
async fn a_panic_in_the_middle_is_the_last_item_and_says_where_it_was() {
    let it = OpenPlugin::new("streams").await;
    let mut stream = it.stream("panics_midway", "at all", None);
    assert_eq!(shown(stream.next().await.unwrap()), "1");
    let failure = stream.next().await.unwrap().unwrap_err();
    assert_eq!(failure.kind, failure_kind::PANICKED);
    assert!(failure.poisoned);
    let message = failure.message;
    assert!(
        message.starts_with("the handler of route `panics_midway` panicked at "),
        "{message}"
    );
    assert!(message.ends_with(": no way: at all"), "{message}");
    assert_eq!(it.place.journal().lines(), ["panics_midway dropped"]);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_panic_before_there_is_a_stream_is_its_only_item() {
    let it = OpenPlugin::new("streams").await;
    let mut stream = it.stream("panics_before", "now", None);
    let failure = stream.next().await.unwrap().unwrap_err();
    assert_eq!(failure.kind, failure_kind::PANICKED);
    assert!(failure.message.ends_with(": no way: now"));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_panic_of_a_streams_drop_goes_no_further() {
    let it = OpenPlugin::new("streams").await;
    let mut stream = it.stream("panics_when_dropped", "", None);
    assert_eq!(shown(stream.next().await.unwrap()), "1");
    drop(stream);
    assert_eq!(it.value("double", "4", None).await, "8");
    let (mut end, _place) = it.give_up();
    end.unloaded().await;
}

#[tokio::test]
async fn where_one_answer_is_asked_for_a_stream_is_cancelled_and_refused() {
    let it = OpenPlugin::new("streams").await;
    assert_eq!(
        it.value("endless", "", None).await,
        "error: the handler answers a stream, where one answer was asked for"
    );
}

#[tokio::test]
async fn items_that_a_plugin_keeps_end_with_its_generation_and_their_wakers_are_taken_back() {
    let it = OpenPlugin::new("streams").await;
    let (items, dropped) = Watched::new();
    let wakers = Arc::clone(&items.wakers);
    let asked = Arc::clone(&items.asked);
    it.value("reads_behind", "", Some(Box::pin(items))).await;
    // A thread of the plugin's own asks for an item, and waits.
    asked.notified().await;
    let (mut end, _place) = it.give_up();
    end.unloaded().await;
    assert!(dropped.upgrade().is_none());
    for waker in std::mem::take(&mut *wakers.lock().unwrap()) {
        waker.wake();
    }
}

/// Items that never come: keeps the wakers of those who wait, and says when it is dropped.
struct Watched {
    wakers: Arc<Mutex<Vec<Waker>>>,
    asked: Arc<tokio::sync::Notify>,
    _alive: Arc<()>,
}

impl Watched {
    fn new() -> (Self, std::sync::Weak<()>) {
        let alive = Arc::new(());
        let weak = Arc::downgrade(&alive);
        let watched = Self {
            wakers: Arc::default(),
            asked: Arc::default(),
            _alive: alive,
        };
        (watched, weak)
    }
}

impl Stream for Watched {
    type Item = Result<Data, Failure>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.wakers.lock().unwrap().push(cx.waker().clone());
        self.asked.notify_one();
        Poll::Pending
    }
}

#[tokio::test]
async fn the_reader_is_woken_when_there_is_another_item() {
    let it = OpenPlugin::new("streams").await;
    // Through the plugin's timers.
    let mut stream = it.stream("count_down", "3", None);
    let first = poll_fn(|cx| stream.poll_next_unpin(cx)).await;
    assert_eq!(shown(first.unwrap()), "3");
    // Through the caller's channel, by way of the plugin.
    let (send, receive) = tokio::sync::mpsc::channel::<Data>(1);
    let items = stream::unfold(receive, |mut receive| async move {
        Some((Ok(receive.recv().await?), receive))
    });
    let mut sums = it.stream("running_sums", "", Some(Box::pin(items)));
    assert!(sums.next().now_or_never().is_none());
    let (sum, sent) = tokio::join!(sums.next(), send.send(text("7")));
    sent.unwrap();
    assert_eq!(shown(sum.unwrap()), "7");
    drop(send);
    assert!(sums.next().await.is_none());
}

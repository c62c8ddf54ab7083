//! What plugins send with their tasks, and get back for them: seen at the loader, by a host that answers as it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentsys_loader::{
    AgentAnswer, AgentAnswers, Data, DataStream, Failure, Generation, Instance, Invoked, LeaseKind,
    LogLine, Routed, SendOptions, Services, SharedTask, Target, Task, failure_kind,
};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};

use crate::harness::Place;
use crate::harness::loader::{Ending, SomeTask, handler, no_other_services, open, outcome, text};

/// What was asked of the host.
#[derive(Debug)]
struct Asked {
    nested_in: Option<u64>,
    target: Option<Target>,
    name: String,
    words: String,
    options: SendOptions,
}

/// A host that keeps what it is asked, and answers: a task with `done`; a stream with the items that came along, doubled, or with numbers where none did; a
/// broadcast for two agents.
#[derive(Clone, Default)]
struct Answering {
    asked: Arc<Mutex<Vec<Asked>>>,
    /// The items that came along, where they are not read.
    kept: Arc<Mutex<Option<DataStream>>>,
    keeps: bool,
}

impl Answering {
    fn ask(
        &self,
        parent: Option<&dyn Task>,
        target: Option<Target>,
        name: &str,
        data: &Data,
        options: SendOptions,
    ) {
        self.asked.lock().unwrap().push(Asked {
            nested_in: parent.map(Task::id),
            target,
            name: name.to_owned(),
            words: String::from_utf8(data.bytes.to_vec()).unwrap(),
            options,
        });
    }

    fn last(&self) -> Asked {
        self.asked.lock().unwrap().pop().unwrap()
    }
}

impl Services for Answering {
    fn max_log_level(&self) -> u32 {
        0
    }

    fn log(&self, _: LogLine<'_>) {}

    no_other_services!(but the router);

    fn send(
        &self,
        parent: Option<&dyn Task>,
        target: Target,
        name: &str,
        data: Data,
        options: SendOptions,
    ) -> Routed {
        self.ask(parent, Some(target), name, &data, options);
        Box::pin(async { Ok(text("done").into_payload()) })
    }

    fn stream(
        &self,
        parent: Option<&dyn Task>,
        target: Target,
        name: &str,
        data: Data,
        options: SendOptions,
        items: Option<DataStream>,
    ) -> Result<DataStream, Failure> {
        self.ask(parent, Some(target), name, &data, options);
        match items {
            Some(items) if self.keeps => {
                *self.kept.lock().unwrap() = Some(items);
                Ok(Box::pin(stream::pending()))
            }
            Some(items) => Ok(Box::pin(items.map(|item| {
                item.map(|data| text(&String::from_utf8_lossy(&data.bytes).repeat(2)))
            }))),
            None if &*data.bytes == b"refuse" => {
                Err(Failure::new(failure_kind::NOT_FOUND, "no such route"))
            }
            None => Ok(Box::pin(stream::iter([
                Ok(text("1")),
                Err(Failure::new(failure_kind::TIMEOUT, "too late")),
                Ok(text("3")),
            ]))),
        }
    }

    fn broadcast(
        &self,
        parent: Option<&dyn Task>,
        name: &str,
        data: Data,
        options: SendOptions,
    ) -> Result<AgentAnswers, Failure> {
        self.ask(parent, None, name, &data, options);
        if &*data.bytes == b"refuse" {
            return Err(Failure::new(failure_kind::NOT_FOUND, "no such route"));
        }
        let answer = |agent, name: &str, answer| AgentAnswer {
            agent,
            name: name.into(),
            answer,
        };
        let failure = Failure::new(failure_kind::OVERLOADED, "not now");
        Ok(Box::pin(stream::iter([
            answer(7, "quick", Ok(text("yes"))),
            answer(8, "slow", Err(failure)),
        ])))
    }
}

struct Fixture {
    generation: Generation,
    instance: Arc<Instance>,
    end: Ending,
    services: Answering,
    _place: Place,
}

impl Fixture {
    async fn new() -> Self {
        Self::on(Answering::default()).await
    }

    async fn on(services: Answering) -> Self {
        let place = Place::new();
        let (generation, end) = open(&place, "sends", services.clone());
        let instance = Instance::create(&generation).unwrap();
        outcome(instance.initialize(Bytes::new())).await.unwrap();
        Self {
            generation,
            instance,
            end,
            services,
            _place: place,
        }
    }

    fn invoke(&self, route: &str, input: &str, task: &dyn Task) -> Invoked {
        let number = handler(&self.generation, route);
        self.instance.invoke(number, task, text(input), None)
    }

    async fn value(&self, route: &str, input: &str) -> String {
        shown(outcome(self.invoke(route, input, &SomeTask)).await)
    }

    async fn all(&self, route: &str, input: &str) -> Vec<String> {
        match self.invoke(route, input, &SomeTask) {
            Invoked::Stream(stream) => stream.map(shown).collect().await,
            other => panic!("no stream: {other:?}"),
        }
    }
}

fn shown(outcome: Result<Data, Failure>) -> String {
    match outcome {
        Ok(data) => String::from_utf8(data.bytes.to_vec()).unwrap(),
        Err(failure) => format!("error: {}", failure.message),
    }
}

fn assert_whole(options: &SendOptions) {
    let time = options.time.unwrap();
    assert!(time <= Duration::from_secs(3600) && time > Duration::from_secs(3000));
    assert!(options.idempotent);
    assert_eq!(options.key.as_deref(), Some(&b"customer-7"[..]));
    let labels = [("zone", "a"), ("of", "tests")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(options.labels, labels);
}

#[tokio::test]
async fn a_plugins_task_carries_its_options() {
    let it = Fixture::new().await;
    assert_eq!(it.value("routes", "a").await, "done");
    let asked = it.services.last();
    assert_eq!(
        (asked.nested_in, asked.target),
        (Some(1), Some(Target::Route))
    );
    assert_eq!((&*asked.name, &*asked.words), ("there", "a"));
    assert_whole(&asked.options);
    assert_eq!(it.value("sends", "b").await, "done");
    let asked = it.services.last();
    assert_eq!((asked.target, &*asked.name), (Some(Target::Agent), "agent"));
    assert_whole(&asked.options);
}

#[tokio::test]
async fn a_plugin_reads_a_stream_as_it_comes_failures_among_its_items() {
    let it = Fixture::new().await;
    assert_eq!(it.all("streams", "a").await, ["1", "error: too late", "3"]);
    let asked = it.services.last();
    assert_eq!((asked.nested_in, &*asked.words), (Some(1), "a"));
    assert_whole(&asked.options);
    assert_eq!(it.value("first", "a").await, "1");
    assert_eq!(it.services.last().options, SendOptions::default());
}

#[tokio::test]
async fn a_stream_that_cannot_be_opened_is_an_error_at_once() {
    let it = Fixture::new().await;
    assert_eq!(it.value("first", "refuse").await, "error: no such route");
    assert_eq!(
        it.value("broadcasts", "refuse").await,
        "error: no such route"
    );
}

#[tokio::test]
async fn items_go_along_with_a_task_in_the_plugins_own_runtime() {
    let it = Fixture::new().await;
    assert_eq!(it.all("sends_items", "3").await, ["11", "22", "33"]);
    let asked = it.services.last();
    assert_eq!(asked.words, "with items");
    assert_whole(&asked.options);
}

#[tokio::test]
async fn items_that_are_sent_hold_their_generation_until_they_are_dropped() {
    let services = Answering {
        keeps: true,
        ..Answering::default()
    };
    let mut it = Fixture::on(services).await;
    let Invoked::Pending(mut call) = it.invoke("sends_endlessly", "", &SomeTask) else {
        panic!("it awaits");
    };
    assert!((&mut call).now_or_never().is_none());
    let mut items = it.services.kept.lock().unwrap().take().unwrap();
    assert!(items.next().now_or_never().is_none());
    drop(call);
    let held = it.generation.outstanding();
    assert!(held.contains(&(LeaseKind::Stream, 1)), "{held:?}");
    drop((it.instance, it.generation));
    assert!(it.end.is_open());
    drop(items);
    it.end.unloaded().await;
}

#[tokio::test]
async fn a_panic_among_items_that_are_sent_is_their_last() {
    let it = Fixture::new().await;
    let said = it.value("sends_a_panic", "").await;
    let beginning = "error: a stream of items that goes with a task panicked at ";
    assert!(
        said.starts_with(beginning) && said.ends_with(": no way"),
        "{said}"
    );
}

#[tokio::test]
async fn a_broadcast_answers_with_each_agent_and_its_error() {
    let it = Fixture::new().await;
    assert_eq!(
        it.value("broadcasts", "all").await,
        r#"["7 quick yes","8 slow Overloaded: not now"]"#
    );
    let asked = it.services.last();
    assert_eq!((asked.target, &*asked.words), (None, "all"));
}

/// A task with all that one can have.
struct Marked;

impl Task for Marked {
    fn id(&self) -> u64 {
        2
    }

    fn hops(&self) -> u32 {
        0
    }

    fn remaining(&self) -> Option<Duration> {
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn key(&self) -> Option<&[u8]> {
        Some(b"k")
    }

    fn label(&self, name: &str) -> Option<&str> {
        (name == "zone").then_some("b")
    }

    fn label_at(&self, place: usize) -> Option<(&str, &str)> {
        [("zone", "b"), ("x", "")].get(place).copied()
    }

    fn traceparent(&self) -> Option<String> {
        Some("00-1-2-01".to_owned())
    }

    fn share(&self) -> Arc<dyn SharedTask> {
        Arc::new(Self)
    }
}

#[tokio::test]
async fn a_handler_sees_key_labels_and_trace_of_its_task_for_as_long_as_it_runs() {
    let it = Fixture::new().await;
    for route in ["task", "task_later"] {
        let said = outcome(it.invoke(route, "", &Marked)).await;
        assert_eq!(
            shown(said),
            r#"["Some(\"k\")","Some(\"b\")","Some(\"00-1-2-01\")","zone=b","x="]"#
        );
        assert_eq!(it.value(route, "").await, r#"["None","None","None"]"#);
    }
}

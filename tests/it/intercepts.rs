//! A plugin's interceptor, across the seam: what it says of tasks before, what it sees of them after, and what may go wrong with it. Seen at the loader, without a
//! host.

use std::time::Duration;

use agentsys_loader::{
    Data, DataView, EndedView, Failure, Instance, LeaseKind, Looked, OutcomeView, Verdict,
    failure_kind,
};
use bytes::Bytes;
use futures_util::FutureExt;

use crate::harness::Place;
use crate::harness::loader::{LabelledTask, NoServices, OpenPlugin, initialized, open, text};

type Labels = &'static [(&'static str, &'static str)];

impl OpenPlugin {
    /// Before a task with the data `data`: whether the verdict was there at once, and what it is.
    async fn before(&self, labels: Labels) -> (bool, Result<Verdict, Failure>) {
        let bytes = Bytes::from_static(b"data");
        let looked = self
            .instance
            .before_task(&LabelledTask(labels), "work", view(&bytes), None);
        let at_once = matches!(looked, Looked::Ready(_));
        (at_once, looked.outcome().await)
    }

    async fn after(&self, labels: Labels, ended: EndedView<'_>) -> Result<(), Failure> {
        let task = LabelledTask(labels);
        let looked = self
            .instance
            .after_task(&task, "work", &outcome(ended), None);
        looked.outcome().await
    }
}

fn view(bytes: &Bytes) -> DataView<'_> {
    DataView {
        bytes,
        content_type: "text/plain",
    }
}

fn outcome(ended: EndedView<'_>) -> OutcomeView<'_> {
    OutcomeView {
        ended,
        agent: Some("worker"),
        attempts: 2,
        duration: Duration::from_millis(5),
    }
}

const LATE: EndedView<'static> = EndedView::Failure {
    kind: failure_kind::TIMEOUT,
    retryable: true,
    message: "too late",
    causes: &["snow"],
};

fn annotated() -> Verdict {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Verdict::Annotate(vec![label("route", "work"), label("seen", "yes")])
}

#[tokio::test]
async fn a_task_goes_on_as_it_is_or_with_labels_or_is_refused_or_answered() {
    let it = OpenPlugin::new("intercepts").await;
    assert!(it.generation.description().interceptor);
    assert!(!it.generation.description().strategy);
    assert_eq!(it.before(&[]).await, (true, Ok(Verdict::Continue)));
    assert_eq!(
        it.before(&[("how", "annotates")]).await,
        (true, Ok(annotated()))
    );
    let answer = Verdict::Answer(text("instead of work: data"));
    assert_eq!(it.before(&[("how", "answers")]).await, (true, Ok(answer)));
    let (at_once, refused) = it.before(&[("how", "refuses")]).await;
    let failure = refused.unwrap_err();
    assert_eq!(
        (at_once, failure.kind, failure.retryable, &*failure.message),
        (true, failure_kind::UNAVAILABLE, true, "not today")
    );
    assert_eq!(failure.causes, ["it is Sunday"]);
}

#[tokio::test]
async fn a_verdict_that_takes_its_time_is_each_of_these_too() {
    let it = OpenPlugin::new("intercepts").await;
    assert_eq!(
        it.before(&[("how", "later_continues")]).await,
        (false, Ok(Verdict::Continue))
    );
    assert_eq!(
        it.before(&[("how", "later_annotates")]).await,
        (false, Ok(annotated()))
    );
    let answer = Verdict::Answer(text("instead of work: data"));
    assert_eq!(
        it.before(&[("how", "later_answers")]).await,
        (false, Ok(answer))
    );
    let (at_once, refused) = it.before(&[("how", "later_refuses")]).await;
    assert_eq!(
        (at_once, refused.unwrap_err().message.as_str()),
        (false, "not today")
    );
    let (_, again) = it.before(&[("how", "later_again")]).await;
    let failure = again.unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (
            failure_kind::INTERNAL,
            "`before_later` answered `Later` again"
        )
    );
    assert_eq!(it.place.journal().lines(), ["before_later dropped"; 5]);
}

#[tokio::test]
async fn a_panic_before_or_after_is_a_failure_that_names_the_function() {
    let it = OpenPlugin::new("intercepts").await;
    let (_, before) = it.before(&[("how", "panics")]).await;
    let (_, later) = it.before(&[("how", "later_panics")]).await;
    let after = it.after(&[("after", "panics")], LATE).await;
    for (panicked, function) in [
        (before.unwrap_err(), "before"),
        (later.unwrap_err(), "before_later"),
        (after.unwrap_err(), "after"),
    ] {
        assert_eq!(
            (panicked.kind, panicked.poisoned),
            (failure_kind::PANICKED, true)
        );
        let begin = format!("`{function}` panicked at ");
        assert!(panicked.message.starts_with(&begin), "{}", panicked.message);
    }
}

#[tokio::test]
async fn data_is_lent_and_what_is_kept_of_it_outlives_the_look() {
    let it = OpenPlugin::new("intercepts").await;
    for how in [&[("how", "hands_back")], &[("how", "later_hands_back")]] {
        let bytes = Bytes::from(vec![7; 10_000]);
        let place = bytes.as_ptr();
        let task = LabelledTask(how);
        let looked = it.instance.before_task(&task, "work", view(&bytes), None);
        drop(bytes);
        let Ok(Verdict::Answer(Data {
            bytes,
            content_type,
        })) = looked.outcome().await
        else {
            panic!("no answer");
        };
        assert_eq!((bytes.as_ptr(), &*content_type), (place, "text/plain"));
        assert_eq!(bytes, vec![7; 10_000]);
    }
    let lent = it.generation.outstanding();
    assert_eq!(lent, [(LeaseKind::Host, 1), (LeaseKind::Instance, 1)]);
}

#[tokio::test]
async fn an_interceptor_sees_how_tasks_end_at_once_and_later() {
    let it = OpenPlugin::new("intercepts").await;
    let bytes = Bytes::from_static(b"done");
    let answer = EndedView::Answer(view(&bytes));
    for labels in [&[] as Labels, &[("after", "later")]] {
        it.after(labels, answer).await.unwrap();
        it.after(labels, LATE).await.unwrap();
        it.after(labels, EndedView::Stream).await.unwrap();
    }
    let by = "7 work by Some(\"worker\") in 2 attempts and 5ms:";
    let done = format!("{by} done (text/plain)");
    let late = format!("{by} too late (Timeout, [\"snow\"])");
    let stream = format!("{by} a stream");
    let end = "after_later dropped";
    assert_eq!(
        it.place.journal().lines(),
        [&*done, &late, &stream, &done, end, &late, end, &stream, end]
    );
}

#[tokio::test]
async fn an_interceptor_that_fails_after_a_task_says_so() {
    let it = OpenPlugin::new("intercepts").await;
    let fails = it.after(&[("after", "fails")], LATE).await.unwrap_err();
    assert_eq!(fails.message, "not written");
    let fails = it.after(&[("after", "later_fails")], LATE).await;
    assert_eq!(fails.unwrap_err().message, "not written in the end");
}

#[tokio::test]
async fn looks_under_way_keep_their_generation_open_and_are_cancelled_by_their_drop() {
    let OpenPlugin {
        place,
        generation,
        instance,
        mut end,
    } = OpenPlugin::new("intercepts").await;
    let bytes = Bytes::new();
    let task = LabelledTask(&[("how", "later_never"), ("after", "never")]);
    let before = instance.before_task(&task, "work", view(&bytes), None);
    let after = instance.after_task(&task, "work", &outcome(LATE), None);
    let (Looked::Pending(mut before), Looked::Pending(mut after)) = (before, after) else {
        panic!("both wait");
    };
    assert!((&mut before).now_or_never().is_none());
    assert!((&mut after).now_or_never().is_none());
    assert_eq!(
        generation.outstanding(),
        [
            (LeaseKind::Host, 1),
            (LeaseKind::Instance, 1),
            (LeaseKind::Call, 2)
        ]
    );
    drop((generation, instance, before));
    assert!(end.is_open());
    drop(after);
    end.unloaded().await;
    assert_eq!(
        place.journal().lines(),
        ["before_later dropped", "after_later dropped"]
    );
}

#[tokio::test]
async fn the_activity_logger_writes_down_tasks_of_agents_that_know_nothing_of_it() {
    let place = Place::new();
    let (generation, _) = open(&place, "activity_logger", NoServices);
    assert!(generation.description().interceptor);
    let instance = Instance::create(&generation).unwrap();
    let log = place.path().join("activity.log");
    let config = serde_json::json!({
        "log_file": log,
        "log_format": "{level} {message}",
        "ignore_agents": ["quiet"],
        "levels": { "errors-only": "error" },
    });
    let initialized = instance.initialize(config.to_string().into());
    initialized.outcome().await.unwrap();

    let bytes = Bytes::from_static(b"secret");
    let answer = EndedView::Answer(view(&bytes));
    let before = instance.before_task(&LabelledTask(&[]), "work", view(&bytes), None);
    assert_eq!(before.outcome().await, Ok(Verdict::Continue));
    let see = |agent, ended| {
        let outcome = OutcomeView {
            agent,
            ..outcome(ended)
        };
        let looked = instance.after_task(&LabelledTask(&[]), "work", &outcome, None);
        assert!(matches!(looked, Looked::Ready(Ok(()))), "{looked:?}");
    };
    for agent in [
        Some("worker"),
        None,
        Some("quiet"),
        Some("errors-only"),
        Some("activity_logger"),
    ] {
        see(agent, answer);
        see(agent, LATE);
    }
    see(Some("worker"), EndedView::Stream);

    let details = r#"{"attempts":2,"ms":5.0,"route":"work","task":7}"#;
    let done = |agent| format!("INFO Agent '{agent}' - answered: {details}");
    let late = |agent| {
        format!("ERROR Agent '{agent}' encountered error: too late: snow [timeout] {details}")
    };
    let lines = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(
        lines,
        [
            done("worker"),
            late("worker"),
            done("work"),
            late("work"),
            late("errors-only"),
            format!("INFO Agent 'worker' - streamed: {details}"),
        ]
    );
}

#[tokio::test]
async fn a_plugin_that_intercepts_nothing_says_so() {
    let place = Place::new();
    let (generation, _) = open(&place, "steps", NoServices);
    let instance = initialized(&place, &generation).await;
    let (bytes, task) = (Bytes::new(), LabelledTask(&[]));
    let before = instance.before_task(&task, "work", view(&bytes), None);
    let after = instance.after_task(&task, "work", &outcome(LATE), None);
    let message = "the plugin has no interceptor";
    assert_eq!(before.outcome().await.unwrap_err().message, message);
    assert_eq!(after.outcome().await.unwrap_err().message, message);
}

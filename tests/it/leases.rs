//! What keeps a generation open, and what happens at its end: seen at the loader, without a host.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};

use agentsys_loader::{
    Data, Instance, Invoked, LeaseKind, LogLine, Routed, SendOptions, Services, Target, Task,
    failure_kind,
};
use bytes::Bytes;

use crate::harness::Place;
use crate::harness::loader::{
    NoServices, SomeTask, handler, initialized, no_other_services, open, outcome, text,
};

#[tokio::test]
async fn initialize_and_cleanup_answer_at_once_the_second_time() {
    let place = Place::new();
    let (generation, _) = open(&place, "steps", NoServices);
    let instance = initialized(&place, &generation).await;
    outcome(instance.initialize(Bytes::new())).await.unwrap();
    outcome(instance.cleanup()).await.unwrap();
    outcome(instance.cleanup()).await.unwrap();
    drop(instance);
    assert_eq!(
        place.journal().lines(),
        ["steps initialized", "steps cleaned up", "steps dropped"]
    );
}

#[tokio::test]
async fn an_instance_that_was_never_cleaned_up_is_dropped_all_the_same() {
    let place = Place::new();
    let (generation, _) = open(&place, "steps", NoServices);
    drop(initialized(&place, &generation).await);
    assert_eq!(
        place.journal().lines(),
        ["steps initialized", "steps dropped"]
    );
}

#[tokio::test]
async fn a_call_before_initialize_is_refused() {
    let place = Place::new();
    let (generation, _) = open(&place, "misbehaves", NoServices);
    let instance = Instance::create(&generation).unwrap();
    let number = handler(&generation, "instance");
    let failure = outcome(instance.invoke(number, &SomeTask, text(""), None))
        .await
        .unwrap_err();
    assert_eq!(failure.message, "plugin misbehaves is not initialized");
    assert!(failure.retryable);
}

#[tokio::test]
async fn a_call_of_a_handler_that_is_not_there_is_refused() {
    let place = Place::new();
    let (generation, _) = open(&place, "steps", NoServices);
    let instance = initialized(&place, &generation).await;
    let failure = outcome(instance.invoke(7, &SomeTask, text(""), None))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (failure_kind::INTERNAL, "the plugin has no handler number 7")
    );
}

#[tokio::test]
async fn with_a_waker_an_async_handler_that_is_ready_answers_inline() {
    let place = Place::new();
    let (generation, _) = open(&place, "misbehaves", NoServices);
    let instance = initialized(&place, &generation).await;
    let number = handler(&generation, "fails_for_now");
    let inline = instance.invoke(number, &SomeTask, text(""), Some(Waker::noop()));
    assert!(matches!(inline, Invoked::Ready(Err(_))));
    assert!(matches!(
        instance.invoke(number, &SomeTask, text(""), None),
        Invoked::Pending(_)
    ));
}

#[tokio::test]
async fn a_generation_is_closed_once_its_last_lease_is_gone() {
    let place = Place::new();
    let (generation, mut end) = open(&place, "misbehaves", NoServices);
    let instance = initialized(&place, &generation).await;
    let number = handler(&generation, "awaits");
    let Invoked::Pending(mut call) = instance.invoke(number, &SomeTask, text(""), None) else {
        panic!("it awaits");
    };
    poll_fn(|cx| {
        assert!(std::pin::Pin::new(&mut call).poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    let count = generation.outstanding();
    assert_eq!(
        count,
        [
            (LeaseKind::Host, 1),
            (LeaseKind::Instance, 1),
            (LeaseKind::Call, 1)
        ]
    );

    drop(generation);
    drop(instance);
    assert!(end.is_open());
    assert_eq!(place.journal().lines(), <[&str; 0]>::default());
    assert_eq!(place.copies().len(), 1);
    drop(call);
    end.closed().await;
    assert_eq!(place.journal().lines(), ["awaits dropped"]);
    assert!(
        !place
            .state()
            .join("generations")
            .read_dir()
            .unwrap()
            .any(|it| it.unwrap().path().is_dir())
    );
}

#[tokio::test]
async fn a_large_answer_keeps_its_generation_open_and_a_small_one_does_not() {
    let place = Place::new();
    let (generation, mut end) = open(&place, "typed", NoServices);
    let instance = initialized_without_config(&generation).await;
    let number = handler(&generation, "large");
    let small = outcome(instance.invoke(number, &SomeTask, text("4096"), None))
        .await
        .unwrap();
    let large = outcome(instance.invoke(number, &SomeTask, text("4097"), None))
        .await
        .unwrap();
    drop(instance);
    assert_eq!(
        generation.outstanding(),
        [(LeaseKind::Host, 1), (LeaseKind::Reply, 1)]
    );
    drop(generation);
    let part = large.bytes.slice(4000..);
    drop(large);
    assert_eq!(part[0], 4000_usize.rem_euclid(251) as u8);
    drop(part);
    end.closed().await;
    assert_eq!(small.bytes.len(), 4096);
}

/// A host that keeps the wakers of those who wait, and never answers.
#[derive(Default, Clone)]
struct KeepsWakers(Arc<Mutex<Vec<Waker>>>);

impl Services for KeepsWakers {
    fn max_log_level(&self) -> u32 {
        0
    }

    fn log(&self, _: LogLine<'_>) {}

    no_other_services!(but send);

    fn send(&self, _: Option<&dyn Task>, _: Target, _: &str, _: Data, _: SendOptions) -> Routed {
        let kept = self.0.clone();
        Box::pin(poll_fn(move |cx| {
            kept.lock().unwrap().push(cx.waker().clone());
            Poll::Pending
        }))
    }
}

struct Counts(std::sync::atomic::AtomicU32);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_waker_that_the_host_keeps_wakes_the_plugin_until_it_is_closed_and_nobody_after() {
    let place = Place::new();
    let services = KeepsWakers::default();
    let (generation, mut end) = open(&place, "nests", services.clone());
    let instance = initialized_without_config(&generation).await;
    let number = handler(&generation, "fans_out");
    let woken = Arc::new(Counts(0.into()));
    let waker = Waker::from(woken.clone());
    // `fans_out` awaits through wakers of its own, whose functions lie in the plugin.
    let Invoked::Pending(call) = instance.invoke(number, &SomeTask, text("3"), Some(&waker)) else {
        panic!("it awaits");
    };
    let wakers = services.0.lock().unwrap().clone();
    assert_eq!(wakers.len(), 3);
    wakers[0].wake_by_ref();
    let count = || woken.0.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(count(), 1);

    drop((call, instance, generation));
    end.closed().await;
    for waker in wakers {
        waker.wake();
    }
    assert_eq!(count(), 1);
    services.0.lock().unwrap().clear();
    drop(waker);
    assert_eq!(
        Arc::strong_count(&woken),
        1,
        "no claim on it is left anywhere"
    );
}

/// A host whose router panics.
struct Panics;

impl Services for Panics {
    fn max_log_level(&self) -> u32 {
        panic!("no level")
    }

    fn log(&self, _: LogLine<'_>) {
        panic!("no log")
    }

    no_other_services!(but send);

    fn send(&self, _: Option<&dyn Task>, _: Target, _: &str, _: Data, _: SendOptions) -> Routed {
        panic!("no router")
    }
}

#[tokio::test]
async fn a_panic_of_the_host_does_not_cross_into_the_plugin() {
    let place = Place::new();
    let (generation, _) = open(&place, "nests", Panics);
    let instance = initialized_without_config(&generation).await;
    let number = handler(&generation, "forwards");
    let failure = outcome(instance.invoke(number, &SomeTask, text(""), None))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, failure_kind::PANICKED);
    assert!(
        failure.message.ends_with("panicked: no router"),
        "{}",
        failure.message
    );
    assert!(!failure.poisoned, "it was not the plugin that panicked");
}

async fn initialized_without_config(generation: &agentsys_loader::Generation) -> Arc<Instance> {
    let instance = Instance::create(generation).unwrap();
    outcome(instance.initialize(Bytes::new())).await.unwrap();
    instance
}

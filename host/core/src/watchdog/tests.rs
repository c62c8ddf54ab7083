#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, mpsc};

use agentsys_loader::{About, Tag, may_block};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{advance, sleep, timeout};

use super::*;

const SLOW: Activity = Activity::Handler(0);
const OTHER: Activity = Activity::Handler(1);

fn tag(attribution: &Attribution, plugin: &str) -> Tag {
    let about = About {
        plugin: plugin.to_owned(),
        version: "1.0.0".to_owned(),
        generation: 1,
        content_hash: None,
        path: "plugin.so".into(),
        routes: Vec::new(),
    };
    let tag = attribution.register(about).unwrap();
    tag.name_routes(["slow", "other"].map(str::to_owned).to_vec())
        .unwrap();
    tag
}

/// Several looks in a row, at the calling thread too: who is held.
fn look(times: usize, looks: &mut Looks, attribution: &Attribution) -> Vec<String> {
    let seen = (0..times).flat_map(|_| looks.look(attribution.running()));
    seen.map(said).collect()
}

fn said(held: Held) -> String {
    format!("{}: {}", held.by.about.plugin, held.by)
}

#[test]
fn what_is_there_at_three_looks_is_told_once() {
    let (attribution, mut looks) = (Attribution::in_memory(), Looks::default());
    let tag = tag(&attribution, "busy");
    tag.run(SLOW, || {
        assert!(look(2, &mut looks, &attribution).is_empty());
        assert_eq!(look(1, &mut looks, &attribution), ["busy: route slow"]);
        assert!(look(9, &mut looks, &attribution).is_empty());
    });
    tag.run(SLOW, || {
        assert_eq!(look(3, &mut looks, &attribution), ["busy: route slow"]);
    });
}

#[test]
fn many_short_calls_of_one_handler_are_not_one_long_call() {
    let (attribution, mut looks) = (Attribution::in_memory(), Looks::default());
    let tag = tag(&attribution, "quick");
    for _ in 0..20 {
        let seen = tag.run(SLOW, || look(2, &mut looks, &attribution));
        assert!(seen.is_empty());
    }
}

#[test]
fn of_nested_calls_the_one_that_takes_long_is_to_blame() {
    let (attribution, mut looks) = (Attribution::in_memory(), Looks::default());
    let (outer, inner) = (tag(&attribution, "outer"), tag(&attribution, "inner"));
    outer.run(SLOW, || {
        inner.run(OTHER, || {
            assert_eq!(look(3, &mut looks, &attribution), ["inner: route other"]);
        });
    });
    outer.run(SLOW, || {
        for _ in 0..2 {
            inner.run(OTHER, || {
                assert!(look(1, &mut looks, &attribution).is_empty())
            });
        }
        let seen = inner.run(OTHER, || look(1, &mut looks, &attribution));
        assert_eq!(seen, ["outer: route slow"]);
    });
}

#[test]
fn threads_that_may_block_are_left_alone() {
    let (attribution, mut looks) = (Attribution::in_memory(), Looks::default());
    let tag = tag(&attribution, "blocks");
    let may_block = may_block();
    tag.run(SLOW, || {
        assert!(look(9, &mut looks, &attribution).is_empty())
    });
    drop(may_block);
    tag.run(Activity::OwnThread, || {
        assert!(look(9, &mut looks, &attribution).is_empty());
    });
    tag.run(SLOW, || {
        assert_eq!(look(3, &mut looks, &attribution), ["blocks: route slow"]);
    });
}

/// A thread that holds itself up in a handler until this is dropped.
struct Holding {
    end: Option<mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Holding {
    fn start(tag: Arc<Tag>) -> Self {
        let (end, ended) = mpsc::channel::<()>();
        let (inside, is_inside) = mpsc::channel();
        let work = move || {
            tag.run(SLOW, || {
                inside.send(()).unwrap();
                let _ = ended.recv();
            });
        };
        let thread = std::thread::Builder::new().name("held".to_owned());
        let thread = thread.spawn(work).unwrap();
        is_inside.recv().unwrap();
        Self {
            end: Some(end),
            thread: Some(thread),
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        drop(self.end.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

const LIMIT: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn a_held_thread_is_told_while_it_is_held_and_not_before_the_limit() {
    let attribution = Arc::new(Attribution::in_memory());
    let tag = Arc::new(tag(&attribution, "busy"));
    let (told, mut telling) = unbounded_channel();
    let _watchdog = Watchdog::start(
        &Handle::current(),
        Arc::downgrade(&attribution),
        LIMIT,
        move |held| told.send(held.clone()).unwrap(),
    );
    let _holding = Holding::start(tag);
    let early = timeout(LIMIT - Duration::from_millis(1), telling.recv()).await;
    assert!(early.is_err(), "{early:?}");
    let held = timeout(LIMIT, telling.recv()).await.unwrap().unwrap();
    assert_eq!(held.thread.name, "held");
    assert_eq!(said(held), "busy: route slow");
    let again = timeout(20 * LIMIT, telling.recv()).await;
    assert!(again.is_err(), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn looks_that_came_late_are_not_made_up_for() {
    let attribution = Arc::new(Attribution::in_memory());
    let tag = Arc::new(tag(&attribution, "busy"));
    let (told, mut telling) = unbounded_channel();
    let _watchdog = Watchdog::start(
        &Handle::current(),
        Arc::downgrade(&attribution),
        LIMIT,
        move |held| told.send(held.clone()).unwrap(),
    );
    sleep(LIMIT).await;
    let _holding = Holding::start(tag);
    // As when the whole process stood still.
    advance(20 * LIMIT).await;
    let early = timeout(LIMIT - Duration::from_millis(1), telling.recv()).await;
    assert!(early.is_err(), "{early:?}");
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_its_host_or_when_it_is_dropped_and_a_limit_of_zero_is_none() {
    let attribution = Arc::new(Attribution::in_memory());
    let start = |limit| {
        let weak = Arc::downgrade(&attribution);
        Watchdog::start(&Handle::current(), weak, limit, |_| ())
    };
    let none = start(Duration::ZERO);
    sleep(LIMIT).await;
    assert!(none.0.is_finished());

    let (dropped, mut left) = (start(LIMIT), start(LIMIT));
    sleep(LIMIT).await;
    assert_eq!(Arc::weak_count(&attribution), 2);
    drop(dropped);
    sleep(LIMIT).await;
    assert_eq!(Arc::weak_count(&attribution), 1);
    drop(attribution);
    (&mut left.0).await.unwrap();
}

//! What threads say of themselves while they live.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread;

use super::*;
use crate::attribution::area::Area;

#[test]
fn a_thread_is_in_what_it_runs_and_in_nothing_after_that() {
    let attribution = Attribution::in_memory();
    let tag = tag(&attribution, "echo");
    let inside = tag.run(WILD, || innermost(&attribution));
    assert_eq!(inside, ["echo: route wild"]);
    let inside = tag.run(Activity::Initializing, || innermost(&attribution));
    assert_eq!(inside, ["echo: initialize"]);
    assert_eq!(attribution.running(), []);
}

#[test]
fn a_nested_call_is_left_to_the_one_that_made_it() {
    let attribution = Attribution::in_memory();
    let (outer, inner) = (tag(&attribution, "outer"), tag(&attribution, "inner"));
    outer.run(CALM, || {
        inner.run(WILD, || {
            assert_eq!(innermost(&attribution), ["inner: route wild"]);
            assert_eq!(outermost(&attribution), ["outer: route calm"]);
        });
        assert_eq!(innermost(&attribution), ["outer: route calm"]);
    });
    assert_eq!(attribution.running(), []);
}

#[test]
fn a_panic_leaves_too() {
    let attribution = Attribution::in_memory();
    let tag = tag(&attribution, "echo");
    let panicked = catch_unwind(AssertUnwindSafe(|| tag.run(WILD, || panic!("on purpose"))));
    assert!(panicked.is_err());
    assert_eq!(attribution.running(), []);
}

#[test]
fn hosts_of_one_process_see_their_own_plugins_alone() {
    let (first, second) = (Attribution::in_memory(), Attribution::in_memory());
    let (one, two) = (tag(&first, "one"), tag(&second, "two"));
    one.run(CALM, || {
        two.run(WILD, || {
            assert_eq!(innermost(&first), ["one: route calm"]);
            assert_eq!(innermost(&second), ["two: route wild"]);
            one.run(WILD, || {
                assert_eq!(innermost(&first), ["one: route wild"]);
            });
        });
        assert_eq!(innermost(&first), ["one: route calm"]);
        assert_eq!(second.running(), []);
    });
}

#[test]
fn a_host_that_ends_within_another_ones_call_takes_nothing_along() {
    let first = Attribution::in_memory();
    let one = tag(&first, "one");
    one.run(CALM, || {
        for _ in 0..3 {
            let second = Attribution::in_memory();
            tag(&second, "two").run(WILD, || ());
        }
        assert_eq!(innermost(&first), ["one: route calm"]);
    });
    let third = Attribution::in_memory();
    tag(&third, "three").run(CALM, || {
        assert_eq!(innermost(&third), ["three: route calm"])
    });
    assert_eq!(first.running(), []);
}

#[test]
fn each_entry_differs_from_the_one_before_and_returning_is_no_entry() {
    let attribution = Attribution::in_memory();
    let (outer, inner) = (tag(&attribution, "outer"), tag(&attribution, "inner"));
    let entry = || attribution.running()[0].entry;
    let call = || attribution.running()[0].call;
    assert_ne!(outer.run(CALM, entry), outer.run(CALM, entry));
    outer.run(CALM, || {
        let (entry_before, call_before) = (entry(), call());
        assert_ne!(inner.run(CALM, call), inner.run(CALM, call));
        assert_eq!(inner.run(CALM, entry), entry_before);
        assert_eq!(call(), call_before);
    });
}

#[test]
fn many_threads_are_told_apart_and_by_name() {
    const THREADS: usize = 32;
    let attribution = Attribution::in_memory();
    let tags: Vec<Tag> = (0..THREADS)
        .map(|number| tag(&attribution, &format!("plugin-{number:02}")))
        .collect();
    let (inside, looked) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for (number, tag) in tags.iter().enumerate() {
            let work = || {
                tag.run(WILD, || {
                    inside.wait();
                    looked.wait();
                });
            };
            let thread = thread::Builder::new().name(format!("thread-{number:02}"));
            thread.spawn_scoped(scope, work).unwrap();
        }
        inside.wait();
        let running = attribution.running();
        looked.wait();
        let mut pairs: Vec<_> = running
            .iter()
            .map(|it| (it.thread.name.clone(), said(&it.innermost)))
            .collect();
        pairs.sort();
        let expected = |n| {
            (
                format!("thread-{n:02}"),
                format!("plugin-{n:02}: route wild"),
            )
        };
        assert_eq!(pairs, (0..THREADS).map(expected).collect::<Vec<_>>());
    });
    assert_eq!(attribution.running(), []);
}

#[test]
fn threads_that_come_and_go_share_slots_and_never_a_call() {
    let attribution = Attribution::in_memory();
    let tag = tag(&attribution, "echo");
    let mut seen = Vec::new();
    for _ in 0..3 * memory::SLOTS {
        let running = thread::scope(|scope| {
            let look = || tag.run(CALM, || attribution.running());
            scope.spawn(look).join().unwrap()
        });
        // Unseen for want of a slot, it would be none.
        assert_eq!(running.len(), 1);
        seen.push((running[0].slot, running[0].entry));
    }
    let calls = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), calls);
}

#[test]
fn threads_beyond_the_last_slot_run_unseen() {
    let area = Area::new(Memory::own());
    for index in 0..memory::SLOTS {
        assert_eq!(area.take(false), Some(index));
    }
    assert_eq!(area.take(false), None);
    let area = Arc::new(area);
    assert_eq!(seat::within(&area, |_| "ran"), "ran");
    assert_eq!(area.look(), []);
}

#[test]
fn a_thread_that_may_block_says_so_until_it_may_not() {
    let attribution = Attribution::in_memory();
    let tag = tag(&attribution, "echo");
    let says = || tag.run(CALM, || attribution.running()[0].may_block);
    let fresh = thread::scope(|scope| {
        let work = || {
            let _may_block = may_block();
            says()
        };
        scope.spawn(work).join().unwrap()
    });
    assert!(fresh, "said before it has a slot");
    assert!(!says());
    let may_block = may_block();
    assert!(says());
    drop(may_block);
    assert!(!says());
}

#[test]
fn a_generation_that_was_struck_off_is_not_told() {
    let attribution = Attribution::in_memory();
    let (outer, inner) = (tag(&attribution, "outer"), tag(&attribution, "inner"));
    drop(inner);
    outer.run(CALM, || {
        assert_eq!(innermost(&attribution), ["outer: route calm"])
    });
    let serial = attribution.book.add(&Arc::new(about("late")));
    attribution.book.remove(serial);
    assert_eq!(attribution.book.about(serial), None);
}

#[test]
fn what_a_plugin_leaves_on_a_thread_is_run_in_a_slot_that_is_still_there() {
    thread_local! {
        static LEFT: std::cell::RefCell<Option<Left>> = const { std::cell::RefCell::new(None) };
    }
    struct Left(Arc<Tag>, Attribution, std::sync::mpsc::Sender<Vec<String>>);
    impl Drop for Left {
        fn drop(&mut self) {
            let Self(tag, attribution, said) = self;
            let inside = tag.run(Activity::EndingThread, || innermost(attribution));
            said.send(inside).unwrap();
        }
    }
    let attribution = Attribution::in_memory();
    let tag = Arc::new(tag(&attribution, "echo"));
    let (sender, receiver) = std::sync::mpsc::channel();
    let (its, of) = (Arc::clone(&tag), attribution.clone());
    let thread = thread::spawn(move || {
        // First the slot, then what is left, as when a plugin's code leaves it.
        its.clone()
            .run(CALM, || LEFT.set(Some(Left(its, of, sender))));
    });
    thread.join().unwrap();
    let expected = "echo: what it left on a thread that ends";
    assert_eq!(receiver.recv().unwrap(), [expected]);
    assert_eq!(attribution.running(), []);
}

//! The end of a generation, seen at the loader: unmapped, or pinned for a reason that is told and released when that goes.

use std::fs;
use std::sync::Arc;
use std::thread;

use agentsys_loader::{End, Instance, Pin, pass_by};

use crate::harness::Place;
use crate::harness::loader::{NoServices, SomeTask, handler, initialized, open, outcome, text};

/// Whether the process has a private copy of that state directory in memory.
fn is_mapped(place: &Place) -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let state = fs::canonicalize(place.state().join("generations")).unwrap();
    maps.contains(state.to_str().unwrap())
}

/// Calls a handler on a thread of that name, which then waits until it is told to go on.
fn call_on_a_thread(
    name: &str,
    instance: &Arc<Instance>,
    number: u32,
) -> (std::sync::mpsc::Sender<()>, thread::JoinHandle<()>) {
    let (go, wait) = std::sync::mpsc::channel();
    let (called, done) = std::sync::mpsc::channel();
    let instance = Arc::clone(instance);
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let invoked = instance.invoke(number, &SomeTask, text("it"), None);
        assert!(matches!(invoked, agentsys_loader::Invoked::Ready(Ok(_))));
        drop((invoked, instance));
        called.send(()).unwrap();
        while wait.recv().is_ok() {
            pass_by();
        }
    });
    done.recv().unwrap();
    (go, thread.unwrap())
}

#[tokio::test]
async fn a_library_that_left_nothing_is_seen_to_be_unmapped() {
    let place = Place::new();
    let (generation, mut end) = open(&place, "steps", NoServices);
    assert!(is_mapped(&place));
    drop(initialized(&place, &generation).await);
    drop(generation);
    pass_by();
    end.unloaded().await;
    assert!(!is_mapped(&place));
}

#[tokio::test]
async fn a_thread_that_still_has_values_pins_it_by_name_until_it_comes_by() {
    let place = Place::new();
    let (generation, mut end) = open(&place, "thread_locals", NoServices);
    let instance = initialized(&place, &generation).await;
    let (go, thread) = call_on_a_thread("idler", &instance, handler(&generation, "leave"));
    drop((instance, generation));
    let pinned = |end: &End| *end == End::Pinned(Pin::Values(vec!["idler".to_owned()]));
    end.ended(pinned).await;
    assert!(is_mapped(&place) && place.journal().lines().is_empty());

    go.send(()).unwrap();
    end.unloaded().await;
    assert!(!is_mapped(&place));
    assert_eq!(place.journal().lines(), ["it dropped"]);
    drop(go);
    thread.join().unwrap();
}

#[tokio::test]
async fn a_thread_that_still_has_values_pins_it_until_it_ends() {
    let place = Place::new();
    let (generation, mut end) = open(&place, "thread_locals", NoServices);
    let instance = initialized(&place, &generation).await;
    let (go, thread) = call_on_a_thread("leaver", &instance, handler(&generation, "leave"));
    drop((instance, generation));
    end.ended(|end| matches!(end, End::Pinned(Pin::Values(_))))
        .await;
    drop(go);
    thread.join().unwrap();
    end.unloaded().await;
    assert_eq!(place.journal().lines(), ["it dropped"]);
}

/// `thread::current()` leaves a value of a key, whose destructor is the library's.
#[tokio::test]
async fn a_thread_that_asked_who_it_is_pins_it_until_it_ends() {
    let place = Place::new();
    let (generation, mut end) = open(&place, "thread_locals", NoServices);
    let instance = initialized(&place, &generation).await;
    let (go, thread) = call_on_a_thread("asker", &instance, handler(&generation, "current"));
    drop((instance, generation));
    end.ended(|end| *end == End::Pinned(Pin::Values(vec!["asker".to_owned()])))
        .await;
    drop(go);
    thread.join().unwrap();
    end.unloaded().await;
}

#[tokio::test]
async fn a_thread_that_only_called_a_plain_handler_pins_nothing() {
    let place = Place::new();
    let (generation, mut end) = open(&place, "typed", NoServices);
    let instance = Instance::create(&generation).unwrap();
    outcome(instance.initialize(Default::default()))
        .await
        .unwrap();
    let (go, thread) = call_on_a_thread("caller", &instance, handler(&generation, "reverse"));
    drop((instance, generation));
    end.unloaded().await;
    assert!(!is_mapped(&place));
    drop(go);
    thread.join().unwrap();
}

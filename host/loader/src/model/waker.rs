//! Waker against revoke.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::plugin::PLUGIN;
use super::{Generation, check, thread};
use crate::services::Routed;
use crate::waker::Revocable;

/// A waker of the plugin's: to wake it, and to drop the last of it, runs its code.
struct PluginWaker;

fn plugin_waker() -> Waker {
    PLUGIN.makes_waker();
    Waker::from(Arc::new(PluginWaker))
}

impl Wake for PluginWaker {
    fn wake(self: Arc<Self>) {
        PLUGIN.runs();
    }
}

impl Drop for PluginWaker {
    fn drop(&mut self) {
        PLUGIN.drops_waker();
    }
}

/// A host service that keeps whatever waker it gets, and whom the plugin waits for.
struct Service {
    kept: Arc<Mutex<Option<Waker>>>,
    waited_for: Pin<Box<Revocable<Routed>>>,
}

impl Service {
    fn new(generation: &Generation) -> Self {
        let kept = Arc::<Mutex<Option<Waker>>>::default();
        let keeps = kept.clone();
        let never: Routed = Box::pin(poll_fn(move |cx| {
            *keeps.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        }));
        let revocable = Revocable::new(never, generation.mapping.clone());
        Self {
            kept,
            waited_for: Box::pin(revocable),
        }
    }

    fn poll(&mut self) {
        let waker = plugin_waker();
        let polled = self
            .waited_for
            .as_mut()
            .poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }

    fn kept(&self) -> Waker {
        self.kept.lock().unwrap().clone().unwrap()
    }
}

#[test]
fn a_waker_that_the_host_keeps_runs_nothing_of_the_plugin_once_that_is_closed() {
    check(|| {
        let generation = Generation::new();
        let mut service = Service::new(&generation);
        service.poll();
        let kept = service.kept();
        // The plugin forgets what it waits for, in a static for one.
        std::mem::forget(service);

        let timer = thread::spawn(move || {
            kept.wake_by_ref();
            kept
        });
        generation.close();
        timer.join().unwrap().wake();
    });
}

#[test]
fn what_a_thread_of_the_plugin_polls_while_the_wakers_are_revoked_leaves_no_waker_behind() {
    check(|| {
        let generation = Generation::new();
        let mut service = Service::new(&generation);
        service.poll();
        let kept = service.kept();
        PLUGIN.has_thread(thread::spawn(move || {
            service.poll();
            std::mem::forget(service);
        }));

        let timer = thread::spawn(move || kept.wake());
        generation.close();
        timer.join().unwrap();
    });
}

#[test]
fn where_a_thread_of_the_plugin_stops_waiting_its_waker_is_gone_before_the_plugin_is_closed() {
    check(|| {
        let generation = Generation::new();
        let mut service = Service::new(&generation);
        service.poll();
        let kept = service.kept();
        PLUGIN.has_thread(thread::spawn(move || drop(service)));

        let timer = thread::spawn(move || kept.wake());
        generation.close();
        timer.join().unwrap();
    });
}

//! The place of one instance behind its agents.
//!
//! An instance that panicked is *poisoned*: nobody knows what state it is in. Calls under way on it finish; its place gets a fresh one,
//! and calls that come meanwhile wait for that.

use std::sync::{Arc, Mutex, PoisonError};

use agentsys_loader::{Failure, Instance, failure_kind};
use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::watch;

/// A place for an instance.
pub(crate) struct Slot {
    /// The instance, where there is one to call: all that the path of a call looks at.
    instance: ArcSwapOption<Instance>,
    state: watch::Sender<State>,
    /// Makes a change of both one step.
    change: Mutex<()>,
}

#[derive(Debug, Clone)]
enum State {
    Ready,
    Replacing,
    /// There will be none.
    Empty(Failure),
}

impl Slot {
    pub(crate) fn new(instance: Arc<Instance>) -> Self {
        Self {
            instance: ArcSwapOption::from(Some(instance)),
            state: watch::Sender::new(State::Ready),
            change: Mutex::new(()),
        }
    }

    /// The instance, if there is one now: for the length of a call, without counting.
    pub(crate) fn get(&self) -> Guard<Option<Arc<Instance>>> {
        self.instance.load()
    }

    /// The instance, as soon as there is one.
    pub(crate) async fn wait(&self) -> Result<Arc<Instance>, Failure> {
        let mut state = self.state.subscribe();
        loop {
            if let Some(instance) = self.instance.load_full() {
                return Ok(instance);
            }
            if let State::Empty(failure) = &*state.borrow_and_update() {
                return Err(failure.clone());
            }
            if state.changed().await.is_err() {
                return Err(Failure::new(
                    failure_kind::UNAVAILABLE,
                    "the plugin is gone",
                ));
            }
        }
    }

    /// Takes a poisoned instance away. True for the first to say so: it must then [`fill`](Self::fill) the place.
    pub(crate) fn poison(&self, poisoned: &Arc<Instance>) -> bool {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = self
            .get()
            .as_ref()
            .is_some_and(|instance| Arc::ptr_eq(instance, poisoned));
        if is_there {
            self.state.send_replace(State::Replacing);
            self.instance.store(None);
        }
        is_there
    }

    /// Puts a fresh instance into the place of a poisoned one, or says why there is none. Gives the
    /// instance back where the place was emptied meanwhile.
    pub(crate) fn fill(&self, fresh: Result<Arc<Instance>, Failure>) -> Option<Arc<Instance>> {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*self.state.borrow(), State::Replacing) {
            return fresh.ok();
        }
        match fresh {
            Ok(instance) => {
                self.instance.store(Some(instance));
                self.state.send_replace(State::Ready);
            }
            Err(failure) => {
                self.state.send_replace(State::Empty(failure));
            }
        }
        None
    }

    /// Empties the place for good, and gives the instance that was there.
    pub(crate) fn empty(&self) -> Option<Arc<Instance>> {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = Failure::new(failure_kind::UNAVAILABLE, "the plugin is being stopped");
        self.state.send_replace(State::Empty(Failure {
            retryable: true,
            ..failure
        }));
        self.instance.swap(None)
    }
}

//! The place of one instance behind its agents.
//!
//! The place of a lazy plugin is empty until the first call wants it filled. An instance that panicked is *poisoned*: nobody knows what state it is in. Calls under way on it finish; its place gets a fresh one,
//! and calls that come meanwhile go to another instance, or wait for that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentsys_loader::{Failure, Instance, failure_kind};
use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::watch;
use tokio::time::Instant;

/// A place for an instance.
pub(crate) struct Slot {
    /// The instance, where there is one to call: all that the path of a call looks at.
    instance: ArcSwapOption<Instance>,
    state: watch::Sender<State>,
    /// Makes a change of both one step, and paces replacements.
    change: Mutex<Pace>,
}

#[derive(Debug, Clone)]
enum State {
    Ready,
    /// Nobody has wanted an instance yet.
    Unwanted,
    Replacing,
    /// There is none for now, and calls are refused so.
    Failed(Failure),
    /// There will be none.
    Stopped,
}

impl Slot {
    pub(crate) fn new(instance: Arc<Instance>) -> Self {
        Self {
            instance: ArcSwapOption::from(Some(instance)),
            state: watch::Sender::new(State::Ready),
            change: Mutex::new(Pace::default()),
        }
    }

    /// A place to be filled at the first call.
    pub(crate) fn lazy() -> Self {
        let pace = Pace {
            lazy: true,
            ..Pace::default()
        };
        Self {
            instance: ArcSwapOption::empty(),
            state: watch::Sender::new(State::Unwanted),
            change: Mutex::new(pace),
        }
    }

    /// Whether the caller is the one to have the place filled for the first time: nobody does so now, and after a try that failed it is
    /// time for another.
    pub(crate) fn claim_first(&self) -> bool {
        let pace = self.lock();
        let due = match &*self.state.borrow() {
            State::Unwanted => true,
            State::Failed(_) => pace.lazy && pace.next_try.is_some_and(|at| at <= Instant::now()),
            _ => false,
        };
        if due {
            self.state.send_replace(State::Replacing);
        }
        due
    }

    /// The instance, if there is one now: for the length of a call, without counting.
    pub(crate) fn get(&self) -> Guard<Option<Arc<Instance>>> {
        self.instance.load()
    }

    /// The instance, if there is one now.
    pub(crate) fn get_full(&self) -> Option<Arc<Instance>> {
        self.instance.load_full()
    }

    /// The instance, as soon as there is one.
    pub(crate) async fn wait(&self) -> Result<Arc<Instance>, Failure> {
        let mut changes = self.state.subscribe();
        loop {
            // The state first: an instance that is put in after this look is a change that is still to be seen.
            let state = changes.borrow_and_update().clone();
            if let Some(instance) = self.instance.load_full() {
                return Ok(instance);
            }
            match state {
                State::Failed(failure) => return Err(failure),
                State::Stopped => return Err(stopped()),
                State::Ready | State::Unwanted | State::Replacing => {}
            }
            if changes.changed().await.is_err() {
                return Err(stopped());
            }
        }
    }

    /// Whether there will be no instance any more.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(*self.state.borrow(), State::Stopped)
    }

    /// Why there is no instance to call, if calls are refused.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match &*self.state.borrow() {
            State::Failed(failure) => Some(failure.clone()),
            _ => None,
        }
    }

    /// Takes a poisoned instance away. The first to say so is told how long to wait before the place is filled again.
    pub(crate) fn poison(&self, poisoned: &Arc<Instance>) -> Option<Duration> {
        let mut pace = self.lock();
        let there = self.get();
        if !there
            .as_ref()
            .is_some_and(|there| Arc::ptr_eq(there, poisoned))
        {
            return None;
        }
        self.state.send_replace(State::Replacing);
        self.instance.store(None);
        Some(pace.after_panic())
    }

    /// Says why the place could not be filled, and how long to wait before the next try; none where no further one is wanted.
    pub(crate) fn fail(&self, failure: Failure) -> Option<Duration> {
        let mut pace = self.lock();
        if matches!(*self.state.borrow(), State::Stopped) {
            return None;
        }
        let delay = pace.after_failure();
        pace.next_try = Some(Instant::now() + delay);
        self.state.send_replace(State::Failed(failure));
        Some(delay)
    }

    /// Puts a fresh instance in. Gives it back where the place was emptied for good meanwhile.
    pub(crate) fn fill(&self, fresh: Arc<Instance>) -> Option<Arc<Instance>> {
        let mut pace = self.lock();
        if matches!(*self.state.borrow(), State::Stopped) {
            return Some(fresh);
        }
        pace.failures = 0;
        pace.lazy = false;
        self.instance.store(Some(fresh));
        self.state.send_replace(State::Ready);
        None
    }

    /// Empties the place for good, and gives the instance that was there.
    pub(crate) fn empty(&self) -> Option<Arc<Instance>> {
        let _change = self.lock();
        self.state.send_replace(State::Stopped);
        self.instance.swap(None)
    }

    fn lock(&self) -> MutexGuard<'_, Pace> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stopped() -> Failure {
    let failure = Failure::new(failure_kind::UNAVAILABLE, "the plugin is being stopped");
    Failure {
        retryable: true,
        ..failure
    }
}

/// How fast a place is filled again, so that a plugin which panics at every call, or whose `initialize` keeps failing, does not keep the
/// host busy with nothing else.
#[derive(Debug, Default)]
struct Pace {
    /// Panics since the last calm minute.
    panics: u32,
    last_panic: Option<Instant>,
    /// Tries in a row that gave no instance.
    failures: u32,
    /// Whether the place was never filled, and waits for callers to want it.
    lazy: bool,
    /// When a caller may want it again.
    next_try: Option<Instant>,
}

impl Pace {
    /// After so long without a panic they count anew.
    const CALM: Duration = Duration::from_secs(60);
    /// So many panics are made good at once; each further one after this while.
    const AT_ONCE: u32 = 20;
    const STEP: Duration = Duration::from_millis(100);
    /// Tries that fail follow one another ever more slowly, up to this.
    const MOST: Duration = Duration::from_secs(30);

    fn after_panic(&mut self) -> Duration {
        let now = Instant::now();
        if self
            .last_panic
            .is_none_or(|last| now.duration_since(last) > Self::CALM)
        {
            self.panics = 0;
        }
        self.last_panic = Some(now);
        self.panics = self.panics.saturating_add(1);
        if self.panics > Self::AT_ONCE {
            Self::STEP
        } else {
            Duration::ZERO
        }
    }

    fn after_failure(&mut self) -> Duration {
        let delay = Self::STEP.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        delay.min(Self::MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_made_good_at_once_until_they_are_many() {
        let mut pace = Pace::default();
        let delays: Vec<Duration> = (0..22).map(|_| pace.after_panic()).collect();
        assert_eq!(delays[..20], [Duration::ZERO; 20]);
        assert_eq!(delays[20..], [Pace::STEP; 2]);
    }

    #[test]
    fn tries_that_fail_follow_one_another_ever_more_slowly() {
        let mut pace = Pace::default();
        let millis: Vec<u128> = (0..4).map(|_| pace.after_failure().as_millis()).collect();
        assert_eq!(millis, [100, 200, 400, 800]);
        let last = (0..40).map(|_| pace.after_failure()).last();
        assert_eq!(last, Some(Pace::MOST));
    }
}

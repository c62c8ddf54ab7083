//! Leaving out an agent that fails while its peers do not ("outlier ejection", as Envoy calls it).
//!
//! An agent is left out when it failed so many times in a row, or far more often than its peers. It comes back by a trial: once its time is over, one task goes to it, and its end
//! decides. What is counted is what speaks against the agent: not data that does not fit, not tasks that were given up by those who sent them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::ErrorKind;

/// When an agent is left out, and for how long. Never more than half of a route's agents at once: the others would have all of their tasks, and might fail under them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ejection {
    /// After how many failures in a row: 5 unless set. With 0, none is ever left out. One that has failed as often within 10 s, with at least a quarter of at least 20
    /// calls, and in three times as large a part of them as its peers, is left out as well.
    pub after: u32,
    /// For how long, the first time: 10 s unless set. It doubles with each time that the agent fails its trial, or fails again soon.
    pub base: Duration,
    /// For how long at most: 5 min unless set. After as long without being left out, an agent's past is forgotten.
    pub longest: Duration,
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            after: 5,
            base: Duration::from_secs(10),
            longest: Duration::from_secs(300),
        }
    }
}

impl Ejection {
    /// None is ever left out.
    pub const OFF: Self = Self {
        after: 0,
        base: Duration::ZERO,
        longest: Duration::ZERO,
    };

    /// After so many failures in a row, for so long at first and at most.
    #[must_use]
    pub fn new(after: u32, base: Duration, longest: Duration) -> Self {
        Self {
            after,
            base,
            longest,
        }
    }

    /// For how long the agent is left out this time, of `times` in all.
    fn time(&self, times: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(times.saturating_sub(1));
        self.base.saturating_mul(doubled).min(self.longest)
    }
}

/// Whether a failure of that kind speaks against the agent.
pub(crate) fn is_its_fault(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::InvalidInput
            | ErrorKind::NotFound
            | ErrorKind::Cancelled
            | ErrorKind::LoopDetected
            | ErrorKind::NotRunning
    )
}

const WINDOW: Duration = Duration::from_secs(10);
const FEWEST_CALLS: u64 = 20;

/// How an agent does.
#[derive(Debug, Default)]
pub(crate) struct Health {
    in_a_row: AtomicU32,
    out: AtomicBool,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    failures: u64,
    ejections: u64,
    /// How many times of late; what the time grows with.
    times: u32,
    out_until: Option<Instant>,
    /// Whether a task is there to try it.
    on_trial: bool,
    back_since: Option<Instant>,
    window: Option<Window>,
    /// Whether it has left its route: nobody would take it back.
    gone: bool,
}

/// The counts when the window began: what came since is what they grew by.
#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    before: Counts,
}

/// Calls and failures so far, of one agent and of its whole route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) calls: u64,
    pub(crate) failures: u64,
    pub(crate) calls_of_all: u64,
    pub(crate) failures_of_all: u64,
}

/// What a failure led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The agent goes on as before.
    Stays,
    /// It is left out for that long.
    Ejected(Duration),
}

impl Health {
    /// Whether it is left out.
    #[inline]
    pub(crate) fn is_out(&self) -> bool {
        self.out.load(Ordering::Relaxed)
    }

    pub(crate) fn ejections(&self) -> u64 {
        self.lock().ejections
    }

    /// It answered.
    #[inline]
    pub(crate) fn succeeded(&self) {
        if self.in_a_row.load(Ordering::Relaxed) != 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
    }

    /// It failed. `counts` gets the number of its failures before this one; `may_leave` says whether the route can do without it.
    #[cold]
    pub(crate) fn failed(
        &self,
        policy: &Ejection,
        kind: ErrorKind,
        now: Instant,
        counts: impl FnOnce(u64) -> Counts,
        may_leave: impl FnOnce() -> bool,
    ) -> Verdict {
        if policy.after == 0 || !is_its_fault(kind) {
            return Verdict::Stays;
        }
        let mut record = self.lock();
        if record.gone {
            return Verdict::Stays;
        }
        record.failures += 1;
        let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let counts = counts(record.failures);
        let stands_out = record.stands_out(policy, counts, now);
        if self.is_out() || !(in_a_row >= policy.after || stands_out) || !may_leave() {
            return Verdict::Stays;
        }
        if record
            .back_since
            .is_some_and(|back| now - back >= policy.longest)
        {
            record.times = 0;
        }
        self.out.store(true, Ordering::Relaxed);
        Verdict::Ejected(record.eject(policy, now))
    }

    /// Whether the caller is the one to try it, now that its time is over.
    #[cold]
    pub(crate) fn claim_trial(&self, now: Instant) -> bool {
        let mut record = self.lock();
        let due = !record.on_trial && record.out_until.is_some_and(|until| until <= now);
        record.on_trial |= due;
        due
    }

    /// The trial went well, or the agent is gone: true where it was left out until now.
    #[cold]
    pub(crate) fn readmit(&self, now: Instant) -> bool {
        let mut record = self.lock();
        record.on_trial = false;
        record.out_until = None;
        record.back_since = Some(now);
        record.window = None;
        self.in_a_row.store(0, Ordering::Relaxed);
        self.out.swap(false, Ordering::Relaxed)
    }

    /// The agent has left its route: true where it was left out until now.
    pub(crate) fn retire(&self, now: Instant) -> bool {
        self.lock().gone = true;
        self.readmit(now)
    }

    /// When a task may try it; none where one does, or it is not left out.
    #[cold]
    pub(crate) fn trial_at(&self) -> Option<Instant> {
        let record = self.lock();
        record.out_until.filter(|_| !record.on_trial)
    }

    /// The trial failed; where nobody waited for its end, the next task is one.
    #[cold]
    pub(crate) fn trial_failed(&self, policy: &Ejection, kind: ErrorKind, now: Instant) -> Verdict {
        let mut record = self.lock();
        record.on_trial = false;
        if !is_its_fault(kind) || !self.is_out() {
            return Verdict::Stays;
        }
        record.failures += 1;
        Verdict::Ejected(record.eject(policy, now))
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn eject(&mut self, policy: &Ejection, now: Instant) -> Duration {
        self.ejections += 1;
        self.times = self.times.saturating_add(1);
        let time = policy.time(self.times);
        self.out_until = now.checked_add(time);
        self.window = None;
        time
    }

    /// Whether it fails far more often than its peers.
    fn stands_out(&mut self, policy: &Ejection, counts: Counts, now: Instant) -> bool {
        let Some(Window { before, .. }) = self.window.filter(|window| now - window.began < WINDOW)
        else {
            self.window = Some(Window {
                began: now,
                before: counts,
            });
            return false;
        };
        let calls = counts.calls.saturating_sub(before.calls);
        let failures = counts.failures.saturating_sub(before.failures);
        let others = counts
            .calls_of_all
            .saturating_sub(before.calls_of_all)
            .saturating_sub(calls);
        let theirs = counts
            .failures_of_all
            .saturating_sub(before.failures_of_all)
            .saturating_sub(failures);
        calls >= FEWEST_CALLS
            && failures >= u64::from(policy.after)
            && 4 * failures >= calls
            && u128::from(failures) * u128::from(others)
                >= 3 * u128::from(theirs) * u128::from(calls)
            && others > 0
    }
}

#[cfg(test)]
mod tests;

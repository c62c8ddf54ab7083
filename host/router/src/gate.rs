//! What a route keeps while its agents and its policy are exchanged: its name, its places, whose
//! turn it is, and its count of retries. A task that waits for a place waits here, and so survives
//! every exchange.
//!
//! Taking a place and giving it back is one atomic operation each while nobody waits: a plain
//! semaphore locks its queue at every return, which two threads on one route would feel. So the
//! free places are a number, which goes below 0 by the tasks that wait, and a semaphore without
//! places of its own only hands places over. What holds at every moment:
//!
//! > tasks waiting = `max(0, -free)` + places in the semaphore

use std::sync::atomic::{AtomicIsize, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::RoutePolicy;
use crate::metrics::Meter;
use crate::policy::Spent;

/// A route's places, given out in the order they were asked for, and what is counted of it.
#[derive(Debug)]
#[repr(C)] // What every call writes stands together, in one cache line as a rule.
pub(crate) struct Gate {
    free: AtomicIsize,
    turn: AtomicUsize,
    /// How many tasks were begun, those that wait among them.
    begun: AtomicU64,
    /// Places that are taken and go when they are given back: the limit was lowered meanwhile.
    owed: AtomicUsize,
    /// How many of its agents are left out.
    out: AtomicUsize,
    name: Arc<str>,
    /// How many agents it has.
    crew: AtomicUsize,
    handed_over: Semaphore,
    /// How many tasks wait for an agent that has no room.
    wanting: AtomicUsize,
    /// Tells them that one may have.
    room: Notify,
    pub(crate) meter: Meter,
    pub(crate) figures: Figures,
    spent: Mutex<Spent>,
    /// For whoever has the gate and no table: what a call does after it has begun.
    policy: ArcSwap<RoutePolicy>,
}

/// What is counted on the path of failures alone.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) retries: AtomicU64,
    pub(crate) retries_refused: AtomicU64,
    pub(crate) fallbacks: AtomicU64,
    pub(crate) rejected: AtomicU64,
    /// Attempts that failed, of agents that are gone too.
    pub(crate) failed_attempts: AtomicU64,
}

impl Figures {
    pub(crate) fn count_rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_fallback(&self) {
        self.fallbacks.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failed_attempt(&self) {
        self.failed_attempts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed_attempts(&self) -> u64 {
        self.failed_attempts.load(Ordering::Relaxed)
    }
}

/// Why no place was given.
#[derive(Debug)]
pub(crate) enum NoPlace {
    /// The route is gone: look for it anew.
    Closed,
    /// Too many wait.
    QueueFull,
}

impl Gate {
    pub(crate) fn new(name: Arc<str>, policy: Arc<RoutePolicy>) -> Self {
        Self {
            free: AtomicIsize::new(within_bounds(policy.max_concurrent).cast_signed()),
            turn: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            owed: AtomicUsize::new(0),
            out: AtomicUsize::new(0),
            name,
            crew: AtomicUsize::new(0),
            handed_over: Semaphore::new(0),
            wanting: AtomicUsize::new(0),
            room: Notify::new(),
            meter: Meter::default(),
            figures: Figures::default(),
            spent: Mutex::default(),
            policy: ArcSwap::new(policy),
        }
    }

    /// The route's policy of this moment.
    pub(crate) fn policy(&self) -> Guard<Arc<RoutePolicy>> {
        self.policy.load()
    }

    pub(crate) fn set_policy(&self, policy: Arc<RoutePolicy>) {
        self.policy.store(policy);
    }

    /// Counts a task; gives how many there were before.
    #[inline]
    pub(crate) fn count_task(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed)
    }

    /// How many tasks were begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// How many tasks wait for a place, or for an agent that has room.
    pub(crate) fn waiting(&self) -> usize {
        let free = self.free.load(Ordering::Relaxed);
        free.min(0).unsigned_abs()
            + self.handed_over.available_permits()
            + self.wanting.load(Ordering::Relaxed)
    }

    /// Takes one retry from the budget; false, and counted, where nothing is left.
    pub(crate) fn spend_retry(&self) -> bool {
        let (tasks, budget) = (self.begun(), self.policy().retry_budget);
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let left = spent.spend(budget, tasks, Instant::now());
        drop(spent);
        if !left {
            self.figures.retries_refused.fetch_add(1, Ordering::Relaxed);
        }
        left
    }

    /// Whether none of its agents is left out.
    #[inline]
    pub(crate) fn none_is_out(&self) -> bool {
        self.out.load(Ordering::Relaxed) == 0
    }

    /// How many agents the route has from now on.
    pub(crate) fn set_crew(&self, agents: usize) {
        self.crew.store(agents, Ordering::Relaxed);
    }

    /// Leaves an agent out, unless half of them are left out already: agents that are merely overloaded fail too, and would follow each other.
    pub(crate) fn leave_out(&self) -> bool {
        let crew = self.crew.load(Ordering::Relaxed);
        self.out
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |out| {
                (2 * (out + 1) <= crew).then_some(out + 1)
            })
            .is_ok()
    }

    /// One that was left out is back, or gone for good.
    pub(crate) fn take_back(&self) {
        self.out.fetch_sub(1, Ordering::Relaxed);
    }

    /// Ends when an agent may have room, from now on; the guard says that somebody waits for it.
    pub(crate) fn next_room(&self) -> (Wanting<'_>, Notified<'_>) {
        self.wanting.fetch_add(1, Ordering::SeqCst);
        (Wanting(self), self.room.notified())
    }

    /// An agent has room.
    #[inline]
    pub(crate) fn has_room(&self) {
        if self.wanting.load(Ordering::SeqCst) > 0 {
            self.room.notify_waiters();
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The counter that strategies take turns by.
    pub(crate) fn turn(&self) -> &AtomicUsize {
        &self.turn
    }

    /// Fails where no place is free or somebody waits already.
    pub(crate) fn try_enter(&self) -> Option<Place<'_>> {
        (self.take(1) == 1).then(|| Place(self))
    }

    /// Waits for a place, unless `most` wait already.
    pub(crate) async fn enter(&self, most: usize) -> Result<Place<'_>, NoPlace> {
        let deepest = -most.min(Semaphore::MAX_PERMITS).cast_signed();
        let entered = self
            .free
            .try_update(Ordering::AcqRel, Ordering::Relaxed, |free| {
                (free > deepest).then(|| free - 1)
            });
        match entered {
            Ok(free) if free > 0 => return Ok(Place(self)),
            Ok(_) => {}
            Err(_) => return Err(NoPlace::QueueFull),
        }
        let queued = Queued(self);
        let closed = |_| NoPlace::Closed;
        let permit = self.handed_over.acquire().await.map_err(closed)?;
        permit.forget();
        std::mem::forget(queued);
        Ok(Place(self))
    }

    /// Gives back a place that was [kept](Place::keep).
    pub(crate) fn leave(&self) {
        if self.owed.load(Ordering::Relaxed) == 0 || self.pay(1) == 0 {
            self.give(1);
        }
    }

    /// Changes the number of places. Nobody loses the place they have. Not to be called by two at
    /// the same time.
    pub(crate) fn resize(&self, from: usize, to: usize) {
        let (from, to) = (within_bounds(from), within_bounds(to));
        if to > from {
            let more = to - from;
            self.give(more - self.pay(more));
        }
        if to < from {
            let fewer = from - to;
            self.owed
                .fetch_add(fewer - self.take(fewer), Ordering::Relaxed);
        }
    }

    /// Sends everybody away who waits or will. Places can still be taken while some are free.
    pub(crate) fn close(&self) {
        self.handed_over.close();
    }

    fn give(&self, places: usize) {
        let before = self.free.fetch_add(places.cast_signed(), Ordering::AcqRel);
        if before < 0 {
            self.handed_over
                .add_permits(places.min(before.unsigned_abs()));
        }
    }

    /// Lowers what is owed by up to `places`; gives how much.
    fn pay(&self, places: usize) -> usize {
        let lowered = self
            .owed
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |owed| {
                (owed > 0).then(|| owed.saturating_sub(places))
            });
        lowered.map_or(0, |owed| owed.min(places))
    }

    /// Takes up to `places` that are free; gives how many.
    fn take(&self, places: usize) -> usize {
        let taken = |free: isize| places.min(free.max(0).unsigned_abs());
        self.free
            .try_update(Ordering::AcqRel, Ordering::Relaxed, |free| {
                (free > 0).then(|| free - taken(free).cast_signed())
            })
            .map_or(0, taken)
    }

    fn raise_free_while_waited_for(&self) -> bool {
        self.free
            .try_update(Ordering::AcqRel, Ordering::Relaxed, |free| {
                (free < 0).then(|| free + 1)
            })
            .is_ok()
    }
}

/// Somebody waits for room with an agent.
pub(crate) struct Wanting<'a>(&'a Gate);

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        self.0.wanting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Gate);

impl Place<'_> {
    /// Keeps the place beyond the borrow; [`Gate::leave`] gives it back.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// A task that waits. One that is dropped either was not handed a place yet, and is one less to
/// wait, or was, and hands it on.
struct Queued<'a>(&'a Gate);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let gate = self.0;
        loop {
            if gate.raise_free_while_waited_for() || gate.handed_over.is_closed() {
                return;
            }
            if let Ok(permit) = gate.handed_over.try_acquire() {
                permit.forget();
                gate.leave();
                return;
            }
            // Between the two halves of somebody's `give`.
            std::thread::yield_now();
        }
    }
}

fn within_bounds(max_concurrent: usize) -> usize {
    max_concurrent.clamp(1, Semaphore::MAX_PERMITS)
}

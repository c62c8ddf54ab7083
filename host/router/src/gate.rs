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

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Semaphore;

/// A route's places, given out in the order they were asked for.
#[derive(Debug)]
#[repr(C)] // What every call writes stands together, in one cache line as a rule.
pub(crate) struct Gate {
    free: AtomicIsize,
    turn: AtomicUsize,
    /// Places that are taken and go when they are given back: the limit was lowered meanwhile.
    owed: AtomicUsize,
    name: Arc<str>,
    handed_over: Semaphore,
    retries: AtomicU64,
}

/// The route is gone: look for it anew.
#[derive(Debug)]
pub(crate) struct Closed;

impl Gate {
    pub(crate) fn new(name: Arc<str>, max_concurrent: usize) -> Self {
        Self {
            free: AtomicIsize::new(within_bounds(max_concurrent).cast_signed()),
            turn: AtomicUsize::new(0),
            owed: AtomicUsize::new(0),
            name,
            handed_over: Semaphore::new(0),
            retries: AtomicU64::new(0),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The counter that strategies take turns by.
    pub(crate) fn turn(&self) -> &AtomicUsize {
        &self.turn
    }

    pub(crate) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Fails where no place is free or somebody waits already.
    pub(crate) fn try_enter(&self) -> Option<Place<'_>> {
        (self.take(1) == 1).then(|| Place(self))
    }

    /// Waits for a place.
    pub(crate) async fn enter(&self) -> Result<Place<'_>, Closed> {
        if self.free.fetch_sub(1, Ordering::AcqRel) > 0 {
            return Ok(Place(self));
        }
        let queued = Queued(self);
        let permit = self.handed_over.acquire().await.map_err(|_| Closed)?;
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

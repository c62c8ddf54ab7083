//! An agent in its place on a route, with the number of tasks it has under way, and how it does.

use std::sync::Arc;
use std::time::Duration;

use crate::gate::Gate;
use crate::lifecycle::Lifecycle;
use crate::metrics::{AgentMetrics, Meter};
use crate::policy::Health;
use crate::strategy::sticky;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use crate::{Agent, AgentId, AgentInfo, Task};

/// It begins all tasks.
const OPEN: u8 = 0;
/// It begins those that are nested in one that was begun before it was held; others wait.
const HELD: u8 = 1;
/// All wait.
const SHUT: u8 = 2;
/// It begins none any more: another agent is to be chosen.
const RETIRED: u8 = 3;

/// What an agent does with a task that comes to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Begins,
    Waits,
    Elsewhere,
}

/// An agent on a route.
#[repr(C)] // What every call writes, and every choice reads, stands together.
pub(crate) struct Member {
    in_flight: AtomicUsize,
    /// How many attempts it got.
    begun: AtomicU64,
    /// How long its calls take of late, in nanoseconds; 0 where nobody knows.
    latency: AtomicU64,
    /// How many tasks it works on at a time.
    limit: AtomicUsize,
    /// What one task under way counts for, when agents of other weights are compared with it.
    share: u64,
    /// Which tasks it begins: one of the constants below. A task counts itself *before* it looks here, and whoever waits for the last task says so
    /// here *before* the count is looked at, both sequentially consistent: one of them sees the other.
    door: AtomicU8,
    /// Whether the tasks that it has under way are given up.
    cut: AtomicBool,
    pub(crate) health: Health,
    /// What is held: tasks that were not begun before that.
    held_since: AtomicU64,
    pub(crate) gate: Arc<Gate>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) id: AgentId,
    pub(crate) info: AgentInfo,
    /// What it is known by in a route's agents, whatever its registration: its name, and which of those that have it.
    pub(crate) identity: u64,
    /// Which of the agents of its name it is.
    pub(crate) ordinal: usize,
    pub(crate) meter: Meter,
    /// How many tasks that failed here were tried again.
    retries: AtomicU64,
    /// How many that failed here in the end got the fallback.
    fallbacks: AtomicU64,
}

/// What the first call counts as that fails.
const AT_LEAST: Duration = Duration::from_millis(100);
const MOST_WEIGHT: u32 = 1_000;
/// Divisible by many weights, so that few shares are rounded.
const WHOLE: u64 = 720_720 * 64;

impl Member {
    pub(crate) fn new(
        agent: Arc<dyn Agent>,
        info: AgentInfo,
        ordinal: usize,
        gate: Arc<Gate>,
        lifecycle: Arc<Lifecycle>,
    ) -> Self {
        let weight = info.weight.clamp(1, MOST_WEIGHT);
        Self {
            in_flight: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            limit: AtomicUsize::new(usize::MAX),
            share: WHOLE / u64::from(weight),
            door: AtomicU8::new(OPEN),
            cut: AtomicBool::new(false),
            health: Health::default(),
            held_since: AtomicU64::new(0),
            identity: sticky::identity(&info.name, ordinal),
            ordinal,
            gate,
            lifecycle,
            agent,
            id: AgentId::fresh(),
            info,
            meter: Meter::default(),
            retries: AtomicU64::new(0),
            fallbacks: AtomicU64::new(0),
        }
    }

    /// How much of the route's tasks it gets, beside the others.
    pub(crate) fn weight(&self) -> u32 {
        self.info.weight.clamp(1, MOST_WEIGHT)
    }

    /// Has it work on as many tasks at a time as it wants, and its route allows.
    pub(crate) fn set_limit(&self, of_route: Option<usize>) {
        let limits = [of_route, self.info.max_concurrent].into_iter().flatten();
        let limit = limits.min().map_or(usize::MAX, |limit| limit.max(1));
        self.limit.store(limit, Ordering::SeqCst);
    }

    /// Whether its tasks are limited at all.
    pub(crate) fn is_limited(&self) -> bool {
        self.limit() != usize::MAX
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::SeqCst)
    }

    /// Whether it has no room for another task.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.in_flight() >= self.limit()
    }

    /// How busy it is, by its weight.
    #[inline]
    pub(crate) fn load(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed) as u64 * self.share
    }

    /// How long its calls take of late; none where that is not known.
    pub(crate) fn latency(&self) -> Option<Duration> {
        let nanos = self.latency.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    /// A power of two for how long its calls take of late: agents that take about as long have the same. 0 where that is not known.
    #[inline]
    pub(crate) fn pace(&self) -> u32 {
        u64::BITS - self.latency.load(Ordering::Relaxed).leading_zeros()
    }

    /// A call took so long. Of late means: the last eight or so.
    #[cold]
    pub(crate) fn took(&self, time: Duration) {
        self.meter.took(time);
        self.counts_as(time);
    }

    /// A call failed after so long. For the choice among agents it counts as slower than those of late: who refuses at once must not seem the fastest.
    #[cold]
    pub(crate) fn failed_after(&self, time: Duration) {
        self.meter.took(time);
        let least = self.latency().map_or(AT_LEAST, |latency| latency * 2);
        self.counts_as(time.max(least));
    }

    #[cold]
    fn counts_as(&self, time: Duration) {
        let new = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1);
        let old = self.latency.load(Ordering::Relaxed);
        // One that another thread puts in meanwhile is lost: it is one of many.
        let mixed = if old == 0 {
            new
        } else {
            old - old / 8 + new / 8
        };
        self.latency.store(mixed.max(1), Ordering::Relaxed);
    }

    /// Counts an attempt; gives how many there were before.
    #[inline]
    pub(crate) fn count_attempt(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// One more task; gives how many there were before.
    #[inline]
    pub(crate) fn enter(&self) -> usize {
        self.in_flight.fetch_add(1, Ordering::SeqCst)
    }

    /// One task less.
    #[inline]
    pub(crate) fn leave(&self) {
        let before = self.in_flight.fetch_sub(1, Ordering::SeqCst);
        // One that was too many makes no room by going.
        if before == self.limit() {
            self.gate.has_room();
        }
        self.lifecycle.one_less();
    }

    /// A task that failed here is tried again.
    #[cold]
    pub(crate) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// A task that failed here in the end gets the fallback.
    #[cold]
    pub(crate) fn count_fallback(&self) {
        self.fallbacks.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn metrics(&self) -> AgentMetrics {
        AgentMetrics {
            id: self.id.get(),
            name: self.info.name.to_string(),
            owner: self.info.owner.as_deref().map(str::to_owned),
            calls: self.attempts(),
            errors: self.meter.errors(),
            retries: self.retries.load(Ordering::Relaxed),
            fallbacks: self.fallbacks.load(Ordering::Relaxed),
            under_way: self.in_flight(),
            ejected: self.health.is_out(),
            ejections: self.health.ejections(),
            latency: self.meter.latency(),
        }
    }

    /// To be called once the table has it no more.
    pub(crate) fn retire(&self) {
        self.door.store(RETIRED, Ordering::SeqCst);
    }

    /// Has tasks wait, but those that are nested in one begun before.
    pub(crate) fn hold(&self, since: u64) {
        self.held_since.store(since, Ordering::SeqCst);
        self.turn_from(OPEN, HELD);
    }

    /// Has all tasks wait, once it was held.
    pub(crate) fn shut(&self) {
        self.turn_from(HELD, SHUT);
    }

    /// Begins nested tasks once more, where all waited.
    pub(crate) fn hold_again(&self) {
        self.turn_from(SHUT, HELD);
    }

    /// Takes tasks again, unless it was retired.
    pub(crate) fn release(&self) {
        self.cut.store(false, Ordering::SeqCst);
        self.turn_from(HELD, OPEN);
        self.turn_from(SHUT, OPEN);
    }

    fn turn_from(&self, from: u8, to: u8) {
        let _ = self
            .door
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    }

    pub(crate) fn admission(&self, task: &Task) -> Admission {
        match self.door.load(Ordering::SeqCst) {
            OPEN => Admission::Begins,
            HELD if task.is_nested() && task.begun() < self.held_since.load(Ordering::SeqCst) => {
                Admission::Begins
            }
            HELD | SHUT => Admission::Waits,
            _ => Admission::Elsewhere,
        }
    }

    /// Gives up what is under way; whoever waits for it has to be woken.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }
}

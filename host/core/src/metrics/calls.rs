//! Counting a plugin's calls, at a price that its fastest call does not feel.
//!
//! One counter for all threads would be the most contended word of a busy plugin, and two looks at the clock cost more than a plain handler's whole call. So
//! each thread counts in a shard of its own, as a rule, and of the calls that are answered at once one in 64 is timed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use agentsys_router::{ErrorKind, Sketch};

use super::CallMetrics;

/// The calls of one plugin.
#[derive(Debug, Default)]
pub(crate) struct CallMeter {
    shards: [Shard; SHARDS],
    errors: [AtomicU64; KINDS.len()],
    latency: Sketch,
    /// Whether successes are counted.
    watched: AtomicBool,
    successes: AtomicU64,
}

const SHARDS: usize = 8;
const TIMED_ONE_IN: u64 = 64;

/// Alone in its cache lines: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(AtomicU64);

/// When a call began, if it is timed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timer(Option<Instant>);

impl CallMeter {
    /// Counts a call that begins.
    #[inline]
    pub(crate) fn begin(&self) -> Timer {
        let before = self.shards[shard()].0.fetch_add(1, Ordering::Relaxed);
        Timer(before.is_multiple_of(TIMED_ONE_IN).then(Instant::now))
    }

    /// A call that was answered well.
    #[inline]
    pub(crate) fn answered(&self, timer: Timer) {
        if self.watched.load(Ordering::Relaxed) {
            self.successes.fetch_add(1, Ordering::Relaxed);
        }
        self.ended(timer);
    }

    /// How many calls were answered well since this was asked for the first time: before that, nobody needs to know, and nobody counts.
    pub(crate) fn successes(&self) -> u64 {
        self.watched.store(true, Ordering::Relaxed);
        self.successes.load(Ordering::Relaxed)
    }

    #[inline]
    fn ended(&self, timer: Timer) {
        if let Timer(Some(began)) = timer {
            self.took(began);
        }
    }

    /// A call whose answer comes later is timed from here, if it is not yet.
    pub(crate) fn later(timer: Timer) -> Timer {
        Timer(Some(timer.0.unwrap_or_else(Instant::now)))
    }

    /// A call that failed.
    #[cold]
    pub(crate) fn failed(&self, timer: Timer, kind: ErrorKind) {
        self.ended(timer);
        if let Some(at) = KINDS.iter().position(|known| *known == kind) {
            self.errors[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn snapshot(&self) -> CallMetrics {
        let calls = self
            .shards
            .iter()
            .map(|shard| shard.0.load(Ordering::Relaxed));
        let errors = KINDS.iter().zip(&self.errors);
        let errors: BTreeMap<&'static str, u64> = errors
            .map(|(kind, count)| (kind.as_str(), count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect();
        CallMetrics {
            calls: calls.sum(),
            errors,
            latency: self.latency.summary(),
        }
    }

    #[cold]
    fn took(&self, began: Instant) {
        self.latency.add(began.elapsed().as_secs_f64());
    }
}

const KINDS: [ErrorKind; 11] = ErrorKind::ALL;

/// The shard in which this thread counts.
#[inline]
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    let mine = MINE.get();
    if mine < SHARDS {
        return mine;
    }
    let mine = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    MINE.set(mine);
    mine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_many_threads_are_all_counted_and_some_timed() {
        let meter = CallMeter::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let timer = meter.begin();
                        meter.answered(timer);
                    }
                });
            }
        });
        let figures = meter.snapshot();
        assert_eq!(figures.calls, 4_000);
        assert!((62..=71).contains(&figures.latency.count), "{figures:?}");
    }

    #[test]
    fn successes_are_counted_once_somebody_asks_for_them() {
        let meter = CallMeter::default();
        meter.answered(meter.begin());
        assert_eq!(meter.successes(), 0);
        meter.answered(meter.begin());
        meter.failed(meter.begin(), ErrorKind::Failed);
        assert_eq!(meter.successes(), 1);
    }

    #[test]
    fn errors_are_counted_by_kind_and_what_comes_later_is_always_timed() {
        let meter = CallMeter::default();
        for kind in KINDS {
            let timer = CallMeter::later(meter.begin());
            meter.failed(timer, kind);
        }
        let figures = meter.snapshot();
        assert_eq!(figures.errors.len(), KINDS.len());
        assert!(figures.errors.values().all(|count| *count == 1));
        assert_eq!(figures.latency.count, 11);
    }
}

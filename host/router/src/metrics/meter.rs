//! The figures of one route or one agent that are not on the path of a call that is answered well.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Summary;
use super::sketch::Sketch;
use crate::ErrorKind;

/// Of calls that are answered at once, one in so many is timed: a prime, so that agents which take turns are all timed.
pub(crate) const TIMED_ONE_IN: u64 = 61;

const KINDS: [ErrorKind; ErrorKind::ALL.len()] = ErrorKind::ALL;

/// Errors by kind, and how long calls took.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    errors: [AtomicU64; KINDS.len()],
    /// Large, and not needed by whom nobody calls.
    latency: OnceLock<Box<Sketch>>,
}

impl Meter {
    #[cold]
    pub(crate) fn failed(&self, kind: ErrorKind) {
        if let Some(at) = KINDS.iter().position(|known| *known == kind) {
            self.errors[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    #[cold]
    pub(crate) fn took(&self, time: Duration) {
        self.latency
            .get_or_init(Box::default)
            .add(time.as_secs_f64());
    }

    pub(crate) fn errors(&self) -> BTreeMap<&'static str, u64> {
        let counts = KINDS.iter().zip(&self.errors);
        counts
            .map(|(kind, count)| (kind.as_str(), count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    pub(crate) fn latency(&self) -> Summary {
        let latency = self.latency.get();
        latency.map_or_else(Summary::default, |sketch| sketch.summary())
    }
}

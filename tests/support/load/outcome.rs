//! What became of a run's tasks.

use std::fmt;
use std::time::Duration;

/// Of all tasks, from when each came to its end, answered or failed: an error after a long wait has cost its caller the wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) tasks: usize,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) errors: usize,
}

impl Outcome {
    pub(super) fn of(mut ends: Vec<(Duration, bool)>) -> Self {
        ends.sort_unstable();
        let quantile = |per_mille: usize| {
            let at = (ends.len() * per_mille).div_ceil(1000).max(1) - 1;
            ends[at].0
        };
        Self {
            tasks: ends.len(),
            p50: quantile(500),
            p99: quantile(990),
            errors: ends.iter().filter(|(_, well)| !well).count(),
        }
    }

    /// Of a hundred tasks.
    pub(crate) fn percent_errors(&self) -> f64 {
        100.0 * self.errors as f64 / self.tasks as f64
    }
}

/// As a cell of the table.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [self.p50, self.p99].map(|time| time.as_secs_f64() * 1e3);
        write!(f, "{p50:.0} / {p99:.0} / {:.2}", self.percent_errors())
    }
}

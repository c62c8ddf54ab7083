//! How long to wait before another attempt: ever longer, so that an agent in trouble gets time, and
//! never the same for two tasks, so that those which failed together do not come back together.

use std::time::Duration;

use crate::seed::scatter;

/// The wait before a retry: a random time up to a bound that doubles with each ("full jitter").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The bound before the first retry: 50 ms unless set.
    pub first: Duration,
    /// What the bound does not go beyond: 1 s unless set.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(50),
            longest: Duration::from_secs(1),
        }
    }
}

impl Backoff {
    /// Waits up to `first` before the first retry, and never longer than `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The wait after so many attempts of a task.
    pub(crate) fn pause(&self, attempts: u32, task: u64) -> Duration {
        let bound = self.bound(attempts).as_nanos();
        let share = u128::from(scatter((task, attempts)));
        // Beyond what 64 bits hold of nanoseconds lie centuries.
        let nanos = (bound.min(u128::from(u64::MAX)) * share) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn bound(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_from_50_ms_up_to_a_second() {
        let backoff = Backoff::default();
        let bounds =
            [1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|attempts| backoff.bound(attempts).as_millis());
        assert_eq!(bounds, [50, 100, 200, 400, 800, 1000, 1000, 1000]);
    }

    #[test]
    fn waits_are_spread_over_the_whole_of_their_range() {
        let backoff = Backoff::default();
        for attempts in 1..=7 {
            let bound = backoff.bound(attempts);
            let mut tenths = [0; 10];
            for task in 0..10_000 {
                let pause = backoff.pause(attempts, task);
                assert!(pause <= bound, "{pause:?} of {bound:?}");
                tenths[((pause.as_nanos() * 10 / bound.as_nanos()) as usize).min(9)] += 1;
            }
            assert!(
                tenths.iter().all(|count| (700..1300).contains(count)),
                "{tenths:?}"
            );
        }
    }

    #[test]
    fn no_wait_is_asked_for_and_none_is_made() {
        let backoff = Backoff::new(Duration::ZERO, Duration::MAX);
        assert_eq!(backoff.pause(7, 1), Duration::ZERO);
        assert!(Backoff::new(Duration::MAX, Duration::MAX).pause(7, 1) < Duration::MAX);
    }
}

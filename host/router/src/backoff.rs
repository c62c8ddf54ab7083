//! How long to wait before another attempt: ever longer, so that an agent in trouble gets time, and
//! never the same for two tasks, so that those which failed together do not come back together.

use std::time::Duration;

use crate::seed::scatter;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// The wait after so many attempts of a task: anything up to a bound that doubles each time ("full
/// jitter").
pub(crate) fn pause(attempts: u32, task: u64) -> Duration {
    let bound = bound(attempts).as_nanos();
    let share = u128::from(scatter((task, attempts)));
    let nanos = ((bound + 1) * share) >> 64;
    Duration::from_nanos(u64::try_from(nanos).expect("the longest wait is a second"))
}

fn bound(attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    FIRST.saturating_mul(doubled).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_from_50_ms_up_to_a_second() {
        let bounds = [1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|attempts| bound(attempts).as_millis());
        assert_eq!(bounds, [50, 100, 200, 400, 800, 1000, 1000, 1000]);
    }

    #[test]
    fn waits_are_spread_over_the_whole_of_their_range() {
        for attempts in 1..=7 {
            let bound = bound(attempts);
            let mut tenths = [0; 10];
            for task in 0..10_000 {
                let pause = pause(attempts, task);
                assert!(pause <= bound, "{pause:?} of {bound:?}");
                tenths[((pause.as_nanos() * 10 / bound.as_nanos()) as usize).min(9)] += 1;
            }
            assert!(
                tenths.iter().all(|count| (700..1300).contains(count)),
                "{tenths:?}"
            );
        }
    }
}

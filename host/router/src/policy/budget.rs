//! How many retries a route allows, whatever its tasks ask for.
//!
//! A retry helps where a failure passes. Where a whole route is in trouble, each task that is tried three times makes it worse: three times the load on agents that cannot carry one. A
//! limit for each task does not help against that, a budget for all of them does, as `tower` argues: retries may be a share of the tasks, and a few a second besides, so that a quiet
//! route retries too.
//!
//! `tower` books each task in its budget. Here a task books nothing: the route counts its tasks anyway, and only a retry looks at that count and at the clock.

use std::time::Duration;

use tokio::time::Instant;

/// How many retries there may be, all tasks of a route together.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RetryBudget {
    /// Retries as a share of the tasks that were begun in the last 10 s: 0.2 unless set.
    pub ratio: f64,
    /// So many retries a second besides, taken over the last 10 s: 10 unless set.
    pub min_per_second: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self {
            ratio: 0.2,
            min_per_second: 10,
        }
    }
}

impl RetryBudget {
    /// A share of the tasks, and so many a second besides.
    #[must_use]
    pub const fn new(ratio: f64, min_per_second: u32) -> Self {
        Self {
            ratio,
            min_per_second,
        }
    }
}

const SLOTS: usize = 10;
const SLOT: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(SLOTS as u64);

/// What was spent of a route's budget.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// The latest last; none is older than the window, but for the first.
    slots: Vec<Slot>,
}

/// Retries within a second, and how many tasks there had been when it began.
#[derive(Debug, Clone, Copy)]
struct Slot {
    began: Instant,
    tasks: u64,
    retries: u64,
}

impl Spent {
    /// Takes one retry from the budget, of which `tasks` were begun so far in all; false where nothing is left.
    pub(crate) fn spend(&mut self, budget: RetryBudget, tasks: u64, now: Instant) -> bool {
        self.forget(now);
        if self
            .slots
            .last()
            .is_none_or(|slot| now - slot.began >= SLOT)
        {
            self.slots.push(Slot {
                began: now,
                tasks,
                retries: 0,
            });
        }
        let retries: u64 = self
            .slots
            .iter()
            .filter(|slot| now - slot.began < WINDOW)
            .map(|slot| slot.retries)
            .sum();
        let reserve = u64::from(budget.min_per_second) * SLOTS as u64;
        let share = budget.ratio.max(0.0) * self.tasks_in_window(tasks, now);
        let left = (retries as f64) < reserve as f64 + share;
        if left && let Some(slot) = self.slots.last_mut() {
            slot.retries += 1;
        }
        left
    }

    /// What was begun within the window. Nobody looked at its very beginning: where the last look before lies further back, tasks are taken to have come evenly since.
    fn tasks_in_window(&self, tasks: u64, now: Instant) -> f64 {
        let Some(first) = self.slots.first() else {
            return 0.0;
        };
        let since = tasks.saturating_sub(first.tasks) as f64;
        let ago = now - first.began;
        // The task itself was begun before the first look.
        since * (WINDOW.as_secs_f64() / ago.as_secs_f64().max(WINDOW.as_secs_f64())) + 1.0
    }

    /// Keeps of what lies before the window the latest look alone.
    fn forget(&mut self, now: Instant) {
        let old = self
            .slots
            .partition_point(|slot| now - slot.began >= WINDOW);
        self.slots.drain(..old.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What happens after so many milliseconds: tasks come, and retries are asked for.
    fn steps() -> impl Strategy<Value = Vec<(u64, u64, usize)>> {
        prop::collection::vec((0..1_000_u64, 0..50_u64, 1..40_usize), 1..150)
    }

    proptest! {
        #[test]
        fn no_span_has_more_retries_than_the_budget_and_what_it_has_is_given(
            steps in steps(),
            ratio in 0.0..1.0_f64,
            min_per_second in 0..5_u32,
        ) {
            let (mut spent, budget) = (Spent::default(), RetryBudget::new(ratio, min_per_second));
            let (mut now, mut tasks) = (Instant::now(), 0);
            let (mut came, mut given) = (Vec::new(), Vec::new());
            let reserve = u64::from(min_per_second) * SLOTS as u64;
            for (gap, more, wanted) in steps {
                now += Duration::from_millis(gap);
                tasks += more;
                came.push((now, more));
                for _ in 0..wanted {
                    let left = spent.spend(budget, tasks, now);
                    let within = |span: Duration| given.iter().filter(|at| now - **at < span).count() as u64;
                    if !left {
                        prop_assert!(within(WINDOW) >= reserve, "{} given", within(WINDOW));
                        break;
                    }
                    // Retries are forgotten, and tasks counted, by the second.
                    let lately = came.iter().filter(|(at, _)| now - *at <= WINDOW + 2 * SLOT);
                    let lately: u64 = lately.map(|(_, tasks)| tasks).sum();
                    let most = reserve as f64 + ratio * (lately + 1) as f64;
                    prop_assert!((within(WINDOW - SLOT) as f64) < most, "{} given, {most} due", within(WINDOW - SLOT));
                    given.push(now);
                }
            }
        }
    }

    fn spend(spent: &mut Spent, budget: RetryBudget, tasks: u64, now: Instant) -> usize {
        std::iter::repeat_with(|| spent.spend(budget, tasks, now))
            .take(10_000)
            .take_while(|left| *left)
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_route_has_its_retries_a_second_and_gets_them_back() {
        let (mut spent, budget) = (Spent::default(), RetryBudget::new(0.0, 10));
        assert_eq!(spend(&mut spent, budget, 0, Instant::now()), 100);
        tokio::time::advance(WINDOW - Duration::from_millis(1)).await;
        assert_eq!(spend(&mut spent, budget, 0, Instant::now()), 0);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(spend(&mut spent, budget, 0, Instant::now()), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_route_has_a_share_of_its_tasks() {
        let (mut spent, budget) = (Spent::default(), RetryBudget::new(0.2, 0));
        // The first look finds no tasks since a look before.
        assert_eq!(spend(&mut spent, budget, 1_000, Instant::now()), 1);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(spend(&mut spent, budget, 2_000, Instant::now()), 200);
        tokio::time::advance(Duration::from_secs(60)).await;
        // 6,000 in a minute are 1,000 in the window.
        let spent = spend(&mut spent, budget, 8_000, Instant::now());
        assert!((185..=201).contains(&spent), "{spent}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_budget_is_no_retry() {
        assert!(!Spent::default().spend(RetryBudget::new(0.0, 0), 1_000, Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn however_long_it_goes_on_little_is_kept() {
        let mut spent = Spent::default();
        for second in 0..1_000 {
            spent.spend(RetryBudget::default(), second, Instant::now());
            tokio::time::advance(Duration::from_millis(700)).await;
        }
        assert!(spent.slots.len() <= SLOTS + 1, "{}", spent.slots.len());
    }
}

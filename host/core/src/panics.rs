//! When a plugin panics too often to go on: on several different tasks in a row.
//!
//! One poisonous task must not take a plugin away from everybody: however often it is retried, it counts once. Nor must panics that lie apart, with
//! tasks between them that went well. Successes are not told here, since they are many and must cost nothing: the caller hands over the
//! plugin's own count of them at each panic, and what happened between two panics shows in it.

/// The panics of a plugin, in a row.
#[derive(Debug, Clone)]
pub struct PanicStreak {
    after: usize,
    /// The different tasks that panicked since the last success.
    tasks: Vec<u64>,
    successes: u64,
}

impl PanicStreak {
    /// A streak that is too long once so many different tasks panicked in it; with 0 it never is.
    #[must_use]
    pub fn new(quarantine_after: u32) -> Self {
        Self {
            after: usize::try_from(quarantine_after).unwrap_or(usize::MAX),
            tasks: Vec::new(),
            successes: 0,
        }
    }

    /// Takes note of a panic on that task, after so many of the plugin's calls had gone well since it began. True once the streak is too long.
    pub fn panicked(&mut self, task: u64, successes: u64) -> bool {
        if self.after == 0 {
            return false;
        }
        if self.successes != successes {
            self.successes = successes;
            self.tasks.clear();
        }
        if self.tasks.len() < self.after && !self.tasks.contains(&task) {
            self.tasks.push(task);
        }
        self.tasks.len() >= self.after
    }

    /// Forgets all panics: other content serves now, or the old one was given another chance.
    pub fn reset(&mut self) {
        self.tasks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_tasks_in_a_row_are_too_many() {
        let mut streak = PanicStreak::new(3);
        assert!(!streak.panicked(1, 7));
        assert!(!streak.panicked(2, 7));
        assert!(streak.panicked(3, 7));
        assert!(streak.panicked(4, 7), "and stay so");
    }

    #[test]
    fn a_poisonous_task_and_its_retries_count_once() {
        let mut streak = PanicStreak::new(2);
        for _ in 0..10 {
            assert!(!streak.panicked(1, 0));
        }
        assert!(streak.panicked(2, 0));
    }

    #[test]
    fn two_poisonous_tasks_in_turns_are_two() {
        let mut streak = PanicStreak::new(3);
        for _ in 0..10 {
            assert!(!streak.panicked(1, 0));
            assert!(!streak.panicked(2, 0));
        }
    }

    #[test]
    fn a_success_between_two_panics_begins_anew() {
        let mut streak = PanicStreak::new(2);
        for round in 0..10 {
            assert!(!streak.panicked(round, round));
        }
        assert!(streak.panicked(10, 9));
    }

    #[test]
    fn one_panic_is_enough_where_one_is_the_limit_and_none_where_there_is_none() {
        assert!(PanicStreak::new(1).panicked(1, 0));
        let mut never = PanicStreak::new(0);
        assert!(!(0..100).any(|task| never.panicked(task, 0)));
    }

    #[test]
    fn a_reset_forgets() {
        let mut streak = PanicStreak::new(2);
        streak.panicked(1, 0);
        streak.reset();
        assert!(!streak.panicked(2, 0));
    }
}

//! A task that failed in the end.

use crate::TaskError;
use crate::setback::Setback;

/// Why a task failed in the end, and after how many attempts.
#[derive(Debug)]
pub(crate) struct Defeat {
    pub(crate) setback: Setback,
    pub(crate) attempts: u32,
}

impl Defeat {
    /// No attempt was made.
    #[cold]
    pub(crate) fn before_any_attempt(error: TaskError) -> Self {
        Self::after(0, error)
    }

    /// It is the last word, whatever it was.
    #[cold]
    pub(crate) fn after(attempts: u32, error: TaskError) -> Self {
        Self {
            setback: Setback::stopped(error),
            attempts,
        }
    }

    /// The error, with the count of attempts. A nested task's error keeps the count of its own.
    pub(crate) fn into_error(self) -> TaskError {
        let error = self.setback.error;
        if error.attempts() > 1 {
            error
        } else {
            error.with_attempts(self.attempts)
        }
    }
}

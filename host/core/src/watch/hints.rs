//! What wakes the thread that looks: a hint that something changed, or the end.
//!
//! Hints are flags and not a queue. A large copy makes thousands of events, and all that they say is "look".

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Hints {
    raised: Mutex<Raised>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Raised {
    look: bool,
    directory_lost: bool,
    end: bool,
}

/// Why the wait is over.
#[derive(Debug, PartialEq)]
pub(super) enum Woken {
    /// It is time to look.
    Look {
        /// Whether a watched directory was removed or moved.
        directory_lost: bool,
    },
    /// Nobody wants to know any more.
    End,
}

impl Hints {
    /// Something changed.
    pub(super) fn look(&self) {
        self.lock().look = true;
        self.bell.notify_all();
    }

    /// A watched directory was removed or moved.
    pub(super) fn directory_lost(&self) {
        self.lock().directory_lost = true;
        self.bell.notify_all();
    }

    /// Nobody wants to know any more.
    pub(super) fn end(&self) {
        self.lock().end = true;
        self.bell.notify_all();
    }

    /// Waits for a hint, for no less than `least` and no more than `most`. The end comes at once.
    pub(super) fn wait(&self, least: Duration, most: Duration) -> Woken {
        let raised = self.lock();
        let raised = self.hold(raised, least, |raised| !raised.end);
        let rest = most.saturating_sub(least);
        let mut raised = self.hold(raised, rest, |raised| {
            !(raised.look || raised.directory_lost || raised.end)
        });
        if raised.end {
            return Woken::End;
        }
        let Raised { directory_lost, .. } = std::mem::take(&mut *raised);
        Woken::Look { directory_lost }
    }

    /// Whether a hint comes within this time.
    #[cfg(test)]
    pub(super) fn come(&self, patience: Duration) -> bool {
        self.taken(patience).is_some()
    }

    /// Whether the next hint tells of a lost directory.
    ///
    /// # Panics
    /// If none comes within this time.
    #[cfg(test)]
    pub(super) fn comes_as_lost(&self, patience: Duration) -> bool {
        self.taken(patience).expect("a hint").directory_lost
    }

    #[cfg(test)]
    fn taken(&self, patience: Duration) -> Option<Raised> {
        let none = |raised: &Raised| !(raised.look || raised.directory_lost);
        let mut raised = self.hold(self.lock(), patience, none);
        (!none(&raised)).then(|| std::mem::take(&mut *raised))
    }

    fn hold<'a>(
        &self,
        raised: MutexGuard<'a, Raised>,
        limit: Duration,
        go_on: impl Fn(&Raised) -> bool,
    ) -> MutexGuard<'a, Raised> {
        let waited = self
            .bell
            .wait_timeout_while(raised, limit, |raised| go_on(raised));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Raised> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn many_hints_wake_once() {
        let hints = Hints::default();
        (0..1000).for_each(|_| hints.look());
        hints.directory_lost();
        let woken = hints.wait(Duration::ZERO, LONG);
        assert_eq!(
            woken,
            Woken::Look {
                directory_lost: true
            }
        );
        let woken = hints.wait(Duration::ZERO, Duration::ZERO);
        assert_eq!(
            woken,
            Woken::Look {
                directory_lost: false
            }
        );
    }

    #[test]
    fn the_end_waits_for_nothing() {
        let hints = Hints::default();
        hints.end();
        assert_eq!(hints.wait(LONG, LONG), Woken::End);
    }
}

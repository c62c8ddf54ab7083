//! Which threads have something of a library left, so that unmapping it and their ends take turns.
//!
//! A thread counts what it leaves *before* it leaves it, and takes it off the count *after* the last instruction of the library's that it runs for it. So whoever
//! sees a count of 0, once no lease is left by which a thread could come to leave more, sees a thread that is done with the library.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// One thread's stay in one library.
#[derive(Debug)]
pub(crate) struct Stay {
    /// The system's number of the thread; 0 until it is known.
    thread: AtomicU32,
    /// Whether the library started the thread.
    own: bool,
    /// Destructors that are still to be run; for a thread of the library's own also its body.
    left: AtomicUsize,
}

impl Stay {
    /// The thread itself says which it is.
    pub(crate) fn is_of(&self, thread: u32) {
        self.thread.store(thread, Ordering::Relaxed);
    }

    /// Before something is left.
    pub(crate) fn one_more(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }
}

/// All stays in one library.
#[derive(Debug, Default)]
pub(crate) struct Stays {
    all: Mutex<Vec<Arc<Stay>>>,
    changed: Condvar,
}

impl Stays {
    /// A thread comes in.
    pub(crate) fn begin(&self) -> Arc<Stay> {
        self.add(false, 0)
    }

    /// The library is about to start a thread, which counts from here on.
    pub(crate) fn begin_own(&self) -> Arc<Stay> {
        self.add(true, 1)
    }

    /// After something that was left is gone.
    pub(crate) fn one_less(&self, stay: &Stay) {
        if stay.left.fetch_sub(1, Ordering::Release) == 1 {
            // With the lock: whoever looked before it waits by now.
            drop(self.lock());
            self.changed.notify_all();
        }
    }

    /// The stay is over.
    pub(crate) fn end(&self, stay: &Arc<Stay>) {
        let mut all = self.lock();
        if let Some(at) = all.iter().position(|other| Arc::ptr_eq(other, stay)) {
            all.swap_remove(at);
        }
        drop(all);
        self.changed.notify_all();
    }

    /// The threads that have something left.
    pub(crate) fn left(&self) -> Left {
        Left::of(&self.lock())
    }

    /// Waits until a thread is done, or for that long; not at all where none has anything left.
    pub(crate) fn wait(&self, limit: Duration) {
        let all = self.lock();
        if !Left::of(&all).is_empty() {
            let _ = self.changed.wait_timeout(all, limit);
        }
    }

    fn add(&self, own: bool, left: usize) -> Arc<Stay> {
        let stay = Arc::new(Stay {
            thread: AtomicU32::new(0),
            own,
            left: AtomicUsize::new(left),
        });
        self.lock().push(Arc::clone(&stay));
        stay
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Stay>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads that have something of a library left, by the system's numbers: 0 for one whose number is not known yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Those that the library started.
    pub(crate) own: Vec<u32>,
    pub(crate) others: Vec<u32>,
}

impl Left {
    fn of(all: &[Arc<Stay>]) -> Self {
        let mut left = Self::default();
        for stay in all {
            if stay.left.load(Ordering::Acquire) > 0 {
                let threads = if stay.own {
                    &mut left.own
                } else {
                    &mut left.others
                };
                threads.push(stay.thread.load(Ordering::Relaxed));
            }
        }
        left
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.others.is_empty()
    }
}

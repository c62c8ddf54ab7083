//! Whether the router takes tasks, and how it comes to an end: refuse, drain, cut off.
//!
//! No counter of all tasks stands on the path of a call; it would be the host's most contended
//! word. A task counts itself with its agent *before* it looks at the phase, and a stop sets the
//! phase *before* it adds the agents' counts up, both sequentially consistent: one of them sees the
//! other.

use tokio::sync::Notify;

use crate::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

const STOPPED: u8 = 0;
const RUNNING: u8 = 1;
const DRAINING: u8 = 2;

#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    phase: AtomicU8,
    /// How many wait for certain agents to have no tasks while the router runs.
    watchers: AtomicUsize,
    drain: Notify,
    /// How often tasks were cut off: what tells a task of this run that its end has come.
    cuts: AtomicU64,
    cut: Notify,
    /// Tasks that wait for a place, which no agent counts.
    waiting: AtomicUsize,
    fewer: Notify,
}

impl Lifecycle {
    pub(crate) fn start(&self) {
        self.phase.store(RUNNING, Ordering::SeqCst);
    }

    /// Refuses new tasks from now on; false where the router is stopped already.
    pub(crate) fn drain(&self) -> bool {
        let drains = self
            .phase
            .try_update(Ordering::SeqCst, Ordering::SeqCst, |phase| {
                (phase != STOPPED).then_some(DRAINING)
            })
            .is_ok();
        self.drain.notify_waiters();
        drains
    }

    /// Ends the draining and cuts off what is left. Does nothing if the router was started again.
    pub(crate) fn finish(&self) {
        let exchanged =
            self.phase
                .compare_exchange(DRAINING, STOPPED, Ordering::SeqCst, Ordering::SeqCst);
        if exchanged.is_ok() {
            self.cuts.fetch_add(1, Ordering::SeqCst);
            self.cut.notify_waiters();
        }
    }

    /// Whether a task may begin. One nested in another may while the other is waited for.
    pub(crate) fn admits(&self, nested: bool) -> bool {
        match self.phase.load(Ordering::SeqCst) {
            RUNNING => true,
            DRAINING => nested,
            _ => false,
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.phase.load(Ordering::SeqCst) == DRAINING
    }

    /// Whether a task that began in the run may begin once more. While the router drains, what is
    /// under way comes to its end, and nothing is tried again.
    pub(crate) fn admits_retry(&self, run: u64) -> bool {
        self.phase.load(Ordering::SeqCst) == RUNNING && self.run() == run
    }

    /// Ends when the router takes no more tasks.
    pub(crate) async fn draining(&self) {
        loop {
            let drain = self.drain.notified();
            if self.phase.load(Ordering::SeqCst) != RUNNING {
                return;
            }
            drain.await;
        }
    }

    /// Marks the present run, to be told by [`cut_since`](Self::cut_since) when it ends.
    pub(crate) fn run(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }

    /// Ends when the run's tasks are cut off.
    pub(crate) async fn cut_since(&self, run: u64) {
        loop {
            let cut = self.cut.notified();
            if self.run() != run || self.phase.load(Ordering::SeqCst) == STOPPED {
                return;
            }
            cut.await;
        }
    }

    /// Has every task that waits for its agent look whether that one's tasks are given up.
    pub(crate) fn ring(&self) {
        self.cut.notify_waiters();
    }

    /// Counts a task as waiting for a place until the guard is dropped.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(self)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Called after a count went down.
    pub(crate) fn one_less(&self) {
        let watched = || self.watchers.load(Ordering::SeqCst) > 0;
        if self.phase.load(Ordering::SeqCst) != RUNNING || watched() {
            self.fewer.notify_waiters();
        }
    }

    /// Has each task that ends tell so, also while the router runs, until the guard is dropped.
    pub(crate) fn watch(&self) -> Watching<'_> {
        self.watchers.fetch_add(1, Ordering::SeqCst);
        Watching(self)
    }

    /// Ends when `under_way` says 0, which it is asked after each task that ends.
    pub(crate) async fn idle(&self, under_way: impl Fn() -> usize) {
        loop {
            let fewer = self.fewer.notified();
            if under_way() == 0 {
                return;
            }
            fewer.await;
        }
    }
}

pub(crate) struct Watching<'a>(&'a Lifecycle);

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) struct Waiting<'a>(&'a Lifecycle);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
        self.0.one_less();
    }
}

//! Wakers of a plugin's that the host keeps, and can take back.
//!
//! A plugin that awaits a host service hands its waker to the host's timers and queues, which may keep it for as long
//! as they like; its functions lie in the plugin. So what they keep is a cell of the host's own. Closing a generation empties its cells,
//! and a wake holds a lease while it runs the plugin's function.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use futures_core::Stream;

use crate::attribution::Activity;
use crate::lease::LeaseKind;
use crate::mapping::Mapping;
use crate::sync::{Mutex, MutexGuard};

/// A host's future or stream for a plugin to poll.
pub(crate) struct Revocable<F> {
    future: F,
    cell: Arc<WakerCell>,
    /// The cell as a waker.
    waker: Waker,
}

impl<F> Revocable<F> {
    pub(crate) fn new(future: F, mapping: Arc<Mapping>) -> Self {
        let cell = Arc::new(WakerCell {
            state: Mutex::new(State::Empty),
            mapping,
        });
        cell.mapping.wakers.add(&cell);
        Self {
            future,
            waker: Waker::from(Arc::clone(&cell)),
            cell,
        }
    }
}

// The boxes of `Services` are `Unpin` whatever is in them.
impl<F: Future + Unpin> Future for Revocable<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.cell.put(cx.waker());
        let Self { future, waker, .. } = &mut *self;
        Pin::new(future).poll(&mut Context::from_waker(waker))
    }
}

impl<S: Stream + Unpin> Stream for Revocable<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.cell.put(cx.waker());
        let Self { future, waker, .. } = &mut *self;
        Pin::new(future).poll_next(&mut Context::from_waker(waker))
    }
}

impl<F> Drop for Revocable<F> {
    fn drop(&mut self) {
        // The plugin no longer waits; whoever still keeps the cell keeps an empty one.
        if let Some(waker) = self.cell.take() {
            self.cell.mapping.run(Activity::Waking, || drop(waker));
        }
    }
}

struct WakerCell {
    state: Mutex<State>,
    mapping: Arc<Mapping>,
}

enum State {
    Empty,
    Holds(Waker),
    Revoked,
}

impl WakerCell {
    fn put(&self, waker: &Waker) {
        self.mapping.run(Activity::Waking, || {
            let waker = waker.clone();
            let mut state = self.lock();
            if !matches!(*state, State::Revoked) {
                let old = std::mem::replace(&mut *state, State::Holds(waker));
                drop(state);
                // Outside the lock: it runs the plugin's function.
                drop(old);
            }
        });
    }

    fn take(&self) -> Option<Waker> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Empty) {
            State::Holds(waker) => Some(waker),
            State::Empty => None,
            State::Revoked => {
                *state = State::Revoked;
                None
            }
        }
    }

    fn revoke(&self) {
        let old = std::mem::replace(&mut *self.lock(), State::Revoked);
        if let State::Holds(waker) = old {
            self.mapping.run(Activity::Waking, || drop(waker));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for WakerCell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // With the lease first: once it is held, the cell cannot be revoked before the wake has returned.
        if let Some(lease) = self.mapping.lease(LeaseKind::Waker)
            && let Some(waker) = self.take()
        {
            lease.leases().run(Activity::Waking, || waker.wake());
        }
    }
}

/// The cells of one generation.
#[derive(Default)]
pub(crate) struct WakerCells(Mutex<Vec<Weak<WakerCell>>>);

impl WakerCells {
    fn add(&self, cell: &Arc<WakerCell>) {
        let mut cells = self.lock();
        if cells.len() == cells.capacity() {
            cells.retain(|cell| cell.strong_count() > 0);
            // Room for as many again, so that looking for dead ones is paid for by what was added.
            let live = cells.len();
            cells.reserve(live.max(16));
        }
        cells.push(Arc::downgrade(cell));
    }

    /// Empties all cells, for good.
    pub(crate) fn revoke(&self) {
        let cells = std::mem::take(&mut *self.lock());
        for cell in cells.iter().filter_map(Weak::upgrade) {
            cell.revoke();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<WakerCell>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Which slot is the calling thread's: one for each host whose plugins it ever ran.
//!
//! Finding it must cost next to nothing, and a signal's handler must find it too. So what was used last lies in a thread-local
//! without a destructor, which any code may read at any time; the list behind it, which gives the slots back at the thread's end,
//! is looked at only when the thread goes from one host's plugins to another's.

#[cfg(unix)]
use std::cell::OnceCell;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;

use super::area::Area;
#[cfg(unix)]
use super::signal_stack::SignalStack;
use super::slot::Slot;

thread_local! {
    static HERE: Cell<Here> = const { Cell::new(Here::NOWHERE) };
    static MAY_BLOCK: Cell<bool> = const { Cell::new(false) };
    static SEATS: Seats = const { Seats::none() };
}

/// The slot that the thread used last. It is one of the thread's seats, or [`NOBODYS`].
#[derive(Clone, Copy)]
pub(super) struct Here {
    area: *const Area,
    slot: *const Slot,
}

/// For threads that can have none of their own: all are taken, or the thread's locals are gone. Nobody looks at it.
static NOBODYS: Slot = Slot::new();

impl Here {
    const NOWHERE: Self = Self {
        area: ptr::null(),
        slot: &raw const NOBODYS,
    };

    pub(super) fn slot(&self) -> &Slot {
        // SAFETY: a seat of this thread, which lives until `Seats` lets go of it and says so in `HERE`. No copy of that outlives this, but for
        // the one that `within` goes back to: its slot is busy until then, so its seat stays.
        unsafe { &*self.slot }
    }
}

/// The slot that the thread used last. Fit for a signal's handler.
#[cfg(unix)]
pub(super) fn here() -> Here {
    HERE.get()
}

/// Runs `f` with the thread's slot of that area.
#[inline]
pub(super) fn within<R>(area: &Arc<Area>, f: impl FnOnce(&Slot) -> R) -> R {
    let here = HERE.get();
    if here.area == Arc::as_ptr(area) {
        return f(here.slot());
    }
    within_another(area, f)
}

/// As [`within`], where the thread used another host's slot last. It goes back to that if it is in that host's plugins' code.
#[cold]
fn within_another<R>(area: &Arc<Area>, f: impl FnOnce(&Slot) -> R) -> R {
    let before = HERE.get();
    let _back = before.slot().is_busy().then(|| GoBack(before));
    let here = SEATS.try_with(|seats| seats.find(area)).ok().flatten();
    let here = here.unwrap_or(Here {
        area: Arc::as_ptr(area),
        ..Here::NOWHERE
    });
    HERE.set(here);
    f(here.slot())
}

struct GoBack(Here);

impl Drop for GoBack {
    fn drop(&mut self) {
        HERE.set(self.0);
    }
}

struct Seats {
    seats: RefCell<Vec<Seat>>,
    /// So that a stack overflow can be marked too.
    #[cfg(unix)]
    signals: OnceCell<Option<SignalStack>>,
}

struct Seat {
    area: Arc<Area>,
    index: usize,
}

impl Seats {
    const fn none() -> Self {
        Self {
            seats: RefCell::new(Vec::new()),
            #[cfg(unix)]
            signals: OnceCell::new(),
        }
    }

    fn find(&self, area: &Arc<Area>) -> Option<Here> {
        #[cfg(unix)]
        self.signals.get_or_init(SignalStack::give);
        let mut seats = self.seats.borrow_mut();
        if let Some(seat) = seats.iter().find(|seat| Arc::ptr_eq(&seat.area, area)) {
            return Some(seat.here());
        }
        seats.retain(|seat| !seat.area.is_closed() || !seat.let_go());
        let index = area.take(MAY_BLOCK.get())?;
        let area = Arc::clone(area);
        let seat = Seat { area, index };
        let here = seat.here();
        seats.push(seat);
        Some(here)
    }
}

impl Drop for Seats {
    fn drop(&mut self) {
        for seat in self.seats.take() {
            if !seat.let_go() {
                // A plugin's code called `exit`, and goes on to the hook that marks it.
                std::mem::forget(seat);
            }
        }
    }
}

impl Seat {
    fn here(&self) -> Here {
        Here {
            area: Arc::as_ptr(&self.area),
            slot: self.area.slot(self.index),
        }
    }

    /// Gives the slot back, unless the thread is in plugin code. Says whether it did.
    fn let_go(&self) -> bool {
        if self.area.slot(self.index).is_busy() {
            return false;
        }
        if HERE.get().area == Arc::as_ptr(&self.area) {
            HERE.set(Here::NOWHERE);
        }
        self.area.give_back(self.index);
        true
    }
}

/// Says, until it is dropped, that the calling thread may be held for long: it is one of a pool for what blocks, or was started for one job.
/// The watchdog leaves it alone.
#[must_use = "the thread may block only until this is dropped"]
pub fn may_block() -> MayBlock {
    let before = MAY_BLOCK.get();
    set_may_block(true);
    MayBlock {
        before,
        _not_send: PhantomData,
    }
}

/// See [`may_block`].
#[derive(Debug)]
pub struct MayBlock {
    before: bool,
    _not_send: PhantomData<*const ()>,
}

impl Drop for MayBlock {
    fn drop(&mut self) {
        set_may_block(self.before);
    }
}

fn set_may_block(may_block: bool) {
    MAY_BLOCK.set(may_block);
    // A thread whose seats are gone has no slot that anybody looks at.
    let _ = SEATS.try_with(|seats| {
        for seat in seats.seats.borrow().iter() {
            seat.area.slot(seat.index).set_may_block(may_block);
        }
    });
}

//! The host's one exit hook: what plugins leave on a thread is run by that thread, from here.
//!
//! The SDK's `threads` module says why. Each thread has a list for each library that it ever entered: destructors of thread-locals, last registered
//! first, then the values of the library's keys. A thread runs its list at its end (the lists hang on a thread-local of the host's own, so that is while
//! the C library still treats the thread as alive), or, once the library's generation is closed, when it next [passes by](pass_by). No thread ever runs
//! another one's.
//!
//! A library is unmapped when no thread has anything left of it: see `stay`.

mod seam;
mod stay;

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentsys_abi::threads::Destructor;

use crate::attribution::Activity;
use crate::mapping::Mapping;
use crate::sync::thread_local;
pub(crate) use seam::{
    at_exit, key_created, key_deleted, reports, signal_handled, start, value_set,
};
use stay::Stay;
pub(crate) use stay::Stays;

/// How many libraries began to be closed, so that each thread sees at a glance whether it has to look at its lists.
static CLOSING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LISTS: Lists = const { Lists(RefCell::new(Vec::new())) };
    static HERE: Here = const {
        Here {
            entered: Cell::new(ptr::null()),
            seen: Cell::new(0),
            has_lists: Cell::new(false),
            running: Cell::new(ptr::null()),
        }
    };
}

/// What each thread of the model checker's does first: that one drops a thread's locals in the order of their first use, and `HERE` with them, which lives as long as its thread elsewhere.
#[cfg(all(test, agentsys_model))]
pub(crate) fn begin_in_model() {
    LISTS.with(|_| ());
}

/// What a thread looks at on each of its ways in.
struct Here {
    /// The library that it entered last.
    entered: Cell<*const Mapping>,
    /// The count of closed libraries when it last looked at its lists.
    seen: Cell<usize>,
    /// Whether it ever had a list.
    has_lists: Cell<bool>,
    /// The lists that it is running, the innermost first.
    running: Cell<*const Running>,
}

struct Lists(RefCell<Vec<List>>);

/// What one thread has of one library.
struct List {
    mapping: Arc<Mapping>,
    stay: Arc<Stay>,
    /// Whether the library started the thread, which then leaves it at its end and not before.
    own: bool,
    destructors: Vec<(Destructor, *mut c_void)>,
    /// The keys for which the thread has a value.
    keys: Vec<u32>,
}

/// A list that is being run, and is in none of the lists any more.
struct Running {
    list: *mut List,
    outer: *const Running,
}

/// Notes that this thread is about to run code of the library. Cheap where it did so last time.
#[inline]
pub(crate) fn enter(mapping: &Arc<Mapping>) {
    let this = Arc::as_ptr(mapping);
    HERE.with(|here| {
        let unchanged = here.seen.get() == CLOSING.load(Ordering::Relaxed);
        if here.entered.get() != this || !unchanged {
            enter_slowly(mapping, here);
        }
    });
}

#[cold]
fn enter_slowly(mapping: &Arc<Mapping>, here: &Here) {
    pass_by();
    // A thread whose lists are gone already is ending, and its values are leaked rather than run too late.
    with_list(mapping, |_| ());
    here.entered.set(Arc::as_ptr(mapping));
}

/// Has this thread run what it has left of libraries whose generation is closed: one that waits for work calls this before it goes to sleep, so that it does not keep them
/// in memory. One load where there is nothing to do.
#[inline]
pub fn pass_by() {
    HERE.with(|here| {
        if here.seen.get() != CLOSING.load(Ordering::Relaxed) {
            leave_closed(here);
        }
    });
}

/// Tells all threads that there is a closed library to be left.
pub(crate) fn announce_closed() {
    CLOSING.fetch_add(1, Ordering::Release);
}

/// Drops this thread's list of a library that is out of memory: nothing on it can be run any more.
pub(crate) fn forget(mapping: &Arc<Mapping>) {
    HERE.with(|here| here.entered.set(ptr::null()));
    let forgotten = LISTS.try_with(|lists| lists.take(mapping));
    if let Ok(Some(list)) = forgotten {
        mapping.stays.end(&list.stay);
    }
}

#[cold]
fn leave_closed(here: &Here) {
    // Before the look: what is closed after it makes this thread look again.
    here.seen.set(CLOSING.load(Ordering::Acquire));
    here.entered.set(ptr::null());
    if !here.has_lists.get() {
        // The thread's slot in the account is to be there before its lists, so that it goes after them.
        return;
    }
    while let Ok(Some(list)) = LISTS.try_with(Lists::take_closed) {
        list.leave();
    }
}

/// Does something with this thread's list of that library. None where the thread is ending and has lists no more.
fn with_list<R>(mapping: &Arc<Mapping>, f: impl FnOnce(&mut List) -> R) -> Option<R> {
    let mut running = HERE.with(|here| here.running.get());
    // SAFETY: each is on the stack of this thread, below; `List::run` holds no reference to its list while it runs a destructor.
    while let Some(frame) = unsafe { running.as_ref() } {
        // SAFETY: as above.
        let list = unsafe { &mut *frame.list };
        if Arc::ptr_eq(&list.mapping, mapping) {
            return Some(f(list));
        }
        running = frame.outer;
    }
    LISTS.try_with(|lists| lists.with(mapping, f)).ok()
}

impl Lists {
    fn with<R>(&self, mapping: &Arc<Mapping>, f: impl FnOnce(&mut List) -> R) -> R {
        let mut lists = self.0.borrow_mut();
        let at = lists
            .iter()
            .position(|list| Arc::ptr_eq(&list.mapping, mapping));
        let at = at.unwrap_or_else(|| {
            if mapping.is_closed() {
                // It is to be left again at the next opportunity.
                HERE.with(|here| here.seen.set(usize::MAX));
            }
            lists.push(List::new(mapping, mapping.stays.begin(), false));
            lists.len() - 1
        });
        f(&mut lists[at])
    }

    /// This thread, which the library started, begins.
    fn add_own(&self, list: List) {
        self.0.borrow_mut().push(list);
    }

    fn take(&self, mapping: &Arc<Mapping>) -> Option<List> {
        let mut lists = self.0.borrow_mut();
        let at = lists
            .iter()
            .position(|list| Arc::ptr_eq(&list.mapping, mapping))?;
        Some(lists.swap_remove(at))
    }

    fn take_closed(&self) -> Option<List> {
        let mut lists = self.0.borrow_mut();
        let at = lists
            .iter()
            .position(|list| !list.own && list.mapping.is_closed())?;
        Some(lists.swap_remove(at))
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        for list in self.0.take() {
            list.leave();
        }
    }
}

/// As often as POSIX lets a key's destructor set values anew.
const ROUNDS: usize = 4;

impl List {
    fn new(mapping: &Arc<Mapping>, stay: Arc<Stay>, own: bool) -> Self {
        stay.is_of(this_thread());
        HERE.with(|here| here.has_lists.set(true));
        Self {
            mapping: Arc::clone(mapping),
            stay,
            own,
            destructors: Vec::new(),
            keys: Vec::new(),
        }
    }

    fn add_destructor(&mut self, destructor: Destructor, value: *mut c_void) {
        self.stay.one_more();
        self.destructors.push((destructor, value));
    }

    fn add_key(&mut self, key: u32) {
        if !self.keys.contains(&key) {
            self.stay.one_more();
            self.keys.push(key);
        }
    }

    fn remove_key(&mut self, key: u32) {
        if let Some(at) = self.keys.iter().position(|other| *other == key) {
            self.keys.swap_remove(at);
            self.mapping.stays.one_less(&self.stay);
        }
    }

    /// Runs all that is left, and leaves the library.
    fn leave(mut self) {
        HERE.with(|here| {
            let frame = Running {
                list: &raw mut self,
                outer: here.running.get(),
            };
            here.running.set(&raw const frame);
            let mapping = Arc::clone(&self.mapping);
            mapping.saying(Activity::EndingThread, || run(frame.list));
            here.running.set(frame.outer);
        });
        self.mapping.stays.end(&self.stay);
    }
}

/// Runs a list empty. Destructors may add to it while it runs: hence the pointer, and one entry at a time.
fn run(list: *mut List) {
    // SAFETY: `list` lives in the caller; only this thread uses it, and no reference to it is held while a destructor runs.
    let (mapping, stay) = unsafe { (Arc::clone(&(*list).mapping), Arc::clone(&(*list).stay)) };
    for _ in 0..ROUNDS {
        // SAFETY: as above.
        while let Some((destructor, value)) = unsafe { (*list).destructors.pop() } {
            // SAFETY: the library is mapped, since what is left is counted, and it asked for just this call on this thread.
            unsafe { (destructor.0)(value) };
            mapping.stays.one_less(&stay);
        }
        // SAFETY: as above.
        let keys = unsafe { std::mem::take(&mut (*list).keys) };
        if keys.is_empty() {
            break;
        }
        for key in keys {
            if let Some(destructor) = mapping.destructor_of(key) {
                run_key(key, destructor);
            }
            mapping.stays.one_less(&stay);
        }
    }
}

#[cfg(unix)]
fn run_key(key: u32, destructor: Destructor) {
    let key = libc::pthread_key_t::from(key);
    // SAFETY: the library created the key, and nobody has deleted it: the host does so when no thread has a value.
    let value = unsafe { libc::pthread_getspecific(key) };
    if !value.is_null() {
        // SAFETY: as above; the library asked for just this call on this thread.
        unsafe {
            libc::pthread_setspecific(key, ptr::null());
            (destructor.0)(value);
        }
    }
}

#[cfg(not(unix))]
fn run_key(_: u32, _: Destructor) {}

/// The system's number of this thread; 0 where it has none.
fn this_thread() -> u32 {
    #[cfg(target_os = "linux")]
    // SAFETY: without arguments, and it cannot fail.
    let number = unsafe { libc::gettid() }.cast_unsigned();
    #[cfg(not(target_os = "linux"))]
    let number = 0;
    number
}

/// The name of a thread, from the system's number of it.
pub(crate) fn name_of(thread: u32) -> String {
    let path = format!("/proc/self/task/{thread}/comm");
    match std::fs::read_to_string(path) {
        Ok(name) => name.trim_end().to_owned(),
        Err(_) => "without a name".to_owned(),
    }
}

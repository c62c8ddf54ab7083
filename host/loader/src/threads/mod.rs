//! The host's one exit hook: what plugins leave on a thread is run by that thread, from here, when it ends.
//!
//! The SDK's `threads` module says why. Each thread has a list for each library that it ever entered: destructors of thread-locals, last registered
//! first, then the values of the library's keys. The lists hang on a thread-local of the host's own, so they are run while
//! the C library still treats the thread as alive.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use agentsys_abi::threads::{Destructor, ThreadBody};

use crate::mapping::Mapping;

thread_local! {
    static LISTS: Lists = const { Lists(RefCell::new(Vec::new())) };
    /// The library that this thread entered last.
    static LAST: Cell<*const Mapping> = const { Cell::new(ptr::null()) };
    /// The list that this thread is running, since it ends.
    static RUNNING: Cell<*mut List> = const { Cell::new(ptr::null_mut()) };
}

struct Lists(RefCell<Vec<List>>);

struct List {
    mapping: Arc<Mapping>,
    destructors: Vec<(Destructor, *mut c_void)>,
}

/// Notes that this thread is about to run code of the library. Cheap where it did so last time.
#[inline]
pub(crate) fn enter(mapping: &Arc<Mapping>) {
    let this = Arc::as_ptr(mapping);
    if LAST.get() != this {
        enter_slowly(mapping);
        LAST.set(this);
    }
}

#[cold]
fn enter_slowly(mapping: &Arc<Mapping>) {
    // A thread whose lists are gone already is ending, and its values are leaked rather than run too late.
    let _ = LISTS.try_with(|lists| lists.with(mapping, |_| ()));
}

impl Lists {
    fn with<R>(&self, mapping: &Arc<Mapping>, f: impl FnOnce(&mut List) -> R) -> R {
        let mut lists = self.0.borrow_mut();
        let at = lists
            .iter()
            .position(|list| Arc::ptr_eq(&list.mapping, mapping));
        let at = at.unwrap_or_else(|| {
            lists.push(List {
                mapping: Arc::clone(mapping),
                destructors: Vec::new(),
            });
            lists.len() - 1
        });
        f(&mut lists[at])
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        for mut list in self.0.take() {
            RUNNING.set(&raw mut list);
            run(&raw mut list);
            RUNNING.set(ptr::null_mut());
        }
    }
}

/// As often as POSIX lets a key's destructor set values anew.
const ROUNDS: usize = 4;

/// Runs a list empty. Destructors may add to it while it runs: hence the pointer, and one entry at a time.
fn run(list: *mut List) {
    for _ in 0..ROUNDS {
        // SAFETY: `list` lives in the caller; only this thread uses it, and no reference to it is held while a destructor runs.
        while let Some((destructor, value)) = unsafe { (*list).destructors.pop() } {
            // SAFETY: the library is mapped, and asked for just this call on this thread.
            unsafe { (destructor.0)(value) };
        }
        // SAFETY: as above.
        let keys = unsafe { (*list).mapping.destructors() };
        let mut ran = false;
        for (key, destructor) in keys {
            ran |= run_key(key, destructor);
        }
        if !ran {
            break;
        }
    }
}

#[cfg(unix)]
fn run_key(key: u32, destructor: Destructor) -> bool {
    let key = libc::pthread_key_t::from(key);
    // SAFETY: the library created the key and has not deleted it.
    let value = unsafe { libc::pthread_getspecific(key) };
    if value.is_null() {
        return false;
    }
    // SAFETY: as above; the library asked for just this call on this thread.
    unsafe {
        libc::pthread_setspecific(key, ptr::null());
        (destructor.0)(value);
    }
    true
}

#[cfg(not(unix))]
fn run_key(_: u32, _: Destructor) -> bool {
    false
}

// What plugins call. Not one of these may unwind, and none does: they allocate, and call the C library.

pub(crate) unsafe extern "C" fn at_exit(
    context: *const (),
    destructor: Destructor,
    value: *mut c_void,
) -> i32 {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::claim(context) };
    let added = LISTS
        .try_with(|lists| lists.with(&mapping, |list| list.destructors.push((destructor, value))));
    if added.is_err() {
        let running = RUNNING.get();
        // SAFETY: set only while `run` works on that list on this thread, and it holds no reference meanwhile.
        if !running.is_null() && unsafe { Arc::ptr_eq(&(*running).mapping, &mapping) } {
            // SAFETY: as above.
            unsafe { (*running).destructors.push((destructor, value)) };
        }
    }
    0
}

pub(crate) unsafe extern "C" fn key_created(
    context: *const (),
    key: u32,
    destructor: abi_stable::std_types::ROption<Destructor>,
) {
    // SAFETY: the seam: `context` is ours.
    unsafe { Mapping::of(context) }.add_key(key, destructor.into_option());
}

pub(crate) unsafe extern "C" fn key_deleted(context: *const (), key: u32) {
    // SAFETY: the seam: `context` is ours.
    unsafe { Mapping::of(context) }.remove_key(key);
}

#[cfg(unix)]
pub(crate) unsafe extern "C" fn start(
    context: *const (),
    thread: *mut c_void,
    attributes: *const c_void,
    body: ThreadBody,
    argument: *mut c_void,
) -> i32 {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::claim(context) };
    let start = Box::into_raw(Box::new(Start {
        mapping,
        body,
        argument,
    }));
    // SAFETY: the caller's arguments are those of `pthread_create`; `begin` takes the box over.
    let error =
        unsafe { libc::pthread_create(thread.cast(), attributes.cast(), begin, start.cast()) };
    if error != 0 {
        // SAFETY: no thread was started, so the box is still ours.
        drop(unsafe { Box::from_raw(start) });
    }
    error
}

#[cfg(not(unix))]
pub(crate) unsafe extern "C" fn start(
    _: *const (),
    _: *mut c_void,
    _: *const c_void,
    _: ThreadBody,
    _: *mut c_void,
) -> i32 {
    // Only a plugin's own definition of `pthread_create` calls this.
    1
}

#[cfg(unix)]
struct Start {
    mapping: Arc<Mapping>,
    body: ThreadBody,
    argument: *mut c_void,
}

#[cfg(unix)]
extern "C" fn begin(start: *mut c_void) -> *mut c_void {
    // SAFETY: the box from `start`, handed to this thread alone.
    let Start {
        mapping,
        body,
        argument,
    } = *unsafe { Box::from_raw(start.cast::<Start>()) };
    enter(&mapping);
    drop(mapping);
    // SAFETY: the library asked for this thread; the thread's list keeps it mapped.
    unsafe { (body.0)(argument) }
}

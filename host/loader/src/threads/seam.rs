//! What plugins call to make known what they leave on threads. Not one of these may unwind, and none does: they allocate, lock, and call the C library.

use std::ffi::c_void;
use std::sync::Arc;

use abi_stable::std_types::ROption;
use agentsys_abi::threads::{Destructor, ThreadBody};

use super::stay::Stay;
use super::{LISTS, List, with_list};
use crate::attribution::Activity;
use crate::mapping::Mapping;

pub(crate) unsafe extern "C" fn at_exit(
    context: *const (),
    destructor: Destructor,
    value: *mut c_void,
) -> i32 {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::claim(context) };
    // Where the thread has lists no more, the value is leaked.
    with_list(&mapping, |list| list.add_destructor(destructor, value));
    0
}

pub(crate) unsafe extern "C" fn key_created(
    context: *const (),
    key: u32,
    destructor: ROption<Destructor>,
) {
    // SAFETY: the seam: `context` is ours.
    unsafe { Mapping::of(context) }.add_key(key, destructor.into_option());
}

pub(crate) unsafe extern "C" fn key_deleted(context: *const (), key: u32) {
    // SAFETY: the seam: `context` is ours.
    unsafe { Mapping::of(context) }.remove_key(key);
}

pub(crate) unsafe extern "C" fn value_set(context: *const (), key: u32, is_set: u32) {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::claim(context) };
    if mapping.destructor_of(key).is_some() {
        with_list(&mapping, |list| match is_set {
            0 => list.remove_key(key),
            _ => list.add_key(key),
        });
    }
}

pub(crate) unsafe extern "C" fn signal_handled(context: *const (), signal: i32) {
    // SAFETY: the seam: `context` is ours.
    unsafe { Mapping::of(context) }.add_signal(signal);
}

pub(crate) unsafe extern "C" fn reports(context: *const (), keys: u32, threads: u32) {
    // SAFETY: the seam: `context` is ours.
    unsafe { Mapping::of(context) }.reports(keys, threads);
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
    let stay = mapping.stays.begin_own();
    let start = Box::into_raw(Box::new(Start {
        mapping,
        stay,
        body,
        argument,
    }));
    // SAFETY: the caller's arguments are those of `pthread_create`; `begin` takes the box over.
    let error =
        unsafe { libc::pthread_create(thread.cast(), attributes.cast(), begin, start.cast()) };
    if error != 0 {
        // SAFETY: no thread was started, so the box is still ours.
        let start = unsafe { Box::from_raw(start) };
        start.mapping.stays.end(&start.stay);
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
    stay: Arc<Stay>,
    body: ThreadBody,
    argument: *mut c_void,
}

/// A thread of a library's, from its first instruction to its last but the C library's own. Its list, which it leaves after all else, keeps its code mapped.
#[cfg(unix)]
extern "C" fn begin(start: *mut c_void) -> *mut c_void {
    // SAFETY: the box from `start`, handed to this thread alone.
    let Start {
        mapping,
        stay,
        body,
        argument,
    } = *unsafe { Box::from_raw(start.cast::<Start>()) };
    mapping.saying(Activity::OwnThread, || {
        LISTS.with(|lists| lists.add_own(List::new(&mapping, stay, true)));
        // SAFETY: the library asked for this thread.
        unsafe { (body.0)(argument) }
    })
}

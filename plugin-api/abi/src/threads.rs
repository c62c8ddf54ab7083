//! What the host must know of threads to unmap a library.
//!
//! A destructor of a thread-local, a key with a destructor and a running thread all point into
//! the library that made them, and a thread that ends runs them whether or not the library is still there.
//! So the host owns the one exit hook and the lists: the SDK defines the three functions of the C library for its own plugin and
//! hands what they are told to the functions here. A thread's own destructors are run by that thread, from host code.

use std::ffi::c_void;

use abi_stable::StableAbi;
use abi_stable::std_types::ROption;

/// A destructor of a value that one thread owns.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy)]
pub struct Destructor(pub unsafe extern "C" fn(*mut c_void));

/// The body of a thread.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy)]
pub struct ThreadBody(pub unsafe extern "C" fn(*mut c_void) -> *mut c_void);

/// The host's side of threads. `context` is [`RawHost::context`] of the generation.
///
/// [`RawHost::context`]: crate::host::RawHost::context
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ThreadApiRef)))]
#[sabi(missing_field(option))]
pub struct ThreadApi {
    /// Runs the destructor on the value when the calling thread ends, or leaves the generation for good: context, destructor, value.
    /// Last registered, first run. 0, or an error number.
    pub at_exit: unsafe extern "C" fn(*const (), Destructor, *mut c_void) -> i32,
    /// Takes note of a key of thread-specific values, which was created *without* a destructor: context, key, destructor.
    pub key_created: unsafe extern "C" fn(*const (), u32, ROption<Destructor>),
    /// Takes note that the key is gone: context, key.
    pub key_deleted: unsafe extern "C" fn(*const (), u32),
    /// Starts a thread that ends in host code: context, where to put the thread's handle, its attributes, its body and the
    /// body's argument, as for `pthread_create`. 0, or an error number.
    pub start:
        unsafe extern "C" fn(*const (), *mut c_void, *const c_void, ThreadBody, *mut c_void) -> i32,
    /// Takes note that the calling thread has a value for a key, or none any more: context, key, 1 or 0.
    pub value_set: unsafe extern "C" fn(*const (), u32, u32),
    /// Takes note that a handler of a signal was set from within the library: context, the signal. Whoever sets another one after it may keep this one, and call it.
    pub signal_handled: unsafe extern "C" fn(*const (), i32),
    /// Says that the library reports all of the above from here on, and what it could not report, since it came before: context, how many keys with destructors its
    /// constructors left, and how many threads they started or handlers of signals they set. A library of which this is not said is never unmapped.
    #[sabi(last_prefix_field)]
    pub reports: unsafe extern "C" fn(*const (), u32, u32),
}

//! What this library leaves behind on threads, made known to the host, so that the host can unmap it.
//!
//! Some things of the C library point into a plugin and outlive it on threads that the host owns. std calls the functions below by name. On Linux with glibc this
//! module defines *hidden* symbols of the same names: the linker binds the plugin's own std to them, and nothing outside the library sees them. They hand what they are
//! told to the host.
//!
//! | function | the hazard | what the host does |
//! |---|---|---|
//! | `__cxa_thread_atexit_impl` | The destructor of a thread-local on a living thread: the C library keeps the library mapped for ever (`dlclose` returns 0 all the same). | Keeps the list itself. Each thread runs its own part, at its end or when it next comes by after the generation was closed; never another thread, whose copy of a second thread-local would be the wrong one. |
//! | `pthread_key_create`, `pthread_setspecific` | The destructor of a key, which `thread::current()` makes on each thread: a thread that ends after unmapping jumps to where it was. | Keys are created without a destructor; the host runs that on the thread that has a value, and knows which have one. |
//! | `pthread_key_delete` | A key that is not deleted: after some thousand loads the process has none left, and std aborts. | Deletes at unmapping what the library created and did not delete. |
//! | `pthread_create` | A thread that still runs, or is in its last instructions, when its code goes. | Starts the thread in a function of its own, to which it returns, and counts it until its destructors have run. |
//! | `sigaction`, `signal` | A signal's handler in code that is gone, also one in front of which another library put its own, and which that one calls (`tokio::signal` does so). | Notes which signals were handled, and unmaps when each has its default again. |
//!
//! Until the host is bound, and in a program that has none, they do what the C library does. A host opens a library on a thread
//! that ends soon after, so the thread-locals of constructors are dropped by the C library then. What a constructor makes that lasts longer, a key with
//! a destructor or a thread, can only be counted: such a library is closed and never unmapped, and the host says why.
//!
//! Elsewhere nothing is defined and nothing reported, and the host does not unmap.

use agentsys_abi::host::RawHost;

#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod glibc;

/// Gives the definitions their host.
///
/// # Safety
/// `host` must be valid until the library is unmapped.
pub(crate) unsafe fn bind(host: RawHost) {
    #[cfg(all(
        target_os = "linux",
        target_env = "gnu",
        any(target_arch = "x86_64", target_arch = "aarch64")
    ))]
    // SAFETY: the caller's promise.
    unsafe {
        glibc::bind(host);
    }
    #[cfg(not(all(
        target_os = "linux",
        target_env = "gnu",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )))]
    let _ = host;
}

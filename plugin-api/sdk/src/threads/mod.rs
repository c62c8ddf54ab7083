//! What this library leaves behind on threads, made known to the host.
//!
//! Three things of the C library point into a plugin and outlive it on threads that the host
//! owns: a thread-local's destructor (`__cxa_thread_atexit_impl`), a key's destructor (`pthread_key_create`), and a thread that was
//! started and not joined (`pthread_create`). Each crashes the process, or keeps the library mapped for ever, when the host unloads it.
//! std calls these functions by name. On Linux with glibc this module therefore defines *hidden* symbols of the same names: the linker binds the plugin's
//! own std to them, and nothing outside the library sees them. They hand what they are told to the host, which
//! runs each destructor on the thread that owns the value, and starts the library's threads, which therefore end in its code.
//!
//! Until the host is bound, and in a program that has none, they do what the C library does. A host opens a library on a thread
//! that ends soon after, so what was registered before that is run by the C library then. What a constructor makes that lasts longer, a key with
//! a destructor or a thread, the host does not know of: such a library cannot be unmapped, only closed.
//!
//! Elsewhere nothing is defined, and the host does not unload.

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

//! The hidden definitions for glibc.
//!
//! They are assembly, since a Rust `#[no_mangle]` function would be exported, and the C library's own would then win.
//! Nothing here may allocate, panic or touch a thread-local: std calls these functions from the middle of just those.

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use abi_stable::std_types::ROption;
use agentsys_abi::host::RawHost;
use agentsys_abi::threads::{Destructor, ThreadBody};

type DestructorFn = unsafe extern "C" fn(*mut c_void);
type BodyFn = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

/// The host, in a box that is never freed but with the library; null until it is bound.
static HOST: AtomicPtr<RawHost> = AtomicPtr::new(std::ptr::null_mut());

/// # Safety
/// `host` must be valid until the library is unmapped.
pub(super) unsafe fn bind(host: RawHost) {
    HOST.store(Box::into_raw(Box::new(host)), Ordering::Release);
}

fn host() -> Option<&'static RawHost> {
    // SAFETY: what `bind` stored is never freed.
    unsafe { HOST.load(Ordering::Acquire).as_ref() }
}

unsafe extern "C" fn on_thread_atexit(
    destructor: DestructorFn,
    value: *mut c_void,
    dso: *mut c_void,
) -> c_int {
    if let Some(host) = host() {
        // SAFETY: `bind`'s promise.
        return unsafe {
            (host.api.threads().at_exit())(host.context, Destructor(destructor), value)
        };
    }
    static REAL: Real = Real::new(c"__cxa_thread_atexit_impl");
    type Signature = unsafe extern "C" fn(DestructorFn, *mut c_void, *mut c_void) -> c_int;
    // SAFETY: the C library's function has this signature.
    unsafe {
        REAL.get::<Signature>()
            .map_or(libc::ENOSYS, |real| real(destructor, value, dso))
    }
}

unsafe extern "C" fn on_key_create(key: *mut u32, destructor: Option<DestructorFn>) -> c_int {
    static REAL: Real = Real::new(c"pthread_key_create");
    type Signature = unsafe extern "C" fn(*mut u32, Option<DestructorFn>) -> c_int;
    let host = host();
    let theirs = if host.is_some() { None } else { destructor };
    // SAFETY: the C library's function has this signature, and the caller's key is writable.
    let error = unsafe {
        REAL.get::<Signature>()
            .map_or(libc::ENOSYS, |real| real(key, theirs))
    };
    if let (0, Some(host)) = (error, host) {
        let destructor = destructor.map_or(ROption::RNone, |d| ROption::RSome(Destructor(d)));
        // SAFETY: `bind`'s promise; the key was just written.
        unsafe { (host.api.threads().key_created())(host.context, *key, destructor) };
    }
    error
}

unsafe extern "C" fn on_key_delete(key: u32) -> c_int {
    if let Some(host) = host() {
        // SAFETY: `bind`'s promise.
        unsafe { (host.api.threads().key_deleted())(host.context, key) };
    }
    static REAL: Real = Real::new(c"pthread_key_delete");
    type Signature = unsafe extern "C" fn(u32) -> c_int;
    // SAFETY: the C library's function has this signature.
    unsafe {
        REAL.get::<Signature>()
            .map_or(libc::ENOSYS, |real| real(key))
    }
}

unsafe extern "C" fn on_thread_create(
    thread: *mut c_void,
    attributes: *const c_void,
    body: BodyFn,
    argument: *mut c_void,
) -> c_int {
    if let Some(host) = host() {
        let start = host.api.threads().start();
        // SAFETY: `bind`'s promise; the rest is the caller's, as for `pthread_create`.
        return unsafe { start(host.context, thread, attributes, ThreadBody(body), argument) };
    }
    static REAL: Real = Real::new(c"pthread_create");
    type Signature = unsafe extern "C" fn(*mut c_void, *const c_void, BodyFn, *mut c_void) -> c_int;
    // SAFETY: the C library's function has this signature.
    unsafe {
        REAL.get::<Signature>().map_or(libc::ENOSYS, |real| {
            real(thread, attributes, body, argument)
        })
    }
}

/// A function of the C library, looked up past our own definition of its name.
struct Real {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl Real {
    const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            address: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// # Safety
    /// `F` must be the type of a pointer to that function.
    unsafe fn get<F: Copy>(&self) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        let mut address = self.address.load(Ordering::Relaxed);
        if address.is_null() {
            // SAFETY: a valid name; hidden symbols, so ours, are not found this way.
            address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, self.name.as_ptr()) };
            self.address.store(address, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise, and the size is a pointer's.
        (!address.is_null()).then(|| unsafe { std::mem::transmute_copy(&address) })
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! jump_to {
    () => {
        "jmp"
    };
}
#[cfg(target_arch = "aarch64")]
macro_rules! jump_to {
    () => {
        "b"
    };
}
/// A hidden function of that name that does nothing but jump.
macro_rules! hidden {
    ($name:literal, $target:literal) => {
        concat!(
            ".globl ",
            $name,
            "\n.hidden ",
            $name,
            "\n.type ",
            $name,
            ",@function\n",
            $name,
            ":\n ",
            jump_to!(),
            " {",
            $target,
            "}\n"
        )
    };
}

std::arch::global_asm!(
    ".pushsection .text.agentsys_threads,\"ax\",@progbits",
    hidden!("__cxa_thread_atexit_impl", "atexit"),
    hidden!("pthread_key_create", "key_create"),
    hidden!("pthread_key_delete", "key_delete"),
    hidden!("pthread_create", "thread_create"),
    ".popsection",
    atexit = sym on_thread_atexit,
    key_create = sym on_key_create,
    key_delete = sym on_key_delete,
    thread_create = sym on_thread_create,
);

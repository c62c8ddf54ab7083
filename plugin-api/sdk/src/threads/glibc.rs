//! The hidden definitions for glibc.
//!
//! They are assembly, since a Rust `#[no_mangle]` function would be exported, and the C library's own would then win.
//! Nothing here may allocate, panic or touch a thread-local: std calls these functions from the middle of just those.

use std::ffi::{CStr, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use abi_stable::std_types::ROption;
use agentsys_abi::host::RawHost;
use agentsys_abi::threads::{Destructor, ThreadBody};

type DestructorFn = unsafe extern "C" fn(*mut c_void);
type BodyFn = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

/// In the library itself, so that nothing of it is left when that goes.
static HOST: OnceLock<Bound> = OnceLock::new();

/// What the C library was told before there was a host: keys with a destructor, and threads and handlers of signals. The host cannot see their ends.
static EARLY_KEYS: AtomicU32 = AtomicU32::new(0);
static EARLY_THREADS: AtomicU32 = AtomicU32::new(0);

struct Bound(RawHost);

// SAFETY: the seam: a host's context and functions may be used from any thread.
unsafe impl Send for Bound {}
// SAFETY: as for `Send`.
unsafe impl Sync for Bound {}

/// # Safety
/// `host` must be valid until the library is unmapped.
pub(super) unsafe fn bind(host: RawHost) {
    SIGACTION.look_up();
    SIGNAL.look_up();
    if HOST.set(Bound(host)).is_ok() {
        let (keys, threads) = (&EARLY_KEYS, &EARLY_THREADS);
        let (keys, threads) = (
            keys.load(Ordering::Relaxed),
            threads.load(Ordering::Relaxed),
        );
        // SAFETY: the caller's promise.
        unsafe { (host.api.threads().reports())(host.context, keys, threads) }
    }
}

fn host() -> Option<&'static RawHost> {
    HOST.get().map(|Bound(host)| host)
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
    match (error, host, destructor) {
        (0, Some(host), destructor) => {
            let destructor = destructor.map_or(ROption::RNone, |d| ROption::RSome(Destructor(d)));
            // SAFETY: `bind`'s promise; the key was just written.
            unsafe { (host.api.threads().key_created())(host.context, *key, destructor) };
        }
        (0, None, Some(_)) => {
            EARLY_KEYS.fetch_add(1, Ordering::Relaxed);
        }
        _ => {}
    }
    error
}

unsafe extern "C" fn on_set_specific(key: u32, value: *const c_void) -> c_int {
    static REAL: Real = Real::new(c"pthread_setspecific");
    type Signature = unsafe extern "C" fn(u32, *const c_void) -> c_int;
    // SAFETY: the C library's function has this signature.
    let error = unsafe {
        REAL.get::<Signature>()
            .map_or(libc::ENOSYS, |real| real(key, value))
    };
    if let (0, Some(host)) = (error, host()) {
        let is_set = u32::from(!value.is_null());
        // SAFETY: `bind`'s promise.
        unsafe { (host.api.threads().value_set())(host.context, key, is_set) };
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
    EARLY_THREADS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the C library's function has this signature.
    unsafe {
        REAL.get::<Signature>().map_or(libc::ENOSYS, |real| {
            real(thread, attributes, body, argument)
        })
    }
}

/// Looked up when the host is bound: std sets a signal in a child between fork and exec, where nothing may be looked up.
static SIGACTION: Real = Real::new(c"sigaction");
static SIGNAL: Real = Real::new(c"signal");

unsafe extern "C" fn on_sigaction(
    signal: c_int,
    action: *const libc::sigaction,
    old: *mut libc::sigaction,
) -> c_int {
    type Signature =
        unsafe extern "C" fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int;
    // SAFETY: the C library's function has this signature.
    let error = unsafe {
        SIGACTION
            .get::<Signature>()
            .map_or(-1, |real| real(signal, action, old))
    };
    // SAFETY: the caller's action is null or valid.
    let action = unsafe { action.as_ref() };
    if let (0, Some(action)) = (error, action) {
        note_handler(signal, action.sa_sigaction);
    }
    error
}

unsafe extern "C" fn on_signal(signal: c_int, handler: libc::sighandler_t) -> libc::sighandler_t {
    type Signature = unsafe extern "C" fn(c_int, libc::sighandler_t) -> libc::sighandler_t;
    // SAFETY: the C library's function has this signature.
    let old = unsafe {
        SIGNAL
            .get::<Signature>()
            .map_or(libc::SIG_ERR, |real| real(signal, handler))
    };
    if old != libc::SIG_ERR {
        note_handler(signal, handler);
    }
    old
}

fn note_handler(signal: c_int, handler: libc::sighandler_t) {
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        return;
    }
    match host() {
        // SAFETY: `bind`'s promise.
        Some(host) => unsafe {
            (host.api.threads().signal_handled())(host.context, signal);
        },
        None => {
            EARLY_THREADS.fetch_add(1, Ordering::Relaxed);
        }
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

    fn look_up(&self) -> *mut c_void {
        // SAFETY: a valid name; hidden symbols, so ours, are not found this way.
        let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, self.name.as_ptr()) };
        self.address.store(address, Ordering::Relaxed);
        address
    }

    /// # Safety
    /// `F` must be the type of a pointer to that function.
    unsafe fn get<F: Copy>(&self) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        let mut address = self.address.load(Ordering::Relaxed);
        if address.is_null() {
            address = self.look_up();
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
    hidden!("pthread_setspecific", "set_specific"),
    hidden!("sigaction", "sigaction"),
    hidden!("signal", "signal"),
    hidden!("pthread_create", "thread_create"),
    ".popsection",
    atexit = sym on_thread_atexit,
    key_create = sym on_key_create,
    key_delete = sym on_key_delete,
    set_specific = sym on_set_specific,
    sigaction = sym on_sigaction,
    signal = sym on_signal,
    thread_create = sym on_thread_create,
);

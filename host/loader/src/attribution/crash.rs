//! The hooks that mark a crash: a mark in the slot of the thread that is about to end the process, if a plugin's code runs on it.
//!
//! A signal's handler may interrupt anything, so it does no more than it must: it reads a thread-local without a destructor, stores into
//! memory that is there, and hands the signal on to who handled it before. Of those the standard library is one, which tells a stack overflow.

use std::fmt;

#[cfg(unix)]
use super::seat;

/// How a plugin's code ended its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum How {
    /// By a signal, of this name.
    Signal(&'static str),
    /// By a call of `exit`.
    Exit,
}

impl How {
    const EXIT: u64 = 1 << 32;

    /// What a mark says; nothing for what no hook of this host writes.
    pub(super) fn of_code(code: u64) -> Option<Self> {
        if code == Self::EXIT {
            return Some(Self::Exit);
        }
        let mut signals = SIGNALS.iter();
        let signal = signals.find(|(number, _)| u64::try_from(*number) == Ok(code));
        signal.map(|(_, name)| Self::Signal(name))
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(name) => write!(f, "by the signal {name}"),
            Self::Exit => f.write_str("by a call of `exit`"),
        }
    }
}

#[cfg(not(unix))]
const SIGNALS: [(i32, &str); 0] = [];

/// Marks, from now on and in the whole process, which plugin ends it: by SIGSEGV, SIGBUS, SIGILL, SIGFPE or SIGABRT, or by a call of `exit`. What
/// handled such a signal before goes on to do so. What ends the process without either (`_exit`, `kill -9`) leaves no mark.
///
/// A program calls this early in its `main`. Further calls do nothing; nor does any on systems that are not Unix.
pub fn catch_crashes() {
    #[cfg(unix)]
    unix::catch();
}

/// Marks the calling thread's slot.
#[cfg(unix)]
fn mark(how: u64) {
    seat::here().slot().mark(how);
}

#[cfg(unix)]
use unix::SIGNALS;

#[cfg(unix)]
mod unix {
    use std::ffi::{c_int, c_void};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Once, OnceLock};
    use std::{io, mem, process, ptr};

    use libc::{sigaction, siginfo_t};

    use super::{How, mark};

    /// The signals that a process ends of by its own fault.
    pub(super) const SIGNALS: [(c_int, &str); 5] = [
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGABRT, "SIGABRT"),
    ];

    /// What handled each of them before. Set before the handler is installed that reads it.
    static BEFORE: [OnceLock<sigaction>; SIGNALS.len()] =
        [const { OnceLock::new() }; SIGNALS.len()];

    /// The process that has the hooks. A child that it forks has them too, and the same slots, but is not the host.
    static HOST: AtomicU32 = AtomicU32::new(0);

    pub(super) fn catch() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            HOST.store(process::id(), Ordering::Relaxed);
            for ((signal, name), before) in SIGNALS.iter().zip(&BEFORE) {
                if let Err(error) = install(*signal, before) {
                    tracing::warn!(signal = name, %error, "a crash by this signal will name no plugin");
                }
            }
            // SAFETY: the hook is a function of the program.
            if unsafe { libc::atexit(on_exit) } != 0 {
                tracing::warn!("there is no room for another exit hook: a plugin that calls `exit` will not be named");
            }
        });
    }

    fn install(signal: c_int, before: &OnceLock<sigaction>) -> io::Result<()> {
        // SAFETY: all zeros are a valid `sigaction`, to be overwritten.
        let mut action: sigaction = unsafe { mem::zeroed() };
        // SAFETY: asks only; the signal exists.
        done(unsafe { libc::sigaction(signal, ptr::null(), &mut action) })?;
        before.get_or_init(|| action);
        // What it blocks meanwhile stays the same. On the thread's stack for signals, since its own may be full.
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: the handler has the signature that the flags name, and is fit for any moment.
        done(unsafe { libc::sigaction(signal, &action, ptr::null_mut()) })
    }

    fn done(result: c_int) -> io::Result<()> {
        match result {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    extern "C" fn on_exit() {
        mark_in_host(How::EXIT);
    }

    extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: the system's, for this call.
        if is_own(unsafe { &*info }) {
            mark_in_host(u64::try_from(signal).unwrap_or_default());
        }
        hand_on(signal, info, context);
    }

    fn mark_in_host(how: u64) {
        if process::id() == HOST.load(Ordering::Relaxed) {
            mark(how);
        }
    }

    /// Whether the thread's own code raised it: a fault, or `abort`. Another process may send each of these signals as well.
    fn is_own(info: &siginfo_t) -> bool {
        // SAFETY: where a signal was sent, the sender is set.
        info.si_code > 0 || u32::try_from(unsafe { info.si_pid() }) == Ok(process::id())
    }

    /// Does what would have been done without us.
    fn hand_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        let at = SIGNALS.iter().position(|(number, _)| *number == signal);
        let Some(before) = at.and_then(|at| BEFORE[at].get()) else {
            return;
        };
        let handler = before.sa_sigaction;
        if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
            // SAFETY: what was there before. A fault comes again when this returns; what was sent is sent again, and comes then.
            unsafe {
                libc::sigaction(signal, before, ptr::null_mut());
                if (*info).si_code <= 0 {
                    libc::raise(signal);
                }
            }
        } else if before.sa_flags & libc::SA_SIGINFO != 0 {
            type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
            // SAFETY: the flags say that it is such a function.
            let handler = unsafe { mem::transmute::<*const (), Handler>(handler as *const ()) };
            handler(signal, info, context);
        } else {
            // SAFETY: the flags say that it is such a function.
            let handler =
                unsafe { mem::transmute::<*const (), extern "C" fn(c_int)>(handler as *const ()) };
            handler(signal);
        }
    }
}

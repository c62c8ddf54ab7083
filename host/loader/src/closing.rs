//! The end of a generation: closed, and then unmapped as soon as nothing stands in the way, or pinned for a reason that is told.
//!
//! It runs on a thread of its own, from the moment the last lease is gone: nobody can call the library any more. What it waits for are threads that have something of the
//! library left. What it reports as unloaded, it saw to be gone from the process's memory.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentsys_abi::module::PluginModuleRef;

use crate::lease::LeaseKind;
use crate::mapping::Mapping;
use crate::threads;
use crate::unmap;

/// How a generation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// Its library was seen to be out of memory.
    Unloaded,
    /// It is closed, and its code is part of the program.
    Linked,
    /// Its library stays in memory, for now or for good. Told again with each other reason, and followed by [`End::Unloaded`] when the reason went.
    Pinned(Pin),
}

/// What keeps a library in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pin {
    /// It cannot be closed: something still holds it.
    Leases(Vec<(LeaseKind, usize)>),
    /// Threads that it started still run, by name.
    Threads(Vec<String>),
    /// Threads of others, by name, hold values of it, and have not come by since.
    Values(Vec<String>),
    /// The handlers of these signals are its functions.
    Signals(Vec<String>),
    /// Its constructors left on threads what the host cannot see the end of.
    Constructors,
    /// It is marked as not to be unloaded, or the system's loader keeps it for a reason of its own.
    NotUnloadable,
    /// Nothing is unmapped on this platform, or of libraries built with an SDK for another one.
    Platform,
}

impl Pin {
    /// Whether it stays so until the process ends.
    #[must_use]
    pub fn is_for_good(&self) -> bool {
        matches!(self, Self::Constructors | Self::Platform)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leases(leases) => {
                let counts = leases.iter().map(|(kind, count)| format!("{count} {kind}"));
                write!(f, "leases ({})", counts.collect::<Vec<_>>().join(", "))
            }
            Self::Threads(names) if names.is_empty() => {
                f.write_str("what it runs for itself does not end")
            }
            Self::Threads(names) => write!(f, "thread {} of its own still runs", names.join(", ")),
            Self::Values(names) => {
                write!(f, "thread {} still holds values of it", names.join(", "))
            }
            Self::Signals(names) => write!(f, "signal handler of {}", names.join(", ")),
            Self::Constructors => {
                f.write_str("its constructors left keys, threads or handlers of signals behind")
            }
            Self::NotUnloadable => f.write_str("the library is marked as not to be unloaded"),
            Self::Platform => f.write_str("platform: libraries are not unmapped here"),
        }
    }
}

/// Who is told how a generation ended.
pub(crate) type OnEnd = Box<dyn Fn(End) + Send + Sync>;

/// How long a library may take to be unmapped before it is said to be pinned: threads that pass by do so within that, as a rule.
const GRACE: Duration = Duration::from_millis(500);

/// How often a pinned library is looked at again, where nothing tells that its reason went.
const AGAIN: Duration = Duration::from_secs(1);

/// Closes a generation whose last lease is gone, and unmaps its library. Blocks, for as long as that is pinned for a reason that may go.
pub(crate) fn close(mapping: &Arc<Mapping>, module: PluginModuleRef, on_end: &OnEnd) {
    // Of the host no more than this, which may go before the library does.
    let call_by = mapping
        .services()
        .and_then(|services| services.caller_of_threads());
    mapping.close(module);
    if mapping.path().is_none() {
        return on_end(End::Linked);
    }
    threads::pass_by();
    let (began, mut pause, mut told) = (Instant::now(), Duration::from_millis(1), None);
    loop {
        let Some(pin) = unmap::obstacle(mapping).or_else(|| unmap::unmap(mapping).err()) else {
            // SAFETY: just seen to be unmapped.
            unsafe { mapping.free() };
            return on_end(End::Unloaded);
        };
        if (pin.is_for_good() || began.elapsed() > GRACE) && told.as_ref() != Some(&pin) {
            on_end(End::Pinned(pin.clone()));
            told = Some(pin.clone());
        }
        if pin.is_for_good() {
            return;
        }
        if let (Some(call_by), Pin::Values(_)) = (&call_by, &pin) {
            call_by();
        }
        match pin {
            Pin::Threads(_) | Pin::Values(_) => mapping.stays.wait(pause),
            // What is not a thread's tells nobody when it goes.
            _ => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(AGAIN);
    }
}

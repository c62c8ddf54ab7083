//! The seam between an AgentSys host and a compiled plugin.
//!
//! Both sides are compiled apart, by different compilers and at different times, so what passes between
//! them is fixed here and nowhere else: C structs, functions, and *prefix types* (vtables behind a pointer that carry their own
//! count of fields, so that they may grow at their end). `ABI.md` beside this crate says what each kind
//! of release may change.
//!
//! Rules that hold for everything here:
//!
//! - A struct passed by value is frozen for good. What may grow is a prefix type, behind a pointer.
//! - Enums that may grow are `u32` codes, and a reader takes an unknown code for the most general one.
//! - No function unwinds: each side catches its own panics.
//! - `context` pointers belong to the side that made them; the other one only hands them back.
//! - What a side is handed by pointer it may use until the call returns, unless said otherwise.
//!
//! | module | what crosses there |
//! |---|---|
//! | [`module`] | what a plugin offers: its root module |
//! | [`host`] | what a host offers: logs, the task at hand, the router, threads, storage, metrics |
//! | [`call`] | one call and its answer, now, later or item by item |
//! | [`routing`] | what a plugin does for others' tasks: it selects agents, and intercepts |
//! | [`payload`] | counted bytes with a content type |
//! | [`error`] | a failure: its kind, message and causes |
//! | [`waker`] | how a side that waits is told to look again |
//! | [`threads`] | what the host must know of threads to unmap a library |
//! | [`record`] | what a file says of itself without being run |

pub mod bridge;
pub mod call;
pub mod error;
pub mod host;
pub mod module;
pub mod payload;
pub mod record;
pub mod routing;
pub mod threads;
pub mod waker;

/// The version of the interface, `major.minor`: a host takes plugins of its own major.
pub const INTERFACE: &str = concat!(
    env!("CARGO_PKG_VERSION_MAJOR"),
    ".",
    env!("CARGO_PKG_VERSION_MINOR")
);

/// The number before the dot.
pub const INTERFACE_MAJOR: u32 = number(env!("CARGO_PKG_VERSION_MAJOR"));

/// The number after the dot.
pub const INTERFACE_MINOR: u32 = number(env!("CARGO_PKG_VERSION_MINOR"));

/// The name under which a library exports its root module's header: its plugin's, so that plugins linked into one program do not clash. A host
/// also takes abi_stable's own name for it.
#[must_use]
pub fn header_name(plugin: &str) -> String {
    format!("agentsys_plugin_{}", plugin.replace('-', "_"))
}

const fn number(digits: &str) -> u32 {
    let (digits, mut value, mut at) = (digits.as_bytes(), 0, 0);
    while at < digits.len() {
        value = value * 10 + (digits[at] - b'0') as u32;
        at += 1;
    }
    value
}

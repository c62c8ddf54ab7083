//! A failure, as it crosses: a kind to act on, words to read, and the chain of causes.

use abi_stable::StableAbi;
use abi_stable::std_types::{RString, RVec};

/// A failure. The receiver copies what it wants and drops this at once, since its strings are the maker's.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawError {
    /// One of [`kind`]'s codes; an unknown one means [`kind::FAILED`].
    pub kind: u32,
    /// [`FLAG_RETRYABLE`] and [`FLAG_POISONED`].
    pub flags: u32,
    /// What went wrong, in one line.
    pub message: RString,
    /// Why, outermost first.
    pub causes: RVec<RString>,
}

/// In [`RawError::flags`]: a retry may help.
pub const FLAG_RETRYABLE: u32 = 1;

/// In [`RawError::flags`]: the instance that was called panicked itself, and should not be called again.
pub const FLAG_POISONED: u32 = 2;

/// The codes of [`RawError::kind`].
pub mod kind {
    /// The handler failed, for a reason of its own.
    pub const FAILED: u32 = 0;
    /// The input does not fit; a retry with the same input cannot help.
    pub const INVALID_INPUT: u32 = 1;
    /// What was asked for does not exist.
    pub const NOT_FOUND: u32 = 2;
    /// The time was over.
    pub const TIMEOUT: u32 = 3;
    /// What was asked for is there, but cannot serve at the moment.
    pub const UNAVAILABLE: u32 = 4;
    /// There is too much to do.
    pub const OVERLOADED: u32 = 5;
    /// The caller, or the host, gave the task up.
    pub const CANCELLED: u32 = 6;
    /// The handler panicked.
    pub const PANICKED: u32 = 7;
    /// The router does not run.
    pub const NOT_RUNNING: u32 = 8;
    /// The host or the SDK is at fault.
    pub const INTERNAL: u32 = 9;
    /// Tasks are nested too deeply, as by agents that call each other in a circle.
    pub const LOOP_DETECTED: u32 = 10;
}

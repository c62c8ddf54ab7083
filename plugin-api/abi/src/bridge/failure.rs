//! A failure as a Rust value, owned by the side that holds it.

use abi_stable::std_types::RString;

use crate::error::{FLAG_POISONED, FLAG_RETRYABLE, RawError, kind};

/// A failure that crossed the seam, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One of [`kind`]'s codes.
    pub kind: u32,
    /// Whether a retry may help.
    pub retryable: bool,
    /// Whether the instance that was called panicked itself, and should not be called again.
    pub poisoned: bool,
    /// What went wrong, in one line.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
}

impl Failure {
    /// A failure without causes, for which a retry cannot help.
    pub fn new(kind: u32, message: impl Into<String>) -> Self {
        Self {
            kind,
            retryable: false,
            poisoned: false,
            message: message.into(),
            causes: Vec::new(),
        }
    }

    /// That a function of the other side, or of ours, panicked where it must not.
    pub fn panicked(what: &str, message: &str) -> Self {
        Self {
            poisoned: true,
            ..Self::new(kind::PANICKED, format!("{what} panicked: {message}"))
        }
    }
}

impl From<Failure> for RawError {
    fn from(failure: Failure) -> Self {
        Self {
            kind: failure.kind,
            flags: if failure.retryable { FLAG_RETRYABLE } else { 0 }
                | if failure.poisoned { FLAG_POISONED } else { 0 },
            message: failure.message.into(),
            causes: failure.causes.into_iter().map(RString::from).collect(),
        }
    }
}

impl From<RawError> for Failure {
    /// Copies, so that nothing of the maker's memory is kept.
    fn from(raw: RawError) -> Self {
        Self {
            kind: raw.kind,
            retryable: raw.flags & FLAG_RETRYABLE != 0,
            poisoned: raw.flags & FLAG_POISONED != 0,
            message: raw.message.as_str().to_owned(),
            causes: raw
                .causes
                .iter()
                .map(|cause| cause.as_str().to_owned())
                .collect(),
        }
    }
}

//! What an author's handler fails with: a kind for programs to act on, words for people, and the chain of causes.

use std::error::Error as StdError;
use std::fmt;

use agentsys_abi::bridge::Failure;
use agentsys_abi::error::kind;

/// The result of an author's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed task.
///
/// Any error type converts with `?`: its words become the message, its sources the causes, and its kind is [`ErrorKind::Failed`]. Where the kind matters,
/// say it: `.map_err(|error| Error::from(error).with_kind(ErrorKind::NotFound))`.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Failure>);

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The handler failed, for a reason of its own.
    Failed,
    /// The input does not fit; a retry with the same input cannot help.
    InvalidInput,
    /// What was asked for does not exist.
    NotFound,
    /// The time was over.
    Timeout,
    /// What was asked for is there, but cannot serve at the moment.
    Unavailable,
    /// There is too much to do.
    Overloaded,
    /// The caller, or the host, gave the task up.
    Cancelled,
    /// The handler panicked.
    Panicked,
    /// The router does not run.
    NotRunning,
    /// The host or the SDK is at fault.
    Internal,
    /// Tasks are nested too deeply, as by agents that call each other in a circle.
    LoopDetected,
}

impl Error {
    /// A failure of that kind. Its message is one line that says what went wrong.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Failure::new(kind.code(), message)))
    }

    /// The handler failed, for a reason of its own.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The input does not fit.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// What was asked for does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// The same failure as another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind.code();
        self
    }

    /// Says whether a retry may help. It may not unless said.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Adds causes behind those already there, the outermost first.
    #[must_use]
    pub fn with_causes(mut self, causes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.causes.extend(causes.into_iter().map(Into::into));
        self
    }

    /// Puts a message in front; the one that was there becomes the first cause.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        let cause = std::mem::replace(&mut self.0.message, message.into());
        self.0.causes.insert(0, cause);
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::from_code(self.0.kind)
    }

    /// What went wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Why, outermost first.
    #[must_use]
    pub fn causes(&self) -> &[String] {
        &self.0.causes
    }

    /// Whether a retry may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    pub(crate) fn into_failure(self) -> Failure {
        *self.0
    }

    /// What a nested task failed with: if an instance panicked there, it was not ours.
    pub(crate) fn from_failure(failure: Failure) -> Self {
        Self(Box::new(Failure {
            poisoned: false,
            ..failure
        }))
    }

    /// A panic of our own instance's.
    pub(crate) fn poisoned(message: String) -> Self {
        let failure = Failure::new(kind::PANICKED, message);
        Self(Box::new(Failure {
            poisoned: true,
            ..failure
        }))
    }
}

// Not an `std::error::Error` itself: that is what lets every other error convert.
impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let mut failure = Failure::new(kind::FAILED, error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            failure.causes.push(cause.to_string());
            source = cause.source();
        }
        Self(Box::new(failure))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if f.alternate() {
            for cause in &self.0.causes {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self:#}", self.kind())
    }
}

impl ErrorKind {
    /// All kinds that this SDK knows.
    #[cfg(feature = "testing")]
    pub(crate) const ALL: [Self; 11] = [
        Self::Failed,
        Self::InvalidInput,
        Self::NotFound,
        Self::Timeout,
        Self::Unavailable,
        Self::Overloaded,
        Self::Cancelled,
        Self::Panicked,
        Self::NotRunning,
        Self::Internal,
        Self::LoopDetected,
    ];

    /// Its name for machines: `invalid_input`, `timeout`, and so on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::InvalidInput => "invalid_input",
            Self::NotFound => "not_found",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
            Self::NotRunning => "not_running",
            Self::Internal => "internal",
            Self::LoopDetected => "loop_detected",
        }
    }

    fn code(self) -> u32 {
        match self {
            Self::Failed => kind::FAILED,
            Self::InvalidInput => kind::INVALID_INPUT,
            Self::NotFound => kind::NOT_FOUND,
            Self::Timeout => kind::TIMEOUT,
            Self::Unavailable => kind::UNAVAILABLE,
            Self::Overloaded => kind::OVERLOADED,
            Self::Cancelled => kind::CANCELLED,
            Self::Panicked => kind::PANICKED,
            Self::NotRunning => kind::NOT_RUNNING,
            Self::Internal => kind::INTERNAL,
            Self::LoopDetected => kind::LOOP_DETECTED,
        }
    }

    fn from_code(code: u32) -> Self {
        match code {
            kind::INVALID_INPUT => Self::InvalidInput,
            kind::NOT_FOUND => Self::NotFound,
            kind::TIMEOUT => Self::Timeout,
            kind::UNAVAILABLE => Self::Unavailable,
            kind::OVERLOADED => Self::Overloaded,
            kind::CANCELLED => Self::Cancelled,
            kind::PANICKED => Self::Panicked,
            kind::NOT_RUNNING => Self::NotRunning,
            kind::INTERNAL => Self::Internal,
            kind::LOOP_DETECTED => Self::LoopDetected,
            // A newer host may know kinds that we do not.
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the table cannot be read")
        }
    }

    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn an_authors_error_converts_with_its_message_and_causes() {
        fn handler() -> Result<()> {
            Err(Outer(io::Error::other("the disk is gone")))?;
            Ok(())
        }
        let error = handler().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert_eq!(error.message(), "the table cannot be read");
        assert_eq!(error.causes(), ["the disk is gone"]);
        assert!(!error.is_retryable());
    }

    #[test]
    fn context_goes_in_front_and_keeps_what_was_there() {
        let error = Error::not_found("no row 7").context("the report failed");
        assert_eq!(format!("{error:#}"), "the report failed: no row 7");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn every_kind_comes_back_from_its_code() {
        for code in 0..=kind::LOOP_DETECTED {
            assert_eq!(ErrorKind::from_code(code).code(), code);
        }
        assert_eq!(ErrorKind::from_code(4_000), ErrorKind::Failed);
    }
}

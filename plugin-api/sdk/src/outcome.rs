//! How a task ended, as an interceptor sees it.

#![cfg_attr(
    feature = "seam-older",
    allow(dead_code, reason = "the older seam has no function that asks")
)]

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use agentsys_abi::bridge::{Failure, Payload};
use agentsys_abi::error::{FLAG_RETRYABLE, kind};
use agentsys_abi::routing::{RawOutcome, RawSeenError, outcome};

use crate::error::Error;

/// How a task ended: with an answer, item by item, or with an error.
pub struct Outcome<'a> {
    payload: Option<Held<'a>>,
    error: Option<Error>,
    streamed: bool,
    agent: Cow<'a, str>,
    attempts: u32,
    duration: Duration,
}

enum Held<'a> {
    Lent(&'a Payload),
    Kept(Payload),
}

impl<'a> Outcome<'a> {
    /// # Safety
    /// What `raw` points at must be valid as long as this is used.
    pub(crate) unsafe fn lent(raw: &RawOutcome<'a>) -> Self {
        // SAFETY: the caller's promise.
        let (payload, error) = unsafe {
            let payload = (!raw.payload.is_null()).then(|| Held::Lent(Payload::seen(raw.payload)));
            (payload, raw.error.as_ref())
        };
        let failed = || Error::from_failure(Failure::new(kind::FAILED, "the task failed"));
        let error = match error {
            Some(error) => Some(copy(error)),
            None => (raw.code == outcome::FAILED).then(failed),
        };
        Self {
            payload,
            error,
            streamed: raw.code == outcome::STREAMED,
            agent: Cow::Borrowed(raw.agent.as_str()),
            attempts: raw.attempts,
            duration: Duration::from_nanos(raw.duration),
        }
    }

    /// A copy of all but the answer's bytes, for what goes on after its call.
    pub(crate) fn keep(&self) -> Outcome<'static> {
        Outcome {
            payload: self.payload().cloned().map(Held::Kept),
            error: self.error.clone(),
            streamed: self.streamed,
            agent: Cow::Owned(self.agent.clone().into_owned()),
            attempts: self.attempts,
            duration: self.duration,
        }
    }

    /// The answer; none where the task failed, or answered item by item. To clone it copies no bytes.
    #[must_use]
    pub fn payload(&self) -> Option<&Payload> {
        match self.payload.as_ref()? {
            Held::Lent(payload) => Some(payload),
            Held::Kept(payload) => Some(payload),
        }
    }

    /// What the task failed with.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Whether the answer came item by item.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.streamed
    }

    /// The name of the agent that had the task last; none where none had.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        Some(&*self.agent).filter(|agent| !agent.is_empty())
    }

    /// How many attempts it took; 0 where no agent had it.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long it took as a whole.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

#[cold]
fn copy(seen: &RawSeenError<'_>) -> Error {
    Error::from_failure(Failure {
        kind: seen.kind,
        retryable: seen.flags & FLAG_RETRYABLE != 0,
        poisoned: false,
        message: seen.message.as_str().to_owned(),
        causes: seen
            .causes
            .iter()
            .map(|cause| cause.as_str().to_owned())
            .collect(),
    })
}

impl fmt::Debug for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("payload", &self.payload())
            .field("error", &self.error)
            .field("agent", &self.agent())
            .field("attempts", &self.attempts)
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}

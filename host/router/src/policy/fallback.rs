//! What is done with a task that failed in the end.

use std::sync::Arc;

use crate::{ErrorKind, Payload, TaskError};

/// In place of an answer that a route does not give: because its agents failed, or because it has none.
///
/// It is for failures of the agents and the router, not of the caller: where the data does not fit, agents call each other in a circle, an interceptor refused the task, the router stops, or a stream has begun, the error stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Fallback {
    /// Another route gets the task, nested in the one that failed, so that routes which fall back on each other end with an error. If it fails too, the error is the
    /// first one, with the other as its cause.
    Route(Arc<str>),
    /// This answer.
    Answer(Payload),
}

impl Fallback {
    /// Whether a task that failed so gets the fallback.
    pub(crate) fn is_for(error: &TaskError) -> bool {
        !matches!(
            error.kind(),
            ErrorKind::InvalidInput | ErrorKind::LoopDetected | ErrorKind::NotRunning
        )
    }
}

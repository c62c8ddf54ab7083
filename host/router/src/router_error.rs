//! What can be wrong with a registration.

use crate::{ErrorKind, TaskError};

/// Why the router refused a registration.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RouterError {
    /// The route's name cannot be typed, logged or told from another.
    #[error("{name:?} is no name for a route: {reason}")]
    InvalidRouteName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An agent failed to initialize itself, and was not registered.
    #[error("agent {agent:?} could not be initialized")]
    Initialize {
        /// Its name.
        agent: String,
        /// What it says.
        source: TaskError,
    },
    /// An agent failed to clean up after it was taken away.
    #[error("agent {agent:?} is gone, and failed to clean up")]
    Cleanup {
        /// Its name.
        agent: String,
        /// What it says.
        source: TaskError,
    },
}

/// So that who registers agents and sends tasks has one type of error.
impl From<RouterError> for TaskError {
    fn from(error: RouterError) -> Self {
        let kind = match &error {
            RouterError::InvalidRouteName { .. } => ErrorKind::InvalidInput,
            RouterError::Initialize { source, .. } | RouterError::Cleanup { source, .. } => {
                source.kind()
            }
        };
        let causes =
            std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        Self::new(kind, error.to_string()).with_causes(causes)
    }
}

impl RouterError {
    pub(crate) fn check_route_name(name: &str) -> Result<(), Self> {
        let reason = if name.is_empty() {
            "it is empty"
        } else if name.len() > 255 {
            "it is longer than 255 bytes"
        } else if name.contains(char::is_control) {
            "it contains a control character"
        } else if name.trim() != name {
            "it begins or ends with white space"
        } else {
            return Ok(());
        };
        Err(Self::InvalidRouteName {
            name: name.to_owned(),
            reason,
        })
    }
}

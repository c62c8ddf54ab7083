//! Why a task failed, in the same shape whether the router, a plugin or an embedder's closure says
//! so. One pointer wide: an answer that is fine does not pay for the room of an error.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What kind of failure a [`TaskError`] is: what a program decides by, where people read the
/// message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The data does not fit what the agent takes.
    InvalidInput,
    /// No such route, or whatever else the agent was asked to find.
    NotFound,
    /// No answer in time.
    Timeout,
    /// The agent cannot serve at the moment.
    Unavailable,
    /// The agent has no room for more tasks.
    Overloaded,
    /// The task was cut off.
    Cancelled,
    /// The agent panicked.
    Panicked,
    /// The agent did its work and failed: its own error.
    Failed,
    /// The router takes no tasks: not started yet, or stopped.
    NotRunning,
    /// Tasks nested deeper than the limit, as agents do that call each other in a circle.
    LoopDetected,
    /// A fault of the host, not of the task or the agent.
    Internal,
}

impl ErrorKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::InvalidInput,
        Self::NotFound,
        Self::Timeout,
        Self::Unavailable,
        Self::Overloaded,
        Self::Cancelled,
        Self::Panicked,
        Self::Failed,
        Self::NotRunning,
        Self::LoopDetected,
        Self::Internal,
    ];

    /// The kind's name for machines: `invalid_input`, `timeout`, and so on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::NotFound => "not_found",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
            Self::Failed => "failed",
            Self::NotRunning => "not_running",
            Self::LoopDetected => "loop_detected",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a task failed.
///
/// `Display` is the message alone; the causes are behind [`causes`](Self::causes) and
/// [`source`](Error::source).
#[derive(Debug, Clone)]
pub struct TaskError(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    cause: Option<Box<Cause>>,
    retryable: bool,
    attempts: u32,
    agent: Option<Arc<str>>,
    route: Option<Arc<str>>,
}

/// One link of the chain of causes, kept as text: what it was made of may live in a plugin.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
struct Cause {
    message: String,
    source: Option<Box<Cause>>,
}

impl TaskError {
    /// An error without causes, not retryable, of no agent or route yet: the router adds those.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            cause: None,
            retryable: false,
            attempts: 1,
            agent: None,
            route: None,
        }))
    }

    /// An agent's own error, with its chain of sources as causes.
    #[cold]
    pub fn failed(error: &(dyn Error + '_)) -> Self {
        let sources = std::iter::successors(error.source(), |&source| source.source());
        Self::new(ErrorKind::Failed, error.to_string()).with_causes(sources.map(|s| s.to_string()))
    }

    /// Adds a cause behind those already there.
    #[must_use]
    pub fn with_cause(self, message: impl Into<String>) -> Self {
        self.with_causes([message])
    }

    /// Adds causes behind those already there, the outermost first.
    #[must_use]
    pub fn with_causes(mut self, messages: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut end = &mut self.0.cause;
        while let Some(cause) = end {
            end = &mut cause.source;
        }
        for message in messages {
            let cause = Cause {
                message: message.into(),
                source: None,
            };
            end = &mut end.insert(Box::new(cause)).source;
        }
        self
    }

    /// Says whether the same task may be sent again: it has a chance, and is not done twice.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Says how often the task was tried; 0 is taken as 1.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts.max(1);
        self
    }

    /// Names the agent that failed.
    #[must_use]
    pub fn with_agent(mut self, agent: impl Into<Arc<str>>) -> Self {
        self.0.agent = Some(agent.into());
        self
    }

    /// Names the route on which the task failed.
    #[must_use]
    pub fn with_route(mut self, route: impl Into<Arc<str>>) -> Self {
        self.0.route = Some(route.into());
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened, in one line for a person.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What led to it, the outermost cause first.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(self.0.cause.as_deref(), |cause| cause.source.as_deref())
            .map(|cause| cause.message.as_str())
    }

    /// Whether the same task may be sent again.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// How often the task was tried, of which this is the last error: 1 where it was not tried
    /// again.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The agent that failed, where one had been chosen.
    pub fn agent(&self) -> Option<&str> {
        self.0.agent.as_deref()
    }

    /// The route on which the task failed.
    pub fn route(&self) -> Option<&str> {
        self.0.route.as_deref()
    }

    /// Fills in where it happened, unless the error knows better: that of a nested task does.
    pub(crate) fn at(mut self, route: &Arc<str>, agent: &Arc<str>) -> Self {
        if self.0.route.is_none() && self.0.agent.is_none() {
            self.0.route = Some(route.clone());
            self.0.agent = Some(agent.clone());
        }
        self
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<TaskError>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), TaskError>>(), size_of::<usize>());
    }

    #[test]
    fn causes_keep_their_order_and_are_the_sources_too() {
        let error = TaskError::new(ErrorKind::Failed, "no table")
            .with_cause("no file")
            .with_causes(["no disk", "no power"]);
        assert_eq!(error.to_string(), "no table");
        assert_eq!(
            error.causes().collect::<Vec<_>>(),
            ["no file", "no disk", "no power"]
        );

        let sources = std::iter::successors(error.source(), |&source| source.source());
        assert_eq!(
            sources.map(|s| s.to_string()).collect::<Vec<_>>(),
            ["no file", "no disk", "no power"]
        );
    }

    #[test]
    fn an_agents_own_error_keeps_its_chain() {
        let inner = TaskError::new(ErrorKind::Internal, "outer").with_cause("inner");
        let error = TaskError::failed(&inner);
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert_eq!(error.message(), "outer");
        assert_eq!(error.causes().collect::<Vec<_>>(), ["inner"]);
    }
}

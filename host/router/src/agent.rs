//! What stands behind a route. The router knows nothing more about an agent than this, whether it
//! is a plugin's handler or a closure.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Payload, Task, TaskError};

/// A callable member of a route.
pub trait Agent: Send + Sync + 'static {
    /// What the agent says about itself. Asked once, at its registration.
    fn info(&self) -> &AgentInfo;

    /// Takes one task: answers it inline, or with a future.
    ///
    /// The router polls the future within the caller's task, and drops it where the time is up, the
    /// caller goes away, or the router stops. A panic here or in the future is caught and becomes
    /// an error of the kind [`Panicked`](crate::ErrorKind::Panicked).
    fn call(&self, task: &Task, data: Payload) -> Reply;
}

/// The future of an answer.
pub type ReplyFuture = Pin<Box<dyn Future<Output = Result<Payload, TaskError>> + Send>>;

/// How an agent answers.
pub enum Reply {
    /// At once. The router neither allocates nor looks at the clock for such a call.
    Ready(Result<Payload, TaskError>),
    /// Later.
    Pending(ReplyFuture),
}

impl Reply {
    /// Boxes a future as a reply.
    pub fn pending(
        future: impl Future<Output = Result<Payload, TaskError>> + Send + 'static,
    ) -> Self {
        Self::Pending(Box::pin(future))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(answer) => f.debug_tuple("Ready").field(answer).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

/// What an agent says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentInfo {
    /// Its name, in errors and listings. Several agents of a route may share one.
    pub name: Arc<str>,
    /// What it does, in a line.
    pub description: Arc<str>,
    /// Who brought it, a plugin's name for one.
    pub owner: Option<Arc<str>>,
    /// The JSON schema of what it takes.
    pub input_schema: Option<Arc<str>>,
    /// The JSON schema of what it answers.
    pub output_schema: Option<Arc<str>>,
    /// Whether it is not meant by its name where another agent has the same: a plugin's own `process` beside its handlers.
    pub gives_way: bool,
}

impl AgentInfo {
    /// An agent of no owner and without schemas.
    pub fn new(name: impl Into<Arc<str>>, description: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            owner: None,
            input_schema: None,
            output_schema: None,
            gives_way: false,
        }
    }

    /// Sets [`owner`](Self::owner).
    #[must_use]
    pub fn owner(mut self, owner: impl Into<Arc<str>>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Sets [`input_schema`](Self::input_schema).
    #[must_use]
    pub fn input_schema(mut self, schema: impl Into<Arc<str>>) -> Self {
        self.input_schema = Some(schema.into());
        self
    }

    /// Sets [`output_schema`](Self::output_schema).
    #[must_use]
    pub fn output_schema(mut self, schema: impl Into<Arc<str>>) -> Self {
        self.output_schema = Some(schema.into());
        self
    }

    /// Sets [`gives_way`](Self::gives_way).
    #[must_use]
    pub fn gives_way(mut self) -> Self {
        self.gives_way = true;
        self
    }
}

/// Names one registration of one agent; no other of this process has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(u64);

impl AgentId {
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

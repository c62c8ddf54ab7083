//! What stands behind a route. The router knows nothing more about an agent than this, whether it
//! is a plugin's handler or a closure.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_core::Stream;

use crate::{ErrorKind, Labels, Payload, Task, TaskError};

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

    /// Takes one task with a stream of items: what [`Router::route_stream_with`](crate::Router::route_stream_with) was given. Unless an agent has its own, it refuses that as
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput).
    fn call_with_items(&self, task: &Task, data: Payload, items: PayloadStream) -> Reply {
        let _ = (task, data, items);
        let message = format!("agent {:?} takes no stream of items", self.info().name);
        Reply::Ready(Err(TaskError::new(ErrorKind::InvalidInput, message)))
    }

    /// Called once, before the agent's first task, by [`Router::register_agent`](crate::Router::register_agent).
    fn initialize(&self) -> AgentFuture<'_> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Called once, after the agent's last task, by [`Router::unregister_agent`](crate::Router::unregister_agent).
    fn cleanup(&self) -> AgentFuture<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The future of an answer.
pub type ReplyFuture = Pin<Box<dyn Future<Output = Result<Payload, TaskError>> + Send>>;

/// The future of a reply that is not known to be one answer or many.
pub type OpeningFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// The future of an agent's beginning or end.
pub type AgentFuture<'a> = Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send + 'a>>;

/// A stream of items. One that is an error need not be the last.
pub type PayloadStream = Pin<Box<dyn Stream<Item = Result<Payload, TaskError>> + Send>>;

/// How an agent answers.
pub enum Reply {
    /// At once. The router neither allocates nor looks at the clock for such a call.
    Ready(Result<Payload, TaskError>),
    /// Later.
    Pending(ReplyFuture),
    /// Item by item. The stream is polled when its reader wants the next item, and dropped when the reader goes away; until then the task is under way. It is refused where a
    /// single answer was asked for.
    Stream(PayloadStream),
    /// It says later which of these it is: an agent that has to be made first, for one. The route's timeout holds until it says so, as for an answer.
    Opening(OpeningFuture),
}

impl Reply {
    /// Boxes a future as a reply.
    pub fn pending(
        future: impl Future<Output = Result<Payload, TaskError>> + Send + 'static,
    ) -> Self {
        Self::Pending(Box::pin(future))
    }

    /// Boxes a future of a reply as one.
    pub fn opening(future: impl Future<Output = Self> + Send + 'static) -> Self {
        Self::Opening(Box::pin(future))
    }

    /// Boxes a stream as a reply.
    pub fn stream(items: impl Stream<Item = Result<Payload, TaskError>> + Send + 'static) -> Self {
        Self::Stream(Box::pin(items))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(answer) => f.debug_tuple("Ready").field(answer).finish(),
            Self::Pending(_) => f.write_str("Pending"),
            Self::Stream(_) => f.write_str("Stream"),
            Self::Opening(_) => f.write_str("Opening"),
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
    /// How much of the route's tasks it gets, beside the others: with 2, twice as many as one with 1. 1 unless set; 0 is taken as 1, and 1000 is the most.
    pub weight: u32,
    /// What strategies may go by.
    pub labels: Labels,
    /// How many tasks it works on at a time; none: as many as its route allows.
    pub max_concurrent: Option<usize>,
    /// Whether its tasks may be done twice without harm; see [`RoutePolicy::idempotent`](crate::RoutePolicy::idempotent).
    pub idempotent: bool,
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
            weight: 1,
            labels: Labels::new(),
            max_concurrent: None,
            idempotent: false,
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

    /// Sets [`weight`](Self::weight).
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Adds one of the [`labels`](Self::labels).
    #[must_use]
    pub fn label(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.labels = self.labels.with(name, value);
        self
    }

    /// Sets [`max_concurrent`](Self::max_concurrent).
    #[must_use]
    pub fn max_concurrent(mut self, max_concurrent: impl Into<Option<usize>>) -> Self {
        self.max_concurrent = max_concurrent.into();
        self
    }

    /// Sets [`idempotent`](Self::idempotent).
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
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

impl AgentId {
    /// The registration's number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The id of that number, which need not be any agent's.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

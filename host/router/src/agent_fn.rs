//! Agents made of closures, for embedders and tests.

use std::sync::Arc;

use crate::{Agent, AgentInfo, Payload, Reply, Task, TaskError};

/// An agent made of an async closure. One that captures something gives each call a clone of it:
///
/// ```
/// # use std::sync::Arc;
/// # use agentsys_router::{agent_fn, Payload};
/// let greeting: Arc<str> = "Hello".into();
/// let greet = agent_fn("greet", "Greets by name.", move |name: Payload| {
///     let greeting = greeting.clone();
///     async move { Ok(format!("{greeting}, {}!", name.to_str().unwrap_or("you"))) }
/// });
/// ```
///
/// ```
/// # use agentsys_router::{agent_fn, Payload};
/// let shout = agent_fn("shout", "Repeats a text in capitals.", async |data: Payload| {
///     Ok(String::from_utf8_lossy(data.bytes()).to_uppercase())
/// });
/// ```
pub fn agent_fn<F, Fut, P>(
    name: impl Into<Arc<str>>,
    description: impl Into<Arc<str>>,
    handler: F,
) -> impl Agent
where
    F: Fn(Payload) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<P, TaskError>> + Send + 'static,
    P: Into<Payload>,
{
    FnAgent {
        info: AgentInfo::new(name, description),
        handler: move |_: &Task, data| reply(handler(data)),
    }
}

/// As [`agent_fn`], with the task: for an agent that nests other tasks in its own.
pub fn agent_fn_with<F, Fut, P>(
    name: impl Into<Arc<str>>,
    description: impl Into<Arc<str>>,
    handler: F,
) -> impl Agent
where
    F: Fn(Task, Payload) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<P, TaskError>> + Send + 'static,
    P: Into<Payload>,
{
    FnAgent {
        info: AgentInfo::new(name, description),
        handler: move |task: &Task, data| reply(handler(task.clone(), data)),
    }
}

/// An agent made of a plain closure, which answers at once. It must not block.
pub fn agent_fn_sync<F, P>(
    name: impl Into<Arc<str>>,
    description: impl Into<Arc<str>>,
    handler: F,
) -> impl Agent
where
    F: Fn(&Task, Payload) -> Result<P, TaskError> + Send + Sync + 'static,
    P: Into<Payload>,
{
    FnAgent {
        info: AgentInfo::new(name, description),
        handler: move |task: &Task, data| Reply::Ready(handler(task, data).map(Into::into)),
    }
}

fn reply<P: Into<Payload>>(
    answer: impl Future<Output = Result<P, TaskError>> + Send + 'static,
) -> Reply {
    Reply::pending(async move { answer.await.map(Into::into) })
}

struct FnAgent<F> {
    info: AgentInfo,
    handler: F,
}

impl<F> Agent for FnAgent<F>
where
    F: Fn(&Task, Payload) -> Reply + Send + Sync + 'static,
{
    fn info(&self) -> &AgentInfo {
        &self.info
    }

    fn call(&self, task: &Task, data: Payload) -> Reply {
        (self.handler)(task, data)
    }
}

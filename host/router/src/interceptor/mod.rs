//! What stands before and after every task of every route: whatever an embedder or a plugin wants done for all of them, with no line of it in the agents. A router without interceptors
//! looks at an empty list, and that is all.

mod chain;
mod layer;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::{Labels, Payload, Task, TaskError};

pub(crate) use chain::{After, Course, tell_all};
use layer::Layered;
pub use layer::{TaskRequest, TaskResponse, TaskService};

/// Stands before and after every task that comes to a route.
///
/// Interceptors are called in the order of the router's list before a task, and in the opposite order after it. Before a task has the route's
/// [`timeout`](crate::RoutePolicy::timeout) for each of them, and so has after it. One that panics before a task refuses it.
///
/// Those tasks are left out that the interceptor sent itself, and those nested in them: whose [sender](crate::TaskOptions::sender) has its name.
pub trait Interceptor: Send + Sync + 'static {
    /// Its name: in errors, and as the sender of tasks that it sends itself. Asked once, as it is put in a list.
    fn name(&self) -> &str;

    /// Called before the task's first attempt, and before it has a place. It may change the data. An error refuses the task, and is its caller's answer: there is no retry and no
    /// fallback then.
    fn before<'a>(
        &'a self,
        task: &'a Task,
        data: &'a mut Payload,
    ) -> Intercepting<'a, Result<Verdict, TaskError>> {
        let _ = (task, data);
        Box::pin(std::future::ready(Ok(Verdict::Continue)))
    }

    /// Called after the task's last attempt, or the last item of its stream, and before its caller has the answer; not for a task that it refused or answered itself, nor for one whose
    /// caller went away.
    fn after<'a>(&'a self, task: &'a Task, outcome: &'a Outcome<'a>) -> Intercepting<'a, ()> {
        let _ = (task, outcome);
        Box::pin(std::future::ready(()))
    }
}

/// The future of what an interceptor does.
pub type Intercepting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an interceptor says before a task.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// It goes on.
    Continue,
    /// It goes on with these labels besides.
    Annotate(Labels),
    /// This is the answer: the task goes no further.
    Answer(Payload),
}

/// What came of a task.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<'a> {
    /// The answer, or why there is none. `None` for one that came item by item.
    pub answer: Result<Option<&'a Payload>, &'a TaskError>,
    /// The agent that had the last attempt; none where no agent had the task.
    pub agent: Option<&'a str>,
    /// How many attempts were made.
    pub attempts: u32,
    /// From before the first interceptor to now.
    pub took: Duration,
}

/// A router's interceptors, in their order.
#[derive(Clone, Default)]
pub struct Interceptors(Arc<[Step]>);

#[derive(Clone)]
pub(crate) enum Step {
    Hook(Hook),
    Layer(Arc<dyn Layered>),
}

/// An interceptor by its name.
#[derive(Clone)]
pub(crate) struct Hook {
    name: Arc<str>,
    interceptor: Arc<dyn Interceptor>,
}

impl Interceptors {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more, after those that are there.
    #[must_use]
    pub fn with(self, interceptor: Arc<dyn Interceptor>) -> Self {
        let name = interceptor.name().into();
        self.and(Step::Hook(Hook { name, interceptor }))
    }

    /// A layer of `tower`'s, or one like it, after those that are there. It is put round [`TaskService`] once, and what it keeps is shared by the tasks of all routes. A stop of the
    /// router waits for agents and other interceptors, but not for what a layer does besides.
    #[must_use]
    pub fn layer<L>(self, layer: &L) -> Self
    where
        L: tower_layer::Layer<TaskService>,
        L::Service: layer::Wraps,
    {
        self.and(Step::Layer(layer::erase(layer.layer(TaskService::new()))))
    }

    /// Those of another list, after those that are there.
    #[must_use]
    pub fn chain(self, others: &Self) -> Self {
        Self(self.0.iter().chain(&*others.0).cloned().collect())
    }

    /// Whether there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn and(self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|step| match step {
            Step::Hook(hook) => &*hook.name,
            Step::Layer(_) => "(layer)",
        });
        f.debug_list().entries(names).finish()
    }
}

//! Layers as `tower` makes them, round every task. A layer is put round a service once, and keeps what it keeps in that service: a limit, a cache. So the service at the bottom is the
//! same for all tasks, and a request brings along how its own task goes on.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tower_service::Service;

use super::chain::Rest;
use crate::under_way::Output;
use crate::{Payload, Task, TaskError};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answering<E> = Pin<Box<dyn Future<Output = Result<TaskResponse, E>> + Send>>;

/// A task on its way through layers. A clone is the same task once more, for layers that try again: it counts as one task, with more attempts.
#[derive(Clone)]
pub struct TaskRequest {
    /// The task.
    pub task: Task,
    /// Its data, which a layer may change.
    pub data: Payload,
    pub(super) rest: Rest,
}

impl fmt::Debug for TaskRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskRequest")
            .field("task", &self.task)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

/// What a task is answered with, on its way through layers.
pub struct TaskResponse(pub(super) Output);

impl TaskResponse {
    /// The answer; none where it comes item by item.
    #[must_use]
    pub fn payload(&self) -> Option<&Payload> {
        match &self.0 {
            Output::One(answer) => Some(answer),
            Output::Items(_) => None,
        }
    }
}

impl<P: Into<Payload>> From<P> for TaskResponse {
    fn from(answer: P) -> Self {
        Self(Output::One(answer.into()))
    }
}

impl fmt::Debug for TaskResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskResponse")
            .field(&self.payload())
            .finish()
    }
}

/// What layers are put round: brings a task on to the next interceptor, and to its route. Always ready.
#[derive(Debug, Clone)]
pub struct TaskService(());

impl TaskService {
    pub(super) fn new() -> Self {
        Self(())
    }
}

impl Service<TaskRequest> for TaskService {
    type Response = TaskResponse;
    type Error = TaskError;
    type Future = Answering<TaskError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TaskError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: TaskRequest) -> Self::Future {
        let TaskRequest { task, data, rest } = request;
        Box::pin(async move {
            match rest.go(task, data).await {
                Ok(output) => Ok(TaskResponse(output)),
                Err(defeat) => Err(defeat.into_error()),
            }
        })
    }
}

/// What a layer makes of a [`TaskService`].
pub trait Wraps:
    Service<
        TaskRequest,
        Response = TaskResponse,
        Error: Into<BoxError>,
        Future: Future + Send + 'static,
    > + Clone
    + Send
    + 'static
{
}

impl<S> Wraps for S where
    S: Service<
            TaskRequest,
            Response = TaskResponse,
            Error: Into<BoxError>,
            Future: Future + Send + 'static,
        > + Clone
        + Send
        + 'static
{
}

/// A layered service of whatever type.
pub(crate) trait Layered: Send + Sync {
    fn call(&self, request: TaskRequest) -> Answering<BoxError>;
}

pub(super) fn erase(service: impl Wraps) -> Arc<dyn Layered> {
    Arc::new(Erased(Mutex::new(service)))
}

/// Services need not be `Sync`: each task has a clone of its own.
struct Erased<S>(Mutex<S>);

impl<S: Wraps> Layered for Erased<S> {
    fn call(&self, request: TaskRequest) -> Answering<BoxError> {
        let mut service = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx))
                .await
                .map_err(Into::into)?;
            service.call(request).await.map_err(Into::into)
        })
    }
}

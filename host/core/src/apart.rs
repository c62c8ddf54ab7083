//! Tasks on threads of their own, for callers that must not block: a control socket, say. A handler that never returns costs its thread and nothing else.

use std::time::Duration;

use agentsys_router::{ErrorKind, Payload, PayloadStream, RoutePolicy, TaskError, TaskOptions};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::form::{self, Begun};
use crate::host::Host;
use crate::runtimes::{Apart, within};

/// How much longer than its time a task may take to say that its time is over.
const GRACE: Duration = Duration::from_secs(1);

/// How many items wait at most for a reader that is slower than the handler.
const AHEAD: usize = 16;

/// What a task is answered with.
#[derive(Debug)]
pub enum Answer {
    /// One payload.
    One(Payload),
    /// Items, as they come.
    Items(ItemsApart),
}

impl Host {
    /// Routes a task on a thread of its own, so that a handler that never returns costs that thread and nothing else: for callers that
    /// must not block. [`Router::route_task`](crate::Router::route_task) is quicker; it runs plain handlers on the caller's thread.
    ///
    /// # Errors
    /// As [`Router::route_task`](crate::Router::route_task); where the handler holds its thread beyond the task's time, `Timeout`.
    pub async fn route_apart(
        &self,
        route: &str,
        data: Payload,
        options: TaskOptions,
    ) -> Result<Payload, TaskError> {
        let policy = self.router().policy(route).map(|policy| policy.timeout);
        let limit = sooner(policy, options.deadline);
        let (router, name) = (self.router().clone(), route.to_owned());
        let task = self.0.ground.runtimes.on_own_thread(move || async move {
            router.route_task_with(&name, data, options).await
        });
        match within(self.control(), limit.saturating_add(GRACE), task).await {
            Some(Ok(answer)) => answer.map_err(|error| self.explain(error, route)),
            Some(Err(how)) => Err(lost(route, &how)),
            None => Err(silent(route, "answer", limit)),
        }
    }

    /// As [`route_apart`](Self::route_apart), for callers that take a stream of items as well, and may bring one. It is known when the answer begins whether it is a stream: an agent of the
    /// program's own whose stream ends right after its first item counts as one that answers once.
    ///
    /// # Errors
    /// As [`Router::route_stream_with`](crate::Router::route_stream_with), before there is a stream; where the handler holds its thread beyond the task's time, `Timeout`.
    pub async fn route_stream_apart(
        &self,
        route: &str,
        data: Payload,
        options: TaskOptions,
        items: Option<PayloadStream>,
    ) -> Result<Answer, TaskError> {
        let policy = self.router().policy(route);
        let of_item = |policy: &RoutePolicy| policy.item_timeout.unwrap_or(policy.timeout);
        let item_limit = policy.as_ref().map(of_item);
        let deadline = options.deadline;
        // What opens its stream at once may take an item's time to say so.
        let open_limit = policy.map(|policy| policy.timeout).max(item_limit);
        let limit = sooner(open_limit, deadline);
        let stream = self.router().route_stream_with(route, data, options, items);
        let (begin, begun) = oneshot::channel();
        let (sender, items) = mpsc::channel(AHEAD);
        let work = self
            .0
            .ground
            .runtimes
            .on_own_thread(move || form::hand_on(stream, begin, sender));
        match within(self.control(), limit.saturating_add(GRACE), begun).await {
            Some(Ok(Begun::One(answer))) => answer
                .map(Answer::One)
                .map_err(|error| self.explain(error, route)),
            Some(Ok(Begun::Items)) => Ok(Answer::Items(ItemsApart {
                items,
                work: Some(work),
                control: self.control().clone(),
                route: route.to_owned(),
                limit: item_limit,
                deadline,
            })),
            Some(Err(_)) => {
                let how = work.await.err().unwrap_or_default();
                Err(lost(route, &how))
            }
            None => Err(silent(route, "answer", limit)),
        }
    }

    /// Says of a route that is not there which plugin would have it, and why that does not serve.
    fn explain(&self, error: TaskError, route: &str) -> TaskError {
        if error.kind() != ErrorKind::NotFound || self.router().policy(route).is_some() {
            return error;
        }
        match self.0.driver.who_would_serve(route) {
            None => error,
            Some((plugin, why)) => {
                let message = format!("route {route:?} is not there: its plugin {plugin} {why}");
                TaskError::new(ErrorKind::Unavailable, message).with_route(route)
            }
        }
    }
}

/// The items of an answer, from [`Host::route_stream_apart`]. The handler is at most a few items ahead of the reader; it is cancelled when this is dropped.
#[derive(Debug)]
pub struct ItemsApart {
    items: mpsc::Receiver<Result<Payload, TaskError>>,
    /// None once it has ended.
    work: Option<Apart<()>>,
    control: Handle,
    route: String,
    limit: Option<Duration>,
    deadline: Option<Instant>,
}

impl ItemsApart {
    /// The next item; none after the last. An error need not be the end: a handler may hand some out and go on.
    ///
    /// # Errors
    /// The handler's own, and those of [`Router::route_stream_with`](crate::Router::route_stream_with); where the handler holds its thread beyond the time for an item, `Timeout`.
    pub async fn next(&mut self) -> Option<Result<Payload, TaskError>> {
        let work = self.work.as_mut()?;
        let limit = sooner(self.limit, self.deadline);
        let next = self.items.recv();
        let error = match within(&self.control, limit.saturating_add(GRACE), next).await {
            Some(Some(item)) => return Some(item),
            Some(None) => work.await.err().map(|how| lost(&self.route, &how)),
            None => Some(silent(&self.route, "item", limit)),
        };
        self.work = None;
        error.map(Err)
    }
}

/// What is left of the time that a policy gives, if the caller's own is not over sooner.
fn sooner(policy: Option<Duration>, deadline: Option<Instant>) -> Duration {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    match (policy, left) {
        (Some(policy), Some(left)) => policy.min(left),
        (policy, left) => policy.or(left).unwrap_or_default(),
    }
}

fn lost(route: &str, how: &str) -> TaskError {
    TaskError::new(ErrorKind::Internal, format!("the task was lost: {how}")).with_route(route)
}

fn silent(route: &str, what: &str, limit: Duration) -> TaskError {
    let message = format!("no {what} within {limit:?}: a handler does not return");
    TaskError::new(ErrorKind::Timeout, message).with_route(route)
}

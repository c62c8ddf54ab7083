//! Tasks on threads of their own, for callers that must not block: a control socket, say. A handler that never returns costs its thread and nothing else.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentsys_router::{
    ErrorKind, Payload, PayloadStream, RoutePolicy, TaskError, TaskOptions, TaskStream,
};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

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
        let busy = Arc::<Busy>::default();
        let work = async move { router.route_task_with(&name, data, options).await };
        let work = Busy::watch(&busy, work);
        let task = self.0.ground.runtimes.on_own_thread(move || work);
        match busy.unless_stuck(self.control(), limit, task).await {
            Some(Ok(answer)) => answer.map_err(|error| self.explain(error, route)),
            Some(Err(how)) => Err(lost(route, &how)),
            None => Err(silent(route, "answer", limit)),
        }
    }

    /// As [`route_apart`](Self::route_apart), for callers that take a stream of items as well, and may bring one.
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
        let limit = sooner(policy.map(|policy| policy.timeout), deadline);
        let stream = self.router().route_stream_with(route, data, options, items);
        let (begin, begun) = oneshot::channel();
        let (sender, items) = mpsc::channel(AHEAD);
        let busy = Arc::<Busy>::default();
        let work = Busy::watch(&busy, hand_on(stream, begin, sender));
        let work = self.0.ground.runtimes.on_own_thread(move || work);
        match busy.unless_stuck(self.control(), limit, begun).await {
            Some(Ok(Ok(Some(answer)))) => Ok(Answer::One(answer)),
            Some(Ok(Err(error))) => Err(self.explain(error, route)),
            Some(Ok(Ok(None))) => Ok(Answer::Items(ItemsApart {
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

/// Says how the task is answered, then hands its items on.
async fn hand_on(
    mut stream: TaskStream,
    begin: oneshot::Sender<Result<Option<Payload>, TaskError>>,
    items: mpsc::Sender<Result<Payload, TaskError>>,
) {
    let opened = stream.open().await;
    let streams = matches!(opened, Ok(None));
    if begin.send(opened).is_err() || !streams {
        return;
    }
    // A place first: a reader that takes nothing is not read ahead of.
    loop {
        let place = tokio::select! {
            biased;
            place = items.reserve() => place,
            // The agent is not kept by a reader that takes nothing.
            () = stream.cut() => items.reserve().await,
        };
        let Ok(place) = place else {
            return;
        };
        match stream.next().await {
            Some(item) => place.send(item),
            None => return,
        }
    }
}

/// Since when a future is being polled, if it is. A task may take long, with all its attempts, and yet be well; one that does not come back from a poll is lost with its thread.
#[derive(Debug, Default)]
struct Busy(Mutex<Option<std::time::Instant>>);

impl Busy {
    fn watch<F: Future>(this: &Arc<Self>, work: F) -> impl Future<Output = F::Output> + use<F> {
        let (busy, mut work) = (Arc::clone(this), Box::pin(work));
        poll_fn(move |cx| {
            busy.set(Some(std::time::Instant::now()));
            let polled = work.as_mut().poll(cx);
            busy.set(None);
            polled
        })
    }

    /// Waits for what the work gives, unless it is in one poll for longer than that; then none.
    async fn unless_stuck<T>(
        &self,
        control: &Handle,
        limit: Duration,
        given: impl Future<Output = T>,
    ) -> Option<T> {
        let (limit, mut given) = (limit.saturating_add(GRACE), pin!(given));
        let mut wait = limit;
        loop {
            if let Some(given) = within(control, wait, &mut given).await {
                return Some(given);
            }
            let busy = self.since().map_or(Duration::ZERO, |since| since.elapsed());
            wait = limit.checked_sub(busy).filter(|left| !left.is_zero())?;
        }
    }

    fn set(&self, since: Option<std::time::Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn since(&self) -> Option<std::time::Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

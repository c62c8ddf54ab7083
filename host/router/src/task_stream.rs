//! A task that is answered item by item, from its caller's end: what brings the items, and what ends them where the agent does not. The reader sets the pace: the agent's
//! stream is polled when the next item is wanted, and dropped with this one.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::{Instant, Sleep};

use crate::address::Address;
use crate::call::{Answer, RouteTask};
use crate::interceptor::tell_all;
use crate::observer;
use crate::router::Shared;
use crate::stream::Items;
use crate::under_way::Output;
use crate::waiting::timer;
use crate::{ErrorKind, Payload, PayloadStream, TaskError, TaskOptions, refusal};

/// The items of a task's answer, from [`Router::route_stream`](crate::Router::route_stream). Nothing happens before it is polled; dropping it cancels the task. It ends after the
/// error that ended the task, if one did; an agent may also hand out errors and go on. An agent that answers once is a stream of one item.
#[must_use = "a task is not begun before its stream is polled"]
pub struct TaskStream {
    shared: Arc<Shared>,
    state: State,
    input_bytes: usize,
    began: Option<Instant>,
    /// The first error, which has been counted.
    failure: Option<TaskError>,
}

enum State {
    Opening(Pin<Box<dyn Future<Output = (u64, Answer)> + Send>>),
    Open(Box<Open>),
    /// Interceptors are told of the end; then the last item follows, if it is an error.
    Closing(Pin<Box<dyn Future<Output = ()> + Send>>, Option<TaskError>),
    Ended,
}

struct Open {
    items: Items,
    watch: Watch,
}

impl TaskStream {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        address: Address<'_>,
        data: Payload,
        options: TaskOptions,
        items: Option<PayloadStream>,
    ) -> Self {
        let input_bytes = data.bytes().len();
        let (of_opening, name) = (shared.clone(), address.as_str().to_owned());
        let is_route = matches!(address, Address::Route(_));
        let opening = async move {
            let run = of_opening.lifecycle.run();
            let address = if is_route {
                Address::Route(&name)
            } else {
                Address::Agent(&name)
            };
            let task = RouteTask::new(&of_opening, address, data, options);
            let mut task = task.streaming(items);
            (run, poll_fn(|cx| task.poll_output(cx)).await)
        };
        Self {
            shared: shared.clone(),
            state: State::Opening(Box::pin(opening)),
            input_bytes,
            began: None,
            failure: None,
        }
    }

    /// Waits until it is known how the agent answers: once, and this is it, or item by item; then there is none here, and the items follow. What it answers once is no item any more.
    ///
    /// # Errors
    /// Where it is not answered at all.
    pub async fn open(&mut self) -> Result<Option<Payload>, TaskError> {
        poll_fn(|cx| self.poll_open(cx)).await
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Payload>, TaskError>> {
        let State::Opening(opening) = &mut self.state else {
            return Poll::Ready(Ok(None));
        };
        self.began.get_or_insert_with(Instant::now);
        let (run, answer) = ready!(opening.as_mut().poll(cx));
        self.state = State::Ended;
        Poll::Ready(match answer {
            Ok(Output::One(answer)) => Ok(Some(answer)),
            Err(error) => Err(error),
            Ok(Output::Items(items)) => {
                let watch = Watch::new(&self.shared, &items, run);
                self.state = State::Open(Box::new(Open {
                    items: *items,
                    watch,
                }));
                Ok(None)
            }
        })
    }

    /// Ends when the host ends the stream, since its agent is replaced or the router stops: for a reader that waits for something else meanwhile, so that the agent need not wait for it.
    /// The error is the next item. Before the stream is open, and after its end, this never ends.
    pub async fn cut(&mut self) {
        poll_fn(|cx| match &mut self.state {
            State::Open(open) => open.watch.poll_cut(&mut open.items, &self.shared, cx),
            _ => Poll::Pending,
        })
        .await;
    }

    /// The next item; none after the last.
    pub async fn next(&mut self) -> Option<Result<Payload, TaskError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Counts a task that failed after it was opened, and tells the observer.
    #[cold]
    fn fail(&mut self, error: &TaskError) {
        let State::Open(open) = &self.state else {
            return;
        };
        if self.failure.is_some() {
            return;
        }
        self.failure = Some(error.clone());
        let task = &open.items.task;
        task.gate().meter.failed(error.kind());
        observer::tell_of(
            &self.shared,
            task,
            self.input_bytes,
            error.attempts(),
            error,
        );
    }
}

impl Stream for TaskStream {
    type Item = Result<Payload, TaskError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = ready!(self.poll_open(cx)).transpose() {
            return Poll::Ready(Some(first));
        }
        let this = &mut *self;
        if let State::Open(open) = &mut this.state {
            let Open { items, watch } = &mut **open;
            let next = watch.poll(items, &this.shared, cx);
            let afters = items.is_over().then(|| items.take_afters());
            if let Poll::Ready(Some(Err(error))) = &next {
                this.fail(error);
            }
            let Some(afters) = afters else {
                return next;
            };
            if let (State::Open(open), Some(began)) = (&this.state, this.began) {
                open.items.task.gate().meter.took(began.elapsed());
            }
            if afters.is_empty() {
                this.state = State::Ended;
                return next;
            }
            let error = match next {
                Poll::Ready(Some(Err(error))) => Some(error),
                _ => None,
            };
            let failed = error.clone().or_else(|| this.failure.take());
            this.state = State::Closing(Box::pin(tell_all(afters, failed)), error);
        }
        let State::Closing(closing, error) = &mut this.state else {
            return Poll::Ready(None);
        };
        if closing.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let error = error.take();
        this.state = State::Ended;
        Poll::Ready(error.map(Err))
    }
}

impl Drop for TaskStream {
    fn drop(&mut self) {
        if let State::Open(open) = &self.state
            && self.failure.is_none()
        {
            // Its reader went away.
            open.items.task.gate().meter.failed(ErrorKind::Cancelled);
        }
    }
}

impl fmt::Debug for TaskStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Opening(_) => "opening",
            State::Open(..) => "open",
            State::Closing(..) => "closing",
            State::Ended => "ended",
        };
        write!(f, "TaskStream({state})")
    }
}

/// What ends the items where the agent does not: too long without one, the task's deadline, an agent that is replaced, a router that stops.
struct Watch {
    run: u64,
    /// How long it may be without an item.
    limit: Duration,
    end: Option<Instant>,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// What it was cut off with, for a reader that was elsewhere.
    cut_with: Option<TaskError>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the reader waits, so that the timer is set.
    waits: bool,
}

impl Watch {
    fn new(shared: &Arc<Shared>, items: &Items, run: u64) -> Self {
        let policy = items.task.gate().policy();
        let lifecycle = shared.lifecycle.clone();
        Self {
            run,
            limit: policy.item_timeout.unwrap_or(policy.timeout),
            end: items.task.end(),
            cut: Box::pin(async move { lifecycle.cut_since(run).await }),
            cut_with: None,
            timer: None,
            waits: false,
        }
    }

    fn poll(
        &mut self,
        items: &mut Items,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Payload, TaskError>>> {
        if let Some(error) = self.cut_with.take() {
            return Poll::Ready(Some(Err(error)));
        }
        // Looked at before each item too: an agent that always has one would go on for ever.
        if items.is_cut() {
            return Poll::Ready(Some(Err(items.replaced())));
        }
        if shared.lifecycle.run() != self.run {
            return Poll::Ready(Some(Err(items.cut_off())));
        }
        if self.end.is_some_and(|end| end <= Instant::now()) {
            return Poll::Ready(Some(Err(items.run_out())));
        }
        if let Poll::Ready(item) = items.poll_next(cx) {
            self.waits = false;
            return Poll::Ready(item);
        }
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(items.cut_off())));
        }
        // Once more, now that a ring would be heard.
        if items.is_cut() {
            return Poll::Ready(Some(Err(items.replaced())));
        }
        if !self.waits && !self.set_timer(shared) {
            let error = refusal::no_timer(items.task.route());
            return Poll::Ready(Some(Err(items.give_up(error))));
        }
        let Some(timer) = self.timer.as_mut().filter(|_| self.waits) else {
            return Poll::Pending;
        };
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let error = if self.end.is_some_and(|end| end <= Instant::now()) {
            items.run_out()
        } else {
            items.time_out(self.limit)
        };
        Poll::Ready(Some(Err(error)))
    }

    fn poll_cut(&mut self, items: &mut Items, shared: &Shared, cx: &mut Context<'_>) -> Poll<()> {
        if self.cut_with.is_some() {
            return Poll::Ready(());
        }
        // In this order: a ring after the look is heard.
        let stops = shared.lifecycle.run() != self.run || self.cut.as_mut().poll(cx).is_ready();
        let error = if items.is_cut() {
            items.replaced()
        } else if stops {
            items.cut_off()
        } else {
            return Poll::Pending;
        };
        self.cut_with = Some(error);
        Poll::Ready(())
    }

    /// From when the reader first waits for an item; false where there is no timer to be had.
    fn set_timer(&mut self, shared: &Shared) -> bool {
        let of_item = Instant::now().checked_add(self.limit);
        let Some(at) = [of_item, self.end].into_iter().flatten().min() else {
            return true;
        };
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(at),
            None => match timer(&shared.timers, at) {
                Some(timer) => self.timer = Some(Box::pin(timer)),
                None => return false,
            },
        }
        self.waits = true;
        true
    }
}

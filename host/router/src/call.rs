//! The path of one call. What every call does stands here, in order: look the route up, take a
//! place, choose an agent, call it. A call that is answered at once allocates nothing and reads no
//! clock; whatever has to wait, or be tried again, goes on as an `errand`.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::address::Address;
use crate::errand::{Errand, Pursuit};
use crate::kept::Kept;
use crate::member::{Admission, Seat};
use crate::observer::{self, FailedTask};
use crate::router::Shared;
use crate::{Payload, Task, TaskError, TaskOptions, TraceId, refusal, task_id, under_way};

type Answer = Result<Payload, TaskError>;

/// The future of a task's answer, from [`Router::route_task`](crate::Router::route_task) or
/// [`Router::send`](crate::Router::send). Nothing happens before it is polled; dropping it cancels
/// the task.
#[must_use = "a task is not begun before its future is polled"]
pub struct RouteTask<'a> {
    shared: &'a Arc<Shared>,
    address: Address<'a>,
    /// Stays here until the agent gets it: a payload is dear to move from hand to hand.
    data: Option<Payload>,
    options: TaskOptions,
    pursuit: Option<Pursuit>,
}

impl<'a> RouteTask<'a> {
    pub(crate) fn new(
        shared: &'a Arc<Shared>,
        address: Address<'a>,
        data: Payload,
        options: TaskOptions,
    ) -> Self {
        Self {
            shared,
            address,
            data: Some(data),
            options,
            pursuit: None,
        }
    }

    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        let shared = self.shared;
        let nested = self.options.parent.is_some();
        if !shared.lifecycle.admits(nested) {
            return self.refuse(refusal::not_running());
        }
        let table = shared.registry.table();
        let Some(found) = self.address.find(&table) else {
            return self.refuse(self.address.unknown(&table));
        };
        let route = found.route;
        if let Some(parent) = &self.options.parent
            && parent.hops() >= shared.max_hops
        {
            let name = route.gate.name();
            return self.refuse(refusal::too_many_hops(name, parent, shared.max_hops));
        }
        let (limit, deadline) = match self.options.earliest_deadline() {
            None => (route.policy.timeout, None),
            Some(given) => match time_left(given, route.policy.timeout) {
                Some((limit, deadline)) => (limit, Some(deadline)),
                None => return self.refuse(refusal::deadline_passed(route.gate.name())),
            },
        };
        let data = self
            .data
            .take()
            .expect("a task's future is not polled after its end");
        let parent = self.options.parent.take();
        let task = Task::new(&route.gate, limit, deadline, parent, &shared.registry);
        let retries = route.policy.retry_count;
        let kept = Kept::of(&data, retries);
        let agent = found.agent().cloned();
        let input_bytes = data.bytes().len();
        let errand = |task, kept| Errand {
            shared: shared.clone(),
            task,
            agent,
            retries,
            kept,
            input_bytes,
        };

        let place = if task.shares_place() {
            None
        } else {
            let Some(place) = route.gate.try_enter() else {
                drop(table);
                return self.go_on(errand(task, kept).wait_for_place(data), cx);
            };
            Some(place)
        };
        let seat = Seat::take(place, found.choose(&task));
        // A long call must not hold the table: it keeps every agent in it alive.
        drop(table);
        // Once more, now that a stop would see the task counted.
        if !shared.lifecycle.admits(nested) {
            drop(seat);
            let error = refusal::not_running().with_route(task.route());
            return Poll::Ready(Err(errand(task, kept).fail(error, 0)));
        }
        if seat.admission(&task) != Admission::Begins {
            drop(seat);
            return self.go_on(errand(task, kept).wait_for_place(data), cx);
        }
        match under_way::begin(seat, &task, data, cx) {
            Ok(Ok(answer)) => Poll::Ready(Ok(answer)),
            Ok(Err(error)) => self.fail(errand(task, kept), error, cx),
            Err(under_way) => self.go_on(errand(task, kept).wait_for_answer(under_way), cx),
        }
    }

    #[cold]
    fn fail(&mut self, errand: Errand, error: TaskError, cx: &mut Context<'_>) -> Poll<Answer> {
        if errand.may_retry(&error, 1) {
            self.go_on(errand.try_again(error), cx)
        } else {
            Poll::Ready(Err(errand.fail(error, 1)))
        }
    }

    fn go_on(&mut self, mut pursuit: Pursuit, cx: &mut Context<'_>) -> Poll<Answer> {
        let answer = pursuit.as_mut().poll(cx);
        if answer.is_pending() {
            self.pursuit = Some(pursuit);
        }
        answer
    }

    /// The end of a task that never became one. What its observer is told, is looked for only here.
    #[cold]
    fn refuse(&self, error: TaskError) -> Poll<Answer> {
        let table = self.shared.registry.table();
        let route = self
            .address
            .find(&table)
            .map(|found| found.route.gate.name().clone());
        drop(table);
        let error = match (&route, error.route()) {
            (Some(route), None) => error.with_route(route.clone()),
            _ => error,
        };
        if let Some(observer) = &self.shared.observer {
            let task_id = task_id::next();
            let parent = self.options.parent.as_deref();
            let data = self.data.as_ref();
            let failed = FailedTask {
                route: route.as_deref().unwrap_or(self.address.as_str()),
                known_route: route.is_some(),
                task_id,
                trace_id: parent.map_or_else(|| TraceId::of(task_id), Task::trace_id),
                hops: parent.map_or(0, |parent| parent.hops().saturating_add(1)),
                input_bytes: data.map_or(0, |data| data.bytes().len()),
                attempts: 0,
                error: &error,
            };
            observer::tell(observer, &failed);
        }
        Poll::Ready(Err(error))
    }
}

impl Future for RouteTask<'_> {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        match self.pursuit.take() {
            None => self.begin(cx),
            Some(pursuit) => self.go_on(pursuit, cx),
        }
    }
}

impl fmt::Debug for RouteTask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteTask({:?})", self.address.as_str())
    }
}

/// How long a task may take, and until when, where a deadline is given; `None` if it has passed.
fn time_left(given: Instant, timeout: Duration) -> Option<(Duration, Instant)> {
    let now = Instant::now();
    let left = given
        .checked_duration_since(now)
        .filter(|left| !left.is_zero())?;
    if timeout < left {
        Some((timeout, now + timeout))
    } else {
        Some((left, given))
    }
}

//! The path of one call. What every call does stands here, in order: look the route up, take a
//! place, choose an agent, call it. A call that is answered at once allocates nothing and reads no
//! clock; whatever has to wait goes to `waiting`.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::member::Seat;
use crate::router::Shared;
use crate::under_way;
use crate::{Payload, Task, TaskError, TaskOptions, refusal, waiting};

type Answer = Result<Payload, TaskError>;

/// The future of a task's answer, from [`Router::route_task`](crate::Router::route_task). Nothing
/// happens before it is polled; dropping it cancels the task.
#[must_use = "a task is not begun before its future is polled"]
pub struct RouteTask<'a> {
    shared: &'a Arc<Shared>,
    route: &'a str,
    /// Stays here until the agent gets it: a payload is dear to move from hand to hand.
    data: Option<Payload>,
    options: TaskOptions,
    waiting: Option<Waiting>,
}

type Waiting = Pin<Box<dyn Future<Output = Answer> + Send>>;

impl<'a> RouteTask<'a> {
    pub(crate) fn new(
        shared: &'a Arc<Shared>,
        route: &'a str,
        data: Payload,
        options: TaskOptions,
    ) -> Self {
        Self {
            shared,
            route,
            data: Some(data),
            options,
            waiting: None,
        }
    }

    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        let (shared, name) = (self.shared, self.route);
        let nested = self.options.parent.is_some();
        if !shared.lifecycle.admits(nested) {
            return refuse(refusal::not_running(name));
        }
        let table = shared.registry.table();
        let Some(route) = table.get(name) else {
            return refuse(refusal::no_such_route(name, &table));
        };
        if let Some(parent) = &self.options.parent
            && parent.hops() >= shared.max_hops
        {
            return refuse(refusal::too_many_hops(name, parent, shared.max_hops));
        }
        let (limit, deadline) = match self.options.earliest_deadline() {
            None => (route.policy.timeout, None),
            Some(given) => match time_left(given, route.policy.timeout) {
                Some((limit, deadline)) => (limit, Some(deadline)),
                None => return refuse(refusal::deadline_passed(name)),
            },
        };
        let data = self
            .data
            .take()
            .expect("a task's future is not polled after its end");
        let task = Task::new(&route.gate, limit, deadline, self.options.parent.take());

        let place = if task.shares_place() {
            None
        } else {
            let Some(place) = route.gate.try_enter() else {
                drop(table);
                return self.wait(Box::pin(waiting::for_place(shared.clone(), task, data)), cx);
            };
            Some(place)
        };
        let seat = Seat::take(place, route.choose());
        // A long call must not hold the table: it keeps every agent in it alive.
        drop(table);
        // Once more, now that a stop would see the task counted.
        if !shared.lifecycle.admits(nested) {
            return refuse(refusal::not_running(name));
        }
        match under_way::begin(seat, &task, data, cx) {
            Ok(answer) => Poll::Ready(answer),
            Err(under_way) => self.wait(
                Box::pin(waiting::for_answer(shared.clone(), task, under_way)),
                cx,
            ),
        }
    }

    fn wait(&mut self, mut waiting: Waiting, cx: &mut Context<'_>) -> Poll<Answer> {
        let answer = waiting.as_mut().poll(cx);
        if answer.is_pending() {
            self.waiting = Some(waiting);
        }
        answer
    }
}

impl Future for RouteTask<'_> {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        match self.waiting.take() {
            None => self.begin(cx),
            Some(waiting) => self.wait(waiting, cx),
        }
    }
}

impl fmt::Debug for RouteTask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteTask({:?})", self.route)
    }
}

fn refuse(error: TaskError) -> Poll<Answer> {
    Poll::Ready(Err(error))
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

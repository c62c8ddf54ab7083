//! The path of one call. What every call does stands here, in order: look the route up, take a
//! place, choose an agent, call it. A call that is answered at once allocates nothing and reads no
//! clock, but for one in many that is timed; whatever has to wait, or be tried again, goes on as an `errand`.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::address::Address;
use crate::errand::{Errand, First, Pursuit};
use crate::kept::Kept;
use crate::member::Admission;
use crate::metrics::TIMED_ONE_IN;
use crate::observer::{self, FailedTask};
use crate::route::Route;
use crate::router::Shared;
use crate::seat::Seat;
use crate::setback::Setback;
use crate::strategy::{Choice, Wish};
use crate::task::Making;
use crate::under_way::Output;
use crate::{
    Payload, PayloadStream, RoutePolicy, Task, TaskError, TaskOptions, TraceId, refusal, task_id,
    under_way,
};

pub(crate) type Answer = Result<Output, TaskError>;

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
    /// Whether its caller takes a stream, and the items that it brings.
    items: Option<Option<PayloadStream>>,
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
            items: None,
            pursuit: None,
        }
    }

    /// Its caller takes a stream of items, and may bring one.
    pub(crate) fn streaming(mut self, items: Option<PayloadStream>) -> Self {
        self.items = Some(items);
        self
    }

    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        let shared = self.shared;
        let nested = self.options.parent.is_some();
        if !shared.lifecycle.admits(nested) {
            return self.refuse_while_stopped();
        }
        let table = shared.registry.table();
        let Some(found) = self.address.find(&table) else {
            let error = self.address.unknown(&table);
            drop(table);
            return self.nowhere(error, cx);
        };
        let route = found.route;
        let before = route.gate.count_task();
        if let Some(parent) = &self.options.parent
            && parent.hops() >= shared.max_hops
        {
            let name = route.gate.name();
            return self.refuse(refusal::too_many_hops(name, parent, shared.max_hops));
        }
        let policy = &*route.policy;
        let end = earliest(self.options.earliest_deadline(), policy);
        let (limit, deadline) = match end {
            None => (policy.timeout, None),
            Some(end) => match time_left(end, policy.timeout) {
                Some((limit, deadline)) => (limit, Some(deadline)),
                None => return self.refuse(refusal::deadline_passed(route.gate.name())),
            },
        };
        let data = self
            .data
            .take()
            .expect("a task's future is not polled after its end");
        let making = Making {
            limit,
            deadline,
            end,
            idempotent: self.options.idempotent,
            parent: self.options.parent.take(),
            extras: self.options.extras(self.items.take()),
        };
        let task = Task::new(&route.gate, making, &shared.registry);
        let kept = Kept::of(&data, policy.may_need_data_again());
        let only = found.only();
        let input_bytes = data.bytes().len();
        let began = before.is_multiple_of(TIMED_ONE_IN).then(Instant::now);
        let errand = |task, kept| Errand::new(shared, task, only, kept, input_bytes, began);

        if !table.interceptors.is_empty() {
            let steps = table.interceptors.clone();
            drop(table);
            return self.go_on(errand(task, kept).pass(data, steps), cx);
        }
        let place = if task.shares_place() {
            None
        } else {
            let Some(place) = route.gate.try_enter() else {
                drop(table);
                return self.go_on(errand(task, kept).pursue(First::Place(data, None)), cx);
            };
            Some(place)
        };
        let pick = match found.choose(&task, Wish::default()) {
            Choice::Agent(pick) => pick,
            other => {
                let later = other.later();
                drop(place);
                drop(table);
                return self.go_on(errand(task, kept).pursue(First::Place(data, later)), cx);
            }
        };
        let seat = Seat::take(place, pick);
        // A long call must not hold the table: it keeps every agent in it alive.
        drop(table);
        // Once more, now that a stop would see the task counted.
        if !shared.lifecycle.admits(nested) {
            drop(seat);
            let error = refusal::not_running().with_route(task.route());
            return Poll::Ready(Err(errand(task, kept).refuse(error)));
        }
        if seat.admission(&task) != Admission::Begins {
            drop(seat);
            return self.go_on(errand(task, kept).pursue(First::Place(data, None)), cx);
        }
        match under_way::begin(seat, &task, data, cx) {
            Ok(Ok(answer)) => {
                if let (Some(began), Output::One(_)) = (began, &answer) {
                    task.gate().meter.took(began.elapsed());
                }
                Poll::Ready(Ok(answer))
            }
            Ok(Err(setback)) => self.go_on(errand(task, kept).pursue(First::Failed(setback)), cx),
            Err(under_way) => self.go_on(errand(task, kept).pursue(First::Answer(under_way)), cx),
        }
    }

    fn go_on(&mut self, mut pursuit: Pursuit, cx: &mut Context<'_>) -> Poll<Answer> {
        let answer = pursuit.as_mut().poll(cx);
        if answer.is_pending() {
            self.pursuit = Some(pursuit);
        }
        answer
    }

    /// There is no such route, or no such agent. What a route's policy has as its fallback stands in for one that has no agents.
    #[cold]
    fn nowhere(&mut self, error: TaskError, cx: &mut Context<'_>) -> Poll<Answer> {
        let Address::Route(name) = self.address else {
            return self.refuse(error);
        };
        let shared = self.shared;
        let policy = shared.registry.own_policy(name);
        let Some(policy) = policy.filter(|policy| policy.fallback.is_some()) else {
            return self.refuse(error);
        };
        if let Some(parent) = &self.options.parent
            && parent.hops() >= shared.max_hops
        {
            return self.refuse(refusal::too_many_hops(name, parent, shared.max_hops));
        }
        let data = self
            .data
            .take()
            .unwrap_or_else(|| Payload::from(Vec::new()));
        // A route for this task alone, so that the fallback is nested in one, as it is otherwise.
        let end = earliest(self.options.earliest_deadline(), &policy);
        let route = Route::new(name.into(), policy);
        let making = Making {
            limit: route.policy.timeout,
            deadline: end,
            end,
            idempotent: self.options.idempotent,
            parent: self.options.parent.take(),
            extras: self.options.extras(self.items.take()),
        };
        let task = Task::new(&route.gate, making, &shared.registry);
        let (kept, input_bytes) = (Kept::of(&data, true), data.bytes().len());
        let errand = Errand::new(shared, task, None, kept, input_bytes, None);
        let setback = Setback::stopped(error);
        self.go_on(errand.pursue(First::Failed(setback)), cx)
    }

    /// Counts the task first, as those are that are refused later.
    #[cold]
    fn refuse_while_stopped(&self) -> Poll<Answer> {
        let table = self.shared.registry.table();
        if let Some(found) = self.address.find(&table) {
            found.route.gate.count_task();
        }
        drop(table);
        self.refuse(refusal::not_running())
    }

    /// The end of a task that never became one. What its observer is told, is looked for only here.
    #[cold]
    fn refuse(&self, error: TaskError) -> Poll<Answer> {
        let table = self.shared.registry.table();
        let gate = self
            .address
            .find(&table)
            .map(|found| found.route.gate.clone());
        drop(table);
        if let Some(gate) = &gate {
            gate.meter.failed(error.kind());
        }
        let route = gate.as_ref().map(|gate| gate.name());
        let error = match (route, error.route()) {
            (Some(route), None) => error.with_route(route.clone()),
            _ => error,
        };
        if let Some(observer) = &self.shared.observer {
            let task_id = task_id::next();
            let parent = self.options.parent.as_deref();
            let data = self.data.as_ref();
            let failed = FailedTask {
                route: route.map_or(self.address.as_str(), |route| route),
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

    /// As its future, for who can take a stream.
    pub(crate) fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        match self.pursuit.take() {
            None => self.begin(cx),
            Some(pursuit) => self.go_on(pursuit, cx),
        }
    }
}

impl Future for RouteTask<'_> {
    type Output = Result<Payload, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_output(cx).map(|answer| match answer? {
            Output::One(answer) => Ok(answer),
            Output::Items(items) => Err(items.refuse()),
        })
    }
}

impl fmt::Debug for RouteTask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteTask({:?})", self.address.as_str())
    }
}

/// When the task is given up, whatever its attempts may take.
#[inline]
fn earliest(given: Option<Instant>, policy: &RoutePolicy) -> Option<Instant> {
    let Some(most) = policy.deadline else {
        return given;
    };
    let own = Instant::now().checked_add(most);
    match (given, own) {
        (Some(given), Some(own)) => Some(given.min(own)),
        (given, own) => given.or(own),
    }
}

/// How long an attempt may take, and until when, where a deadline is given; `None` if it has passed.
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

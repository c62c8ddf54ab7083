//! One attempt of a task, where it has to wait for a free place or for an agent, until the time is
//! up or the router stops. Only here and between two attempts are there timers.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::address::Found;
use crate::errand::Errand;
use crate::member::{Admission, Seat};
use crate::router::Shared;
use crate::under_way::{self, UnderWay};
use crate::{Payload, Task, TaskError, refusal};

/// How an attempt failed.
pub(crate) enum Setback {
    /// Another attempt might do better.
    Failed(TaskError),
    /// There is no time for another: it is up, or the router stops.
    Ended {
        error: TaskError,
        /// Whether an agent had the task by then.
        reached: bool,
    },
}

/// Waits for a free place, then for the agent. Which agent that is, is decided when the place is
/// free: meanwhile others may have come.
pub(crate) async fn for_place(
    errand: &Errand,
    mut alarm: Pin<&mut impl Alarm>,
    data: Payload,
) -> Result<Payload, Setback> {
    let (task, lifecycle) = (&errand.task, &errand.shared.lifecycle);
    let not_reached = |error| Setback::Ended {
        error,
        reached: false,
    };
    let waiting = lifecycle.wait();
    if !lifecycle.admits(task.is_nested()) {
        let error = refusal::not_running().with_route(task.route());
        return Err(not_reached(error));
    }
    let seat = tokio::select! {
        biased;
        seat = seat(errand) => seat.map_err(Setback::Failed)?,
        end = &mut alarm => return Err(not_reached(match end {
            End::TimedOut => refusal::no_place_in_time(task),
            End::CutOff => refusal::cut_off(task.route()),
        })),
    };
    // The agent counts the task from here on.
    drop(waiting);
    // The place may have come free by the end of another task that was cut off.
    if !lifecycle.admits(true) {
        return Err(not_reached(refusal::cut_off(task.route())));
    }

    let mut first = Some((seat, data));
    let begun = poll_fn(|cx| {
        let (seat, data) = first
            .take()
            .expect("this future is ready at its first poll");
        Poll::Ready(under_way::begin(seat, task, data, cx))
    });
    match begun.await {
        Ok(answer) => answer.map_err(Setback::Failed),
        Err(under_way) => for_answer(task, alarm, under_way).await,
    }
}

async fn seat(errand: &Errand) -> Result<Seat, TaskError> {
    let (task, registry) = (&errand.task, &errand.shared.registry);
    let agent = errand.agent.as_deref();
    loop {
        let change = registry.next_change();
        let table = registry.table();
        let gate = Found::again(&table, task.route(), agent)?
            .route
            .gate
            .clone();
        drop(table);
        let place = if task.shares_place() {
            None
        } else {
            // Closed: the route went, and perhaps came again.
            let Ok(place) = gate.enter().await else {
                continue;
            };
            Some(place)
        };
        let table = registry.table();
        let found = Found::again(&table, task.route(), agent)?;
        if !Arc::ptr_eq(&found.route.gate, &gate) {
            continue;
        }
        // Where the one whose turn it is has tasks wait, another may take this one.
        let seat = Seat::take(place, found.choose_open(task));
        match seat.admission(task) {
            Admission::Begins => return Ok(seat),
            // Of a table that has been replaced since.
            Admission::Elsewhere => {}
            Admission::Waits => {
                drop((seat, table));
                change.await;
            }
        }
    }
}

/// Waits for an agent that has not answered at once. To be awaited within the poll that began the
/// call: that was the agent's first poll, and a second would tell nothing new.
pub(crate) async fn for_answer(
    task: &Task,
    mut alarm: Pin<&mut impl Alarm>,
    under_way: UnderWay,
) -> Result<Payload, Setback> {
    let mut under_way = under_way;
    let mut polled_already = true;
    poll_fn(|cx| {
        if !std::mem::take(&mut polled_already)
            && let Poll::Ready(answer) = Pin::new(&mut under_way).poll(cx)
        {
            return Poll::Ready(answer.map_err(Setback::Failed));
        }
        // Whoever cuts an agent's tasks off rings all alarms.
        if under_way.is_cut() {
            return Poll::Ready(Err(Setback::Failed(under_way.replaced())));
        }
        alarm.as_mut().poll(cx).map(|end| {
            Err(Setback::Ended {
                error: match end {
                    End::TimedOut => under_way.timed_out(task.limit()),
                    End::CutOff => under_way.cut_off(),
                },
                reached: true,
            })
        })
    })
    .await
}

/// Rings once, for all attempts of a task together.
pub(crate) trait Alarm: Future<Output = End> + Send {}

impl<F: Future<Output = End> + Send> Alarm for F {}

/// What ends a wait.
pub(crate) enum End {
    TimedOut,
    CutOff,
}

pub(crate) fn alarm(shared: &Shared, task: &Task, run: u64) -> Result<impl Alarm, TaskError> {
    let timer = match task.deadline() {
        Some(deadline) => {
            Some(timer(&shared.timers, deadline).ok_or_else(|| refusal::no_timer(task.route()))?)
        }
        None => None,
    };
    Ok(async move {
        let time_is_up = async {
            match timer {
                Some(timer) => timer.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = shared.lifecycle.cut_since(run) => End::CutOff,
            () = time_is_up => End::TimedOut,
        }
    })
}

/// A timer of the runtime given, or else of the caller's; `None` where there is neither.
pub(crate) fn timer(timers: &Option<Handle>, deadline: Instant) -> Option<Sleep> {
    let _inside = match timers {
        Some(timers) => Some(timers.enter()),
        None => {
            Handle::try_current().ok()?;
            None
        }
    };
    Some(sleep_until(deadline))
}

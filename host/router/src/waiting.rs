//! The slow part of a call: what waits for a free place or for an agent, until the time is up or
//! the router stops. Only here are there timers.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::member::Seat;
use crate::router::Shared;
use crate::under_way::{self, UnderWay};
use crate::{Payload, Task, TaskError, refusal};

/// Waits for an agent that has not answered at once.
pub(crate) async fn for_answer(
    shared: Arc<Shared>,
    task: Task,
    under_way: UnderWay,
) -> Result<Payload, TaskError> {
    let alarm = pin!(alarm(&shared, &task)?);
    answer_or(alarm, &task, under_way).await
}

/// Waits for a free place, then for the agent. Which agent that is, is decided when the place is
/// free: meanwhile others may have come.
pub(crate) async fn for_place(
    shared: Arc<Shared>,
    task: Task,
    data: Payload,
) -> Result<Payload, TaskError> {
    let waiting = shared.lifecycle.wait();
    if !shared.lifecycle.admits(task.is_nested()) {
        return Err(refusal::not_running(task.route()));
    }
    let mut alarm = pin!(alarm(&shared, &task)?);
    let seat = tokio::select! {
        biased;
        seat = seat(&shared, &task) => seat?,
        end = &mut alarm => return Err(match end {
            End::TimedOut => refusal::no_place_in_time(&task),
            End::CutOff => refusal::cut_off(task.route()),
        }),
    };
    // The agent counts the task from here on.
    drop(waiting);
    // The place may have come free by the end of another task that was cut off.
    if !shared.lifecycle.admits(true) {
        return Err(refusal::cut_off(task.route()));
    }

    let mut first = Some((seat, data));
    let begun = poll_fn(|cx| {
        let (seat, data) = first
            .take()
            .expect("this future is ready at its first poll");
        Poll::Ready(under_way::begin(seat, &task, data, cx))
    });
    match begun.await {
        Ok(answer) => answer,
        Err(under_way) => answer_or(alarm, &task, under_way).await,
    }
}

async fn seat(shared: &Shared, task: &Task) -> Result<Seat, TaskError> {
    loop {
        let gone = || refusal::route_gone(task.route());
        let gate = shared
            .registry
            .table()
            .get(task.route())
            .ok_or_else(gone)?
            .gate
            .clone();
        // Closed: the route went, and perhaps came again.
        let Ok(place) = gate.enter().await else {
            continue;
        };
        let table = shared.registry.table();
        let route = table.get(task.route()).ok_or_else(gone)?;
        if Arc::ptr_eq(&route.gate, &gate) {
            return Ok(Seat::take(Some(place), route.choose()));
        }
    }
}

/// To be awaited within the poll that began the call: that was the agent's first poll, and a
/// second would tell nothing new.
async fn answer_or(
    mut alarm: Pin<&mut impl Future<Output = End>>,
    task: &Task,
    mut under_way: UnderWay,
) -> Result<Payload, TaskError> {
    let mut polled_already = true;
    poll_fn(|cx| {
        if !std::mem::take(&mut polled_already)
            && let Poll::Ready(answer) = Pin::new(&mut under_way).poll(cx)
        {
            return Poll::Ready(answer);
        }
        alarm.as_mut().poll(cx).map(|end| {
            Err(match end {
                End::TimedOut => under_way.timed_out(task.limit()),
                End::CutOff => under_way.cut_off(),
            })
        })
    })
    .await
}

/// What ends a wait.
enum End {
    TimedOut,
    CutOff,
}

fn alarm(shared: &Shared, task: &Task) -> Result<impl Future<Output = End>, TaskError> {
    let run = shared.lifecycle.run();
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

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
use crate::gate::NoPlace;
use crate::member::{Admission, Member};
use crate::router::Shared;
use crate::seat::Seat;
use crate::setback::Setback;
use crate::strategy::{Choice, Later, Pick, Wish, named_one_that_is_gone};
use crate::under_way::{self, Output, UnderWay};
use crate::{AgentId, Payload, Task, refusal};

/// What an attempt begins with.
pub(crate) struct Attempt<'a> {
    pub(crate) errand: &'a Errand,
    pub(crate) task: &'a Task,
    /// Who failed at the one before.
    pub(crate) not: Option<AgentId>,
}

/// Waits for a free place, then for the agent. Which agent that is, is decided when the place is
/// free: meanwhile others may have come.
pub(crate) async fn for_place(
    attempt: Attempt<'_>,
    mut alarm: Pin<&mut impl Alarm>,
    data: Payload,
    selected: Option<Later>,
) -> Result<Output, Setback> {
    let Attempt { errand, task, .. } = attempt;
    let lifecycle = &errand.shared.lifecycle;
    let waiting = lifecycle.wait();
    // What came through interceptors was let in before those, and was counted all the while.
    if !lifecycle.admits(task.is_nested() || errand.is_in_course()) {
        let error = refusal::not_running().with_route(task.route());
        return Err(Setback::stopped(error));
    }
    let seat = tokio::select! {
        biased;
        seat = seat(&attempt, selected) => seat?,
        end = &mut alarm => return Err(match end {
            End::TimedOut => Setback::waited_in_vain(refusal::no_place_in_time(task)),
            End::CutOff => Setback::stopped(refusal::cut_off(task.route())),
        }),
    };
    errand.note(seat.agent_name());
    // The agent counts the task from here on.
    drop(waiting);
    // The place may have come free by the end of another task that was cut off.
    if !lifecycle.admits(true) {
        return Err(Setback::stopped(refusal::cut_off(task.route())));
    }

    let mut first = Some((seat, data));
    let begun = poll_fn(|cx| {
        let (seat, data) = first
            .take()
            .expect("this future is ready at its first poll");
        Poll::Ready(under_way::begin(seat, task, data, cx))
    });
    match begun.await {
        Ok(answer) => answer,
        Err(under_way) => for_answer(attempt, alarm, under_way).await,
    }
}

async fn seat(attempt: &Attempt<'_>, selected: Option<Later>) -> Result<Seat, Setback> {
    let Attempt { errand, task, not } = *attempt;
    let (registry, only) = (&errand.shared.registry, errand.only.as_ref());
    let mut selected = match selected {
        Some(later) => Selected::Asked(later.agent(task).await),
        None => Selected::NotYet,
    };
    loop {
        let table = registry.table();
        let found = Found::again(&table, task.route(), only).map_err(Setback::not_reached)?;
        let (gate, most) = (found.route.gate.clone(), found.route.policy.max_queue);
        drop(table);
        let mut place = if task.shares_place() {
            None
        } else {
            match gate.enter(most).await {
                Ok(place) => Some(place),
                Err(NoPlace::Closed) => continue,
                Err(NoPlace::QueueFull) => {
                    gate.figures.count_rejected();
                    return Err(Setback::not_reached(refusal::queue_full(
                        task.route(),
                        most,
                    )));
                }
            }
        };
        loop {
            // Before the look at the agents: what changes after it is told.
            let change = registry.next_change();
            let (wanting, room) = gate.next_room();
            let table = registry.table();
            let found = Found::again(&table, task.route(), only).map_err(Setback::not_reached)?;
            if !Arc::ptr_eq(&found.route.gate, &gate) {
                break;
            }
            // Where the one whose turn it is has tasks wait, another may take this one.
            let choice = match selected.take(&found, task) {
                Some(member) => Choice::Agent(Pick::plainly(member)),
                None => found.choose(task, Wish { not, open: true }),
            };
            let pick = match choice {
                Choice::Agent(pick) => pick,
                Choice::Full(trial) => {
                    drop(table);
                    let trial = trial.and_then(|at| timer(&errand.shared.timers, at));
                    let trial = async {
                        match trial {
                            Some(timer) => timer.await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        () = room => {}
                        () = change => {}
                        () = trial => {}
                    }
                    continue;
                }
                Choice::Later(later) => {
                    drop((table, wanting));
                    selected = Selected::Asked(later.agent(task).await);
                    continue;
                }
            };
            // It takes no seat while its agent is held: giving that back would tell those who wait for room, itself among them.
            if !pick.on_trial && pick.member.admission(task) == Admission::Waits {
                drop((place, table));
                change.await;
                break;
            }
            let seat = Seat::take(place.take(), pick);
            match seat.admission(task) {
                Admission::Begins => return Ok(seat),
                // Of a table that has been replaced since.
                Admission::Elsewhere => {}
                Admission::Waits => {
                    drop((seat, table));
                    tokio::select! {
                        () = room => {}
                        () = change => {}
                    }
                }
            }
            break;
        }
    }
}

/// What came of asking a strategy that could not answer at once.
enum Selected {
    NotYet,
    /// `None`: it failed, and round robin chooses.
    Asked(Option<(AgentId, Arc<dyn crate::RoutingStrategy>)>),
}

impl Selected {
    /// The agent that was named, if it is still there, or who takes its place; none where the strategy is to be asked.
    fn take<'t>(&mut self, found: &Found<'t>, task: &Task) -> Option<&'t Arc<Member>> {
        let Self::Asked(named) = std::mem::replace(self, Self::NotYet) else {
            return None;
        };
        if let Some((agent, strategy)) = named {
            if let Some(member) = found.member(agent) {
                return Some(member);
            }
            named_one_that_is_gone(&strategy, agent, task);
        }
        Some(found.next_in_turn())
    }
}

/// Waits for an agent that has not answered at once. To be awaited within the poll that began the
/// call: that was the agent's first poll, and a second would tell nothing new.
pub(crate) async fn for_answer(
    attempt: Attempt<'_>,
    mut alarm: Pin<&mut impl Alarm>,
    mut under_way: UnderWay,
) -> Result<Output, Setback> {
    let task = attempt.task;
    let mut polled_already = true;
    poll_fn(|cx| {
        if !std::mem::take(&mut polled_already)
            && let Poll::Ready(answer) = under_way.poll(task, cx)
        {
            return Poll::Ready(answer);
        }
        // Whoever cuts an agent's tasks off rings all alarms: so this one listens before the look.
        let rung = alarm.as_mut().poll(cx);
        if under_way.is_cut() {
            return Poll::Ready(Err(under_way.replaced()));
        }
        rung.map(|end| {
            Err(match end {
                End::TimedOut => under_way.time_out(task.limit()),
                End::CutOff => under_way.cut_off(),
            })
        })
    })
    .await
}

/// Rings once.
pub(crate) trait Alarm: Future<Output = End> + Send {}

impl<F: Future<Output = End> + Send> Alarm for F {}

/// What ends a wait.
pub(crate) enum End {
    TimedOut,
    CutOff,
}

/// Rings at that time, or when the run's tasks are cut off; `None` where there is no timer to be had.
pub(crate) fn alarm(shared: &Shared, at: Option<Instant>, run: u64) -> Option<impl Alarm> {
    let timer = match at {
        Some(at) => Some(timer(&shared.timers, at)?),
        None => None,
    };
    Some(async move {
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

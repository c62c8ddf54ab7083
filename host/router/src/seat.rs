//! A task's place on a route and with one of its agents. It is what brings every count back to 0, however a task ends, and where each attempt's end is noted.

use std::sync::Arc;

use tokio::time::Instant;

use crate::gate::Place;
use crate::member::{Admission, Member};
use crate::metrics::TIMED_ONE_IN;
use crate::policy::{Counts, Verdict, is_its_fault};
use crate::setback::{How, Setback};
use crate::strategy::Pick;
use crate::{Agent, ErrorKind, Task, TaskError};

/// It holds the agent and nothing else of the table, so that a task which never ends keeps no other agent alive.
pub(crate) struct Seat {
    member: Arc<Member>,
    has_place: bool,
    stage: Stage,
    /// Whether it is the one task that tries an agent which was left out.
    on_trial: bool,
    /// Whether another task had the last room that the agent has.
    is_surplus: bool,
    began: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Taken,
    Begun,
    Ended,
}

impl Seat {
    /// Without a place for a task that [shares](crate::Task::shares_place) one.
    #[inline]
    pub(crate) fn take(place: Option<Place<'_>>, pick: Pick<'_>) -> Self {
        let member = Arc::clone(pick.member);
        let before = member.enter();
        Self {
            is_surplus: before >= member.limit(),
            member,
            has_place: place.map(Place::keep).is_some(),
            stage: Stage::Taken,
            on_trial: pick.on_trial,
            began: None,
        }
    }

    /// What the agent does with the task, now that it counts it.
    #[inline]
    pub(crate) fn admission(&self, task: &Task) -> Admission {
        if self.is_surplus && !task.shares_place() {
            return Admission::Waits;
        }
        self.member.admission(task)
    }

    /// Counts an attempt, now that it begins.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.stage = Stage::Begun;
        if self.member.count_attempt().is_multiple_of(TIMED_ONE_IN) {
            self.began = Some(Instant::now());
        }
    }

    /// The answer comes later: such attempts are all timed.
    pub(crate) fn goes_on(&mut self) {
        self.began.get_or_insert_with(Instant::now);
    }

    /// The attempt was answered.
    #[inline]
    pub(crate) fn succeed(&mut self) {
        self.stage = Stage::Ended;
        self.member.health.succeeded();
        if let Some(began) = self.began {
            self.member.took(began.elapsed());
        }
        if self.on_trial {
            self.readmit();
        }
    }

    /// An item of a stream was there: who was left out and sends items is back, however long it goes on.
    #[inline]
    pub(crate) fn sent_an_item(&mut self) {
        if self.on_trial {
            self.member.health.succeeded();
            self.readmit();
        }
    }

    /// The attempt failed in that way: it is counted, and the agent may be left out for it.
    #[cold]
    pub(crate) fn fail(&mut self, error: TaskError, how: How) -> Setback {
        self.stage = Stage::Ended;
        let (member, gate) = (&self.member, &self.member.gate);
        let kind = error.kind();
        member.meter.failed(kind);
        gate.figures.count_failed_attempt();
        if let Some(began) = self.began {
            if is_its_fault(kind) {
                member.failed_after(began.elapsed());
            } else {
                member.took(began.elapsed());
            }
        }
        let policy = gate.policy().ejection;
        let (now, was_on_trial) = (Instant::now(), std::mem::take(&mut self.on_trial));
        let verdict = if was_on_trial {
            member.health.trial_failed(&policy, kind, now)
        } else {
            let counts = |failures| Counts {
                calls: member.attempts(),
                failures,
                calls_of_all: gate.begun(),
                failures_of_all: gate.figures.failed_attempts(),
            };
            member
                .health
                .failed(&policy, kind, now, counts, || gate.leave_out())
        };
        if let Verdict::Ejected(time) = verdict {
            let (agent, route) = (&member.info.name, gate.name());
            tracing::warn!(%route, %agent, "agent {agent} on route {route} fails and is left out for {time:?}: {}", error);
        }
        Setback::of(member, error, how)
    }

    #[cold]
    fn readmit(&mut self) {
        self.on_trial = false;
        let (member, gate) = (&self.member, &self.member.gate);
        if member.health.readmit(Instant::now()) {
            gate.take_back();
            gate.has_room();
            let (agent, route) = (&member.info.name, gate.name());
            tracing::info!(%route, %agent, "agent {agent} on route {route} answers again and is back");
        }
    }

    /// Whether the agent's tasks are given up.
    pub(crate) fn is_cut(&self) -> bool {
        self.member.is_cut()
    }

    pub(crate) fn agent(&self) -> &dyn Agent {
        &*self.member.agent
    }

    pub(crate) fn route(&self) -> &Arc<str> {
        self.member.gate.name()
    }

    pub(crate) fn agent_name(&self) -> &Arc<str> {
        &self.member.info.name
    }

    /// Says in an agent's error where it happened.
    #[cold]
    pub(crate) fn locate(&self, error: TaskError) -> TaskError {
        error.at(self.route(), self.agent_name())
    }

    /// The caller went away before the end.
    #[cold]
    fn give_up(&self) {
        let (member, policy) = (&self.member, crate::Ejection::OFF);
        if self.stage == Stage::Begun {
            member.meter.failed(ErrorKind::Cancelled);
        }
        if self.on_trial {
            // It tells nothing of the agent: the next task tries it.
            member
                .health
                .trial_failed(&policy, ErrorKind::Cancelled, Instant::now());
            member.gate.has_room();
        }
    }
}

impl Drop for Seat {
    #[inline]
    fn drop(&mut self) {
        if self.stage == Stage::Begun || self.on_trial {
            self.give_up();
        }
        if self.has_place {
            self.member.gate.leave();
        }
        self.member.leave();
    }
}

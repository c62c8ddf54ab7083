//! An agent in its place on a route, with the number of tasks it has under way, and the claim that
//! a task has on both. The claim is what brings every count back to 0, however a task ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::gate::{Gate, Place};
use crate::lifecycle::Lifecycle;
use crate::{Agent, AgentId, AgentInfo, TaskError};

/// An agent on a route.
pub(crate) struct Member {
    in_flight: AtomicUsize,
    /// Whether somebody waits for its last task, so that it is to begin no other. A task counts itself *before* it looks here, and whoever
    /// waits says so *before* the count is looked at, both sequentially consistent: one of them sees the other.
    retired: AtomicBool,
    pub(crate) gate: Arc<Gate>,
    lifecycle: Arc<Lifecycle>,
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) id: AgentId,
    pub(crate) info: AgentInfo,
}

impl Member {
    pub(crate) fn new(
        agent: Arc<dyn Agent>,
        id: AgentId,
        info: AgentInfo,
        gate: Arc<Gate>,
        lifecycle: Arc<Lifecycle>,
    ) -> Self {
        Self {
            in_flight: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            gate,
            lifecycle,
            agent,
            id,
            info,
        }
    }

    /// To be called once the table has it no more.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }
}

/// A task's place on a route and with one of its agents. It holds the agent and nothing else of
/// the table, so that a task which never ends keeps no other agent alive.
pub(crate) struct Seat {
    member: Arc<Member>,
    has_place: bool,
}

impl Seat {
    /// Without a place for a task that [shares](crate::Task::shares_place) one.
    pub(crate) fn take(place: Option<Place<'_>>, member: &Arc<Member>) -> Self {
        let member = Arc::clone(member);
        member.in_flight.fetch_add(1, Ordering::SeqCst);
        let has_place = place.map(Place::keep).is_some();
        Self { member, has_place }
    }

    /// Whether the agent begins no tasks any more: choose anew.
    pub(crate) fn is_retired(&self) -> bool {
        self.member.retired.load(Ordering::SeqCst)
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
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.has_place {
            self.member.gate.leave();
        }
        self.member.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.member.lifecycle.one_less();
    }
}

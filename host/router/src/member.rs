//! An agent in its place on a route, with the number of tasks it has under way, and the claim that
//! a task has on both. The claim is what brings every count back to 0, however a task ends.

use std::sync::Arc;

use crate::gate::{Gate, Place};
use crate::lifecycle::Lifecycle;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use crate::{Agent, AgentId, AgentInfo, Task, TaskError};

/// It begins all tasks.
const OPEN: u8 = 0;
/// It begins those that are nested in one that was begun before it was held; others wait.
const HELD: u8 = 1;
/// All wait.
const SHUT: u8 = 2;
/// It begins none any more: another agent is to be chosen.
const RETIRED: u8 = 3;

/// What an agent does with a task that comes to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Begins,
    Waits,
    Elsewhere,
}

/// An agent on a route.
pub(crate) struct Member {
    in_flight: AtomicUsize,
    /// Which tasks it begins: one of the constants below. A task counts itself *before* it looks here, and whoever waits for the last task says so
    /// here *before* the count is looked at, both sequentially consistent: one of them sees the other.
    door: AtomicU8,
    /// What is held: tasks that were not begun before that.
    held_since: AtomicU64,
    /// Whether the tasks that it has under way are given up.
    cut: AtomicBool,
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
            door: AtomicU8::new(OPEN),
            held_since: AtomicU64::new(0),
            cut: AtomicBool::new(false),
            gate,
            lifecycle,
            agent,
            id,
            info,
        }
    }

    /// To be called once the table has it no more.
    pub(crate) fn retire(&self) {
        self.door.store(RETIRED, Ordering::SeqCst);
    }

    /// Has tasks wait, but those that are nested in one begun before.
    pub(crate) fn hold(&self, since: u64) {
        self.held_since.store(since, Ordering::SeqCst);
        self.turn_from(OPEN, HELD);
    }

    /// Has all tasks wait, once it was held.
    pub(crate) fn shut(&self) {
        self.turn_from(HELD, SHUT);
    }

    /// Begins nested tasks once more, where all waited.
    pub(crate) fn hold_again(&self) {
        self.turn_from(SHUT, HELD);
    }

    /// Takes tasks again, unless it was retired.
    pub(crate) fn release(&self) {
        self.cut.store(false, Ordering::SeqCst);
        self.turn_from(HELD, OPEN);
        self.turn_from(SHUT, OPEN);
    }

    fn turn_from(&self, from: u8, to: u8) {
        let _ = self
            .door
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    }

    pub(crate) fn admission(&self, task: &Task) -> Admission {
        match self.door.load(Ordering::SeqCst) {
            OPEN => Admission::Begins,
            HELD if task.is_nested() && task.begun() < self.held_since.load(Ordering::SeqCst) => {
                Admission::Begins
            }
            HELD | SHUT => Admission::Waits,
            _ => Admission::Elsewhere,
        }
    }

    /// Gives up what is under way; whoever waits for it has to be woken.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
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

    /// What the agent does with the task, now that it counts it.
    pub(crate) fn admission(&self, task: &Task) -> Admission {
        self.member.admission(task)
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

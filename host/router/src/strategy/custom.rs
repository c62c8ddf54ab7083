//! Strategies that an embedder brings. Whatever one of them does, the task gets an agent: where the
//! strategy names none, round robin does.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::{faults, round_robin};
use crate::member::Member;
use crate::panics::message_of;
use crate::{AgentId, AgentInfo, Task};

/// Up to so many agents, the list of them is made without an allocation.
const FEW: usize = 8;

/// Chooses an agent, in place of the strategies that the router has itself.
pub trait RoutingStrategy: Send + Sync + 'static {
    /// Its name, in listings and logs.
    fn name(&self) -> &str;

    /// The place in `agents` of the one that gets the task. The agents are in order of registration
    /// and at least two: where there is one only, nobody is asked.
    ///
    /// It is called for each attempt, on the path of the call, and must not block. For `None`, a
    /// place that is not in the list, and a panic, the next agent in turn gets the task; that is
    /// [counted](crate::Strategy::fallbacks), and logged once a second at most.
    fn select_agent(&self, agents: &[Candidate<'_>], task: &Task) -> Option<usize>;
}

/// An agent that a strategy can choose.
#[derive(Clone, Copy)]
pub struct Candidate<'a>(&'a Member);

impl<'a> Candidate<'a> {
    /// Its registration.
    pub fn id(&self) -> AgentId {
        self.0.id
    }

    /// What it says about itself.
    pub fn info(&self) -> &'a AgentInfo {
        &self.0.info
    }

    /// How many tasks it has under way.
    pub fn in_flight(&self) -> usize {
        self.0.in_flight()
    }
}

impl fmt::Debug for dyn RoutingStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutingStrategy({:?})", self.name())
    }
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate")
            .field("id", &self.id())
            .field("name", &self.info().name)
            .field("in_flight", &self.in_flight())
            .finish()
    }
}

/// Why a strategy's choice cannot be followed.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("it named no agent")]
    NoAgent,
    #[error("it named agent {0} (counted from 0) of {1}")]
    OutOfRange(usize, usize),
    #[error("it panicked: {0}")]
    Panicked(String),
}

/// Asks the strategy; where it fails, takes the next agent in turn.
#[inline(never)] // The list of candidates is large: it is not for the frame of every call.
pub(super) fn choose<'a>(
    strategy: &Arc<dyn RoutingStrategy>,
    members: &'a [Arc<Member>],
    turn: &AtomicUsize,
    task: &Task,
) -> &'a Arc<Member> {
    match ask(&**strategy, members, task) {
        Ok(chosen) => chosen,
        Err(fault) => {
            warn(strategy, &fault, task);
            round_robin::choose(members, turn)
        }
    }
}

fn ask<'a>(
    strategy: &dyn RoutingStrategy,
    members: &'a [Arc<Member>],
    task: &Task,
) -> Result<&'a Arc<Member>, Fault> {
    let few;
    let many: Vec<Candidate<'_>>;
    let candidates = if members.len() <= FEW {
        // Those past the end are not shown.
        few = std::array::from_fn::<_, FEW, _>(|at| Candidate(&members[at.min(members.len() - 1)]));
        &few[..members.len()]
    } else {
        many = members.iter().map(|member| Candidate(member)).collect();
        &many
    };
    let select = AssertUnwindSafe(|| strategy.select_agent(candidates, task));
    let at = catch_unwind(select)
        .map_err(|panic| Fault::Panicked(message_of(&*panic).to_owned()))?
        .ok_or(Fault::NoAgent)?;
    members.get(at).ok_or(Fault::OutOfRange(at, members.len()))
}

#[cold]
fn warn(strategy: &Arc<dyn RoutingStrategy>, fault: &Fault, task: &Task) {
    if let Some(fallbacks) = faults::count(strategy) {
        tracing::warn!(
            strategy = strategy.name(),
            route = task.route(),
            fallbacks,
            "the strategy failed and the next agent in turn was taken: {fault}",
        );
    }
}

//! Strategies that an embedder or a plugin brings. Whatever one of them does, the task gets an agent: where the
//! strategy names none, round robin does.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};
use std::time::Duration;

use smallvec::SmallVec;

use super::{faults, round_robin};
use crate::member::Member;
use crate::panics::message_of;
use crate::{AgentId, AgentInfo, Task};

/// Up to so many agents, the list of them is made without an allocation.
const FEW: usize = 16;

/// Chooses an agent, in place of the strategies that the router has itself.
pub trait RoutingStrategy: Send + Sync + 'static {
    /// Its name, in listings and logs.
    fn name(&self) -> &str;

    /// Which of `agents` gets the task. They are in order of registration
    /// and at least two: where there is one only, nobody is asked. Those are not among them that are left out since they fail, or have no room.
    ///
    /// It is called for each attempt, on the path of the call, and must not block. Where it fails, names no agent, one that is not in the list or has gone since, or panics, the next agent in
    /// turn gets the task; that is
    /// [counted](crate::Strategy::fallbacks), and logged once a second at most.
    fn select_agent(&self, agents: &[Candidate<'_>], task: &Task) -> Selection;
}

/// What a strategy answers.
#[non_exhaustive]
pub enum Selection {
    /// The place of the agent in the list, counted from 0; or that it names none.
    Now(Option<usize>),
    /// It cannot say, for that reason.
    Failed(String),
    /// It has to wait for something first; the wait is a part of the attempt's time.
    Later(Pin<Box<dyn Future<Output = Result<AgentId, String>> + Send>>),
}

impl Selection {
    /// Boxes a future as a selection.
    pub fn later(
        selection: impl Future<Output = Result<AgentId, String>> + Send + 'static,
    ) -> Self {
        Self::Later(Box::pin(selection))
    }
}

impl From<Option<usize>> for Selection {
    fn from(place: Option<usize>) -> Self {
        Self::Now(place)
    }
}

impl From<usize> for Selection {
    fn from(place: usize) -> Self {
        Self::Now(Some(place))
    }
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(place) => f.debug_tuple("Now").field(place).finish(),
            Self::Failed(reason) => f.debug_tuple("Failed").field(reason).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
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

    /// How long its calls took of late; none where nobody knows.
    pub fn latency(&self) -> Option<Duration> {
        self.0.latency()
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
    #[error("it named agent {0}, which is not there")]
    Gone(AgentId),
    #[error("{0}")]
    Failed(String),
    #[error("it panicked: {0}")]
    Panicked(String),
}

/// Asks the strategy; where it fails, takes the next agent in turn.
#[inline(never)] // The list of candidates is large: it is not for the frame of every call.
pub(super) fn choose<'a, M: Borrow<Arc<Member>>>(
    strategy: &Arc<dyn RoutingStrategy>,
    members: &'a [M],
    turn: &AtomicUsize,
    task: &Task,
) -> Result<&'a M, Later> {
    let candidates = members.iter().map(|member| Candidate(member.borrow()));
    let candidates: SmallVec<[Candidate<'_>; FEW]> = candidates.collect();
    let select = AssertUnwindSafe(|| strategy.select_agent(&candidates, task));
    let fault = match catch_unwind(select) {
        Ok(Selection::Now(Some(at))) => match members.get(at) {
            Some(member) => return Ok(member),
            None => Fault::OutOfRange(at, members.len()),
        },
        Ok(Selection::Now(None)) => Fault::NoAgent,
        Ok(Selection::Failed(reason)) => Fault::Failed(reason),
        Ok(Selection::Later(selection)) => {
            return Err(Later {
                strategy: Arc::clone(strategy),
                selection,
            });
        }
        Err(panic) => Fault::Panicked(message_of(&*panic).to_owned()),
    };
    warn(strategy, &fault, task);
    Ok(round_robin::choose(members, turn, None))
}

/// A strategy's choice that is still to come.
pub(crate) struct Later {
    strategy: Arc<dyn RoutingStrategy>,
    selection: Pin<Box<dyn Future<Output = Result<AgentId, String>> + Send>>,
}

impl Later {
    /// The agent that it names, and who named it; none where it fails.
    pub(crate) async fn agent(
        mut self,
        task: &Task,
    ) -> Option<(AgentId, Arc<dyn RoutingStrategy>)> {
        let selected = std::future::poll_fn(|cx| self.poll(cx)).await;
        // Its end may run code of the strategy's too.
        let Self {
            strategy,
            selection,
        } = self;
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(selection)));
        let panicked = dropped.map_err(|panic| Fault::Panicked(message_of(&*panic).to_owned()));
        match panicked.and(selected) {
            Ok(agent) => Some((agent, strategy)),
            Err(fault) => {
                warn(&strategy, &fault, task);
                None
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<AgentId, Fault>> {
        let poll = AssertUnwindSafe(|| self.selection.as_mut().poll(cx));
        match catch_unwind(poll) {
            Ok(polled) => polled.map_err(Fault::Failed),
            Err(panic) => Poll::Ready(Err(Fault::Panicked(message_of(&*panic).to_owned()))),
        }
    }
}

/// A strategy named an agent that is not on the route, or has gone while it was awaited.
#[cold]
pub(crate) fn named_one_that_is_gone(
    strategy: &Arc<dyn RoutingStrategy>,
    agent: AgentId,
    task: &Task,
) {
    warn(strategy, &Fault::Gone(agent), task);
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

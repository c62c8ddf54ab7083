//! A plugin's choice of who does a task.
//!
//! It is made on the path of every task of a route, so the agents are not copied for it: the plugin asks for those that it looks at, through an [`Agents`] of the
//! host's.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RStr};
use agentsys_abi::bridge::{Failure, ForeignFuture, catch, with_raw_waker};
use agentsys_abi::error::kind;
use agentsys_abi::host::RawLabel;
use agentsys_abi::routing::{AgentsOps, AgentsOpsRef, RawAgent, RawAgents, RawSelection, RawTask};

use crate::attribution::Activity;
use crate::call::Call;
use crate::instance::Instance;
use crate::task::{Slot, Task};

/// Those who can do a task, as the host has them. A plugin asks from the thread on which it was called, or from another one meanwhile.
pub trait Agents: Sync {
    /// How many there are.
    fn count(&self) -> usize;
    /// The agent at a place below that.
    fn at(&self, place: usize) -> AgentView<'_>;
    /// The value of one of its labels.
    fn label(&self, place: usize, name: &str) -> Option<&str>;
    /// One of its labels by its place, from 0 on: its name and its value.
    fn label_at(&self, place: usize, label: usize) -> Option<(&str, &str)>;
}

/// One who can do a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentView<'a> {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: &'a str,
    /// Its share, beside the others'.
    pub weight: u32,
    /// How many of its tasks are under way.
    pub in_flight: usize,
    /// How long its tasks took of late; none where it has done none.
    pub latency: Option<Duration>,
}

/// Whom a plugin's strategy chose.
#[derive(Debug)]
pub enum Selected {
    /// The agent at that place, which there is; or nobody.
    Now(Option<usize>),
    /// It will say.
    Later(Selecting),
    /// It cannot say.
    Failed(Failure),
}

/// A choice under way: the agent's number, or none. Dropping it cancels the plugin's future.
pub struct Selecting(Call);

impl Instance {
    /// Asks the plugin's strategy who is to do a task that was sent to that route. With a waker, a choice that waits is polled once.
    pub fn select_agent(
        self: &Arc<Self>,
        task: &dyn Task,
        route: &str,
        agents: &dyn Agents,
        waker: Option<&Waker>,
    ) -> Selected {
        let Some(select) = self.module().select_agent() else {
            return Selected::Failed(Failure::new(kind::NOT_FOUND, "the plugin has no strategy"));
        };
        let slot = Slot::borrowed(task);
        let task = shown(task, &slot, route);
        let count = agents.count();
        // A pointer to a wide one, since a pointer of the seam is thin.
        let raw = RawAgents {
            data: std::ptr::from_ref(&agents).cast(),
            count,
            ops: OPS,
        };
        with_raw_waker(waker, |waker| {
            self.held().leases().run(Activity::Selecting, || {
                // SAFETY: `self` is not destroyed; task, agents and waker live until this returns.
                match unsafe { select(self.raw(), &task, &raw, waker) } {
                    RawSelection::Agent(place) => match usize::try_from(place) {
                        Ok(place) if place < count => Selected::Now(Some(place)),
                        _ => Selected::Failed(no_such(place, count)),
                    },
                    RawSelection::Nobody => Selected::Now(None),
                    RawSelection::Later(raw) => {
                        // SAFETY: a fresh future, ours alone; the call's instance keeps its library open.
                        let future = unsafe { ForeignFuture::from_raw(raw) };
                        Selected::Later(Selecting(Call::new(future, Activity::Selecting, self)))
                    }
                    RawSelection::Err(error) => Selected::Failed(error.into()),
                }
            })
        })
    }
}

/// A task as plugins are shown it.
pub(crate) fn shown<'a>(task: &dyn Task, slot: &Slot, route: &'a str) -> RawTask<'a> {
    RawTask {
        task: slot.as_ptr(),
        task_id: task.id(),
        hops: task.hops(),
        route: route.into(),
    }
}

#[cold]
fn no_such(place: u64, count: usize) -> Failure {
    let message = format!("the strategy names the agent at place {place}, where there are {count}");
    Failure::new(kind::FAILED, message)
}

impl Future for Selecting {
    type Output = Result<Option<u64>, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_for(cx, |_, _, answer| {
            let payload = answer?;
            match payload.as_slice() {
                [] => Ok(None),
                bytes => match <[u8; 8]>::try_from(bytes) {
                    Ok(id) => Ok(Some(u64::from_le_bytes(id))),
                    Err(_) => Err(Failure::new(kind::INTERNAL, "this is no agent's number")),
                },
            }
        })
    }
}

impl fmt::Debug for Selecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Selecting({:?})", self.0)
    }
}

const OPS: AgentsOpsRef = AgentsOpsRef(
    const {
        &WithMetadata::new(AgentsOps {
            at,
            label,
            label_at,
        })
    }
    .static_as_prefix(),
);

/// # Safety
/// `data` must be that of a [`RawAgents`] whose call has not returned.
unsafe fn agents<'a>(data: *const ()) -> &'a dyn Agents {
    // SAFETY: the caller's promise; `select_agent` made it of just that.
    unsafe { *data.cast::<&dyn Agents>() }
}

// What these lend is the host's own: the seam says how long it may be used.

unsafe extern "C" fn at(data: *const (), place: usize) -> RawAgent<'static> {
    // SAFETY: the seam: the call that lent them has not returned.
    let agents = unsafe { agents(data) };
    let agent = catch(|| agents.at(place)).unwrap_or(AgentView {
        id: u64::MAX,
        name: "",
        weight: 0,
        in_flight: 0,
        latency: None,
    });
    RawAgent {
        id: agent.id,
        in_flight: agent.in_flight as u64,
        latency: agent.latency.map_or(u64::MAX, |latency| {
            u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX - 1)
        }),
        weight: agent.weight,
        name: agent.name.into(),
    }
}

unsafe extern "C" fn label(
    data: *const (),
    place: usize,
    name: RStr<'_>,
) -> ROption<RStr<'static>> {
    // SAFETY: as for `at`.
    let agents = unsafe { agents(data) };
    let value = catch(|| agents.label(place, name.as_str())).ok().flatten();
    value.map(RStr::from).into()
}

unsafe extern "C" fn label_at(
    data: *const (),
    place: usize,
    label: usize,
) -> ROption<RawLabel<'static>> {
    // SAFETY: as for `at`.
    let agents = unsafe { agents(data) };
    let label = catch(|| agents.label_at(place, label)).ok().flatten();
    label
        .map(|(name, value)| RawLabel {
            name: name.into(),
            value: value.into(),
        })
        .into()
}

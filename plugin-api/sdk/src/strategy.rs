//! A plugin that chooses which agent does a task.
//!
//! A choice is made for every task of a route, so the one that is made at once costs nothing beside itself: no future, no copies. One that must wait says so, and
//! only then are copies made.

#![cfg_attr(
    feature = "seam-older",
    allow(dead_code, reason = "the older seam has no function that asks")
)]

use std::future::Future;
use std::sync::Arc;

use agentsys_abi::bridge::Payload;
use agentsys_abi::call::RawReply;
use agentsys_abi::routing::{RawAgents, RawSelection, RawTask};
use agentsys_abi::waker::RawWaker;
use bytes::Bytes;

use crate::agents::{Agent, Agents};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::handler::{HandlersOf, Reply, Running, start};
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::shown::look;

/// A plugin that chooses which of those who can is to do a task; a route names it with `strategy = "plugin:NAME"`.
///
/// ```
/// use agentsys_plugin::prelude::*;
/// use agentsys_plugin::{Agents, RoutingStrategy, Selection};
///
/// struct Nearest;
///
/// #[plugin(name = "nearest")]
/// impl Plugin for Nearest {
///     type Config = NoConfig;
///
///     async fn initialize(_: NoConfig, _: &Host) -> Result<Self> {
///         Ok(Self)
///     }
/// }
///
/// impl RoutingStrategy for Nearest {
///     fn select_agent(&self, agents: &Agents<'_>, task: &Context) -> Result<Selection> {
///         let near = agents.iter().filter(|agent| agent.label("zone") == task.label("zone"));
///         Ok(near.min_by_key(|agent| agent.in_flight()).into())
///     }
/// }
/// # fn main() {}
/// ```
///
/// Where a strategy fails, panics or names nobody, the host chooses by itself.
pub trait RoutingStrategy: Plugin {
    /// Chooses, here and now: on the path of the task, so it neither blocks nor takes long. There is at least one agent.
    ///
    /// # Errors
    /// The host then chooses by itself, and reports this.
    fn select_agent(&self, agents: &Agents<'_>, task: &Context) -> Result<Selection>;

    /// Chooses after [`select_agent`](Self::select_agent) answered [`Selection::Later`], inside the plugin's runtime: the agent's [`id`](Agent::id), or none. What it is
    /// shown is as it was then.
    ///
    /// # Errors
    /// As there.
    fn select_agent_later(
        &self,
        agents: &Agents<'_>,
        task: &Context,
    ) -> impl Future<Output = Result<Option<u64>>> + Send {
        let _ = (agents, task);
        let message = "the strategy says `Later`, and has no `select_agent_later`";
        std::future::ready(Err(Error::new(ErrorKind::Internal, message)))
    }
}

/// Who is to do a task. Made of an [`Agent`], or of an `Option` of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// The agent at that [place](Agent::place).
    Agent(usize),
    /// None of them: the next in turn is taken, which the host counts and warns of.
    Nobody,
    /// That is not known yet: [`select_agent_later`](RoutingStrategy::select_agent_later) says it.
    Later,
}

impl From<Agent<'_>> for Selection {
    fn from(agent: Agent<'_>) -> Self {
        Self::Agent(agent.place())
    }
}

impl From<Option<Agent<'_>>> for Selection {
    fn from(agent: Option<Agent<'_>>) -> Self {
        agent.map_or(Self::Nobody, Self::from)
    }
}

/// The strategy of a plugin that has one.
pub struct StrategyOf<P: 'static> {
    select: fn(&P, &Agents<'_>, &Context) -> Result<Selection>,
    later: fn(Running<P>, Agents<'static>, *const RawWaker) -> Reply,
}

impl<P: RoutingStrategy> HandlersOf<P> {
    /// The strategy.
    #[must_use]
    pub fn strategy(&self) -> Option<StrategyOf<P>> {
        Some(StrategyOf {
            select: P::select_agent,
            later: select_later::<P>,
        })
    }
}

/// The answer for a plugin without a strategy.
pub trait NoStrategy<P: 'static> {
    /// None.
    fn strategy(&self) -> Option<StrategyOf<P>>;
}

impl<P: 'static> NoStrategy<P> for HandlersOf<P> {
    fn strategy(&self) -> Option<StrategyOf<P>> {
        None
    }
}

impl<P: Plugin> StrategyOf<P> {
    /// # Safety
    /// Task and agents are the host's, whose call has not returned; the waker is null or lent for it.
    pub(crate) unsafe fn select(
        &self,
        instance: &Arc<Instance<P>>,
        task: &RawTask<'_>,
        agents: &RawAgents,
        waker: *const RawWaker,
    ) -> RawSelection {
        let agents = Agents::lent(agents);
        let selected = look(instance, NAME, |plugin| {
            // SAFETY: the caller's promise; the context is gone before this returns.
            let context = unsafe { Context::shown(instance.host(), task) };
            (self.select)(plugin, &agents, &context)
        });
        match selected {
            Ok(Selection::Agent(place)) => RawSelection::Agent(place as u64),
            Ok(Selection::Nobody) => RawSelection::Nobody,
            Ok(Selection::Later) => {
                let running = Running::shown(instance, task);
                match (self.later)(running, agents.keep(), waker) {
                    // One that was ready at its first poll crosses as one that is ready later: it is rare, and knows no place.
                    RawReply::Ok(payload) => {
                        // SAFETY: a payload of our own, taken back at once.
                        let id = unsafe { Payload::from_raw(payload) };
                        RawSelection::Later(ready(id))
                    }
                    RawReply::Err(error) => RawSelection::Err(error),
                    RawReply::Pending(future) => RawSelection::Later(future),
                    RawReply::Stream(_) => RawSelection::Nobody,
                }
            }
            Err(error) => RawSelection::Err(error.into_failure().into()),
        }
    }
}

const NAME: &str = "`select_agent`";

fn select_later<P: RoutingStrategy>(
    running: Running<P>,
    agents: Agents<'static>,
    waker: *const RawWaker,
) -> Reply {
    let scope = running.scope();
    start(NAME.into(), scope, waker, || async move {
        let plugin = running.plugin()?;
        let selected = plugin
            .select_agent_later(&agents, running.context())
            .await?;
        let id = selected.map_or_else(Bytes::new, |id| Bytes::copy_from_slice(&id.to_le_bytes()));
        Ok(Payload::new(id, ""))
    })
}

fn ready(payload: Payload) -> agentsys_abi::call::RawFuture {
    agentsys_abi::call::RawFuture::new(Box::pin(std::future::ready(Ok(payload))))
}

//! A named group of agents: as the table holds it, and as a listing shows it.

use std::sync::Arc;

use crate::gate::Gate;
use crate::member::Member;
use crate::{AgentId, AgentInfo, RoutePolicy, Task};

/// A route as it stands at one moment; exchanged as a whole.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) gate: Arc<Gate>,
    pub(crate) policy: RoutePolicy,
    /// In order of registration; never empty once the route is in a table.
    pub(crate) members: Vec<Arc<Member>>,
}

impl Route {
    /// The agent whose turn it is.
    pub(crate) fn choose(&self, task: &Task) -> &Arc<Member> {
        self.policy
            .strategy
            .choose(&self.members, self.gate.turn(), task)
    }

    pub(crate) fn info(&self) -> RouteInfo {
        let agents: Vec<MemberInfo> = self
            .members
            .iter()
            .map(|member| MemberInfo {
                id: member.id,
                info: member.info.clone(),
                in_flight: member.in_flight(),
            })
            .collect();
        RouteInfo {
            name: self.gate.name().clone(),
            description: agents
                .first()
                .map_or_else(|| "".into(), |a| a.info.description.clone()),
            agents,
            policy: self.policy.clone(),
            retries: self.gate.retries(),
        }
    }
}

/// A route in a listing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RouteInfo {
    /// Its name.
    pub name: Arc<str>,
    /// What it does: the description of its first agent.
    pub description: Arc<str>,
    /// Its agents, in order of registration.
    pub agents: Vec<MemberInfo>,
    /// How it treats its tasks.
    pub policy: RoutePolicy,
    /// How many attempts were made since it exists, the first attempts of its tasks not counted.
    pub retries: u64,
}

/// An agent in a listing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MemberInfo {
    /// Its registration.
    pub id: AgentId,
    /// What it says about itself.
    pub info: AgentInfo,
    /// How many tasks it has under way.
    pub in_flight: usize,
}

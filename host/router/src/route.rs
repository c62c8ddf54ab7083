//! A named group of agents: as the table holds it, and as a listing shows it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use crate::gate::Gate;
use crate::member::Member;
use crate::metrics::RouteMetrics;
use crate::strategy::Schedule;
use crate::{AgentId, AgentInfo, RoutePolicy};

/// A route as it stands at one moment; exchanged as a whole.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) gate: Arc<Gate>,
    pub(crate) policy: Arc<RoutePolicy>,
    /// In order of registration; never empty once the route is in a table.
    pub(crate) members: Vec<Arc<Member>>,
    /// Whose turn it is, where the agents have different weights.
    pub(crate) schedule: Option<Schedule>,
    /// Whether some agent works on a limited number of tasks at a time.
    pub(crate) limited: bool,
}

impl Route {
    pub(crate) fn new(name: Arc<str>, policy: RoutePolicy) -> Self {
        let policy = Arc::new(policy);
        Self {
            gate: Arc::new(Gate::new(name, policy.clone())),
            policy,
            members: Vec::new(),
            schedule: None,
            limited: false,
        }
    }

    /// Works out anew what follows from the agents and the policy.
    pub(crate) fn settle(&mut self) {
        self.gate.set_policy(self.policy.clone());
        let of_route = self.policy.max_concurrent_per_agent;
        self.members
            .iter()
            .for_each(|member| member.set_limit(of_route));
        self.limited = self.members.iter().any(|member| member.is_limited());
        self.schedule = Schedule::of(&self.members);
        self.gate.set_crew(self.members.len());
        self.take_all_back();
    }

    /// Where the agents that were left out are all that is left, or nobody is to be left out, they are not left out any more.
    fn take_all_back(&self) {
        let leaves_out = self.policy.ejection.after > 0;
        if leaves_out && self.members.iter().any(|member| !member.health.is_out()) {
            return;
        }
        for member in &self.members {
            if member.health.readmit(Instant::now()) {
                self.gate.take_back();
            }
        }
    }

    pub(crate) fn info(&self) -> RouteInfo {
        let agents: Vec<MemberInfo> = self
            .members
            .iter()
            .map(|member| MemberInfo {
                id: member.id,
                info: member.info.clone(),
                in_flight: member.in_flight(),
                ejected: member.health.is_out(),
            })
            .collect();
        RouteInfo {
            name: self.gate.name().clone(),
            description: agents
                .first()
                .map_or_else(|| "".into(), |a| a.info.description.clone()),
            agents,
            policy: RoutePolicy::clone(&self.policy),
            retries: self.gate.figures.retries.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn metrics(&self) -> RouteMetrics {
        let (gate, figures) = (&self.gate, &self.gate.figures);
        let agents: Vec<_> = self.members.iter().map(|member| member.metrics()).collect();
        RouteMetrics {
            route: gate.name().to_string(),
            calls: gate.begun(),
            errors: gate.meter.errors(),
            retries: figures.retries.load(Ordering::Relaxed),
            retries_refused: figures.retries_refused.load(Ordering::Relaxed),
            fallbacks: figures.fallbacks.load(Ordering::Relaxed),
            rejected: figures.rejected.load(Ordering::Relaxed),
            under_way: agents.iter().map(|agent| agent.under_way).sum(),
            waiting: gate.waiting(),
            latency: gate.meter.latency(),
            agents,
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
    /// Whether it is left out now, since it failed.
    pub ejected: bool,
}

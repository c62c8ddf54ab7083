//! A routing strategy: agents of the highest priority first, and of those the least busy.
//!
//! An agent's priority is a label of its, a whole number; agents without one have 0. A route uses the strategy with
//! `strategy = "plugin:priority-strategy"`.

#![forbid(unsafe_code)]

use std::cmp::Reverse;

use agentsys_plugin::prelude::*;
use agentsys_plugin::{Agent, Agents, RoutingStrategy, Selection};

/// What an agent's priority is, and when it has enough to do.
#[plugin_config]
pub struct Config {
    /// The label that holds an agent's priority; `priority` unless set.
    #[default = "priority".to_owned()]
    #[length(min = 1)]
    label: String,
    /// From how many tasks under way an agent stands behind those of lower priority that have fewer; none by default: never.
    #[range(min = 1)]
    spill_at: Option<u64>,
}

/// The strategy.
pub struct PriorityStrategy {
    config: Config,
}

#[plugin]
impl Plugin for PriorityStrategy {
    type Config = Config;

    async fn initialize(config: Config, _host: &Host) -> Result<Self> {
        Ok(Self { config })
    }
}

impl RoutingStrategy for PriorityStrategy {
    fn select_agent(&self, agents: &Agents<'_>, _task: &Context) -> Result<Selection> {
        Ok(self.config.preferred(agents).into())
    }
}

impl Config {
    /// The agent that is to have the next task: of several that are alike, the first.
    #[must_use]
    pub fn preferred<'a>(&self, agents: &'a Agents<'_>) -> Option<Agent<'a>> {
        agents.iter().min_by_key(|agent| {
            let busy = self.spill_at.is_some_and(|most| agent.in_flight() >= most);
            (busy, Reverse(self.priority(agent)), agent.in_flight())
        })
    }

    fn priority(&self, agent: &Agent<'_>) -> i64 {
        let label = agent.label(&self.label);
        label.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }
}

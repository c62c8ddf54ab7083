//! Which entries are written.

use std::collections::{BTreeMap, HashSet};

use crate::config::Config;
use crate::level::Level;

/// Decides by agent and level. Names are compared whole, as they are written.
#[derive(Debug, Clone)]
pub struct Filter {
    level: Level,
    levels: BTreeMap<String, Level>,
    only: HashSet<String>,
    ignored: HashSet<String>,
}

impl Filter {
    /// The filter of a config.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Filter {
            level: config.log_level,
            levels: config.levels.clone(),
            only: config.agents.iter().cloned().collect(),
            ignored: config.ignore_agents.iter().cloned().collect(),
        }
    }

    /// Whether an entry of that agent and level is written.
    ///
    /// An agent that is both named and ignored is ignored. A level of an agent's own stands in
    /// place of the general one, whether it lets more through or less.
    #[must_use]
    pub fn passes(&self, agent: &str, level: Level) -> bool {
        let least = self.levels.get(agent).copied().unwrap_or(self.level);
        level >= least
            && (self.only.is_empty() || self.only.contains(agent))
            && !self.ignored.contains(agent)
    }
}

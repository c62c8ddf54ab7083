//! Which of a route's agents gets the next task.

mod least_loaded;
mod round_robin;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::member::Member;

/// Which of a route's agents gets the next task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// The one with the fewest tasks under way; those that have equally few in turn.
    LeastLoaded,
}

impl Strategy {
    /// Its name in a configuration.
    pub fn as_str(&self) -> &str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::LeastLoaded => "least_loaded",
        }
    }

    /// `members` is never empty: a route goes with its last agent.
    pub(crate) fn choose<'a>(
        &self,
        members: &'a [Arc<Member>],
        turn: &AtomicUsize,
    ) -> &'a Arc<Member> {
        if let [only] = members {
            return only;
        }
        match self {
            Self::RoundRobin => round_robin::choose(members, turn),
            Self::LeastLoaded => least_loaded::choose(members, turn),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name in a configuration that is no strategy's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no strategy is named {name:?}: use \"round_robin\" or \"least_loaded\"")]
pub struct UnknownStrategy {
    /// The name.
    pub name: String,
}

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Self, UnknownStrategy> {
        match name {
            "round_robin" => Ok(Self::RoundRobin),
            "least_loaded" => Ok(Self::LeastLoaded),
            _ => Err(UnknownStrategy {
                name: name.to_owned(),
            }),
        }
    }
}

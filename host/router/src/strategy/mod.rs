//! Which of a route's agents gets the next task.

mod custom;
mod faults;
mod least_loaded;
mod round_robin;

use std::fmt;
use std::mem::discriminant;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::Task;
use crate::member::Member;

pub use custom::{Candidate, RoutingStrategy};

/// Which of a route's agents gets the next task.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// The one with the fewest tasks under way; those that have equally few in turn.
    LeastLoaded,
    /// An embedder's own.
    Custom(Arc<dyn RoutingStrategy>),
}

impl Strategy {
    /// Its name in a configuration; for a custom one, the name that it gives itself.
    pub fn as_str(&self) -> &str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::LeastLoaded => "least_loaded",
            Self::Custom(custom) => custom.name(),
        }
    }

    /// How often a custom strategy failed to name an agent, on all routes together, so that the
    /// next in turn was taken; 0 for others.
    pub fn fallbacks(&self) -> u64 {
        match self {
            Self::RoundRobin | Self::LeastLoaded => 0,
            Self::Custom(custom) => faults::of(custom),
        }
    }

    /// `members` is never empty: a route goes with its last agent, a name with its last bearer.
    pub(crate) fn choose<'a>(
        &self,
        members: &'a [Arc<Member>],
        turn: &AtomicUsize,
        task: &Task,
    ) -> &'a Arc<Member> {
        if let [only] = members {
            return only;
        }
        match self {
            Self::RoundRobin => round_robin::choose(members, turn),
            Self::LeastLoaded => least_loaded::choose(members, turn),
            Self::Custom(custom) => custom::choose(custom, members, turn, task),
        }
    }
}

/// Custom strategies are equal if they are the same one.
impl PartialEq for Strategy {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Custom(one), Self::Custom(other)) => Arc::ptr_eq(one, other),
            _ => discriminant(self) == discriminant(other),
        }
    }
}

impl Eq for Strategy {}

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

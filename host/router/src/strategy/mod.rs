//! Which of a route's agents gets the next task.

mod custom;
mod faults;
mod least_loaded;
mod pick;
mod round_robin;
pub(crate) mod sticky;

use std::borrow::Borrow;
use std::fmt;
use std::mem::discriminant;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::Task;
use crate::member::Member;

pub use custom::{Candidate, RoutingStrategy, Selection};
pub(crate) use custom::{Later, named_one_that_is_gone};
pub(crate) use pick::{Choice, Crew, Pick, Wish};
pub(crate) use round_robin::Schedule;

/// Which of a route's agents gets the next task.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// Each in turn; one of twice the [weight](crate::AgentInfo::weight) gets two turns for another's one.
    #[default]
    RoundRobin,
    /// The one with the fewest tasks under way for its weight; of those that have equally few, the one whose calls took less time of late.
    LeastLoaded,
    /// The same one for tasks of the same [key](crate::TaskOptions::key), as long as it is there; few keys move when agents come and go. Tasks without a key: each in turn.
    Sticky,
    /// Another.
    Custom(Arc<dyn RoutingStrategy>),
}

/// The names of the built-in strategies in a configuration.
const NAMES: [(&str, Strategy); 3] = [
    ("round_robin", Strategy::RoundRobin),
    ("least_loaded", Strategy::LeastLoaded),
    ("sticky", Strategy::Sticky),
];

impl Strategy {
    /// Its name in a configuration; for a custom one, the name that it gives itself.
    pub fn as_str(&self) -> &str {
        if let Self::Custom(custom) = self {
            return custom.name();
        }
        let known = NAMES.iter().find(|(_, strategy)| strategy == self);
        known.map_or("", |(name, _)| name)
    }

    /// How often a custom strategy failed to name an agent, on all routes together, so that the
    /// next in turn was taken; 0 for others.
    pub fn fallbacks(&self) -> u64 {
        match self {
            Self::Custom(custom) => faults::of(custom),
            _ => 0,
        }
    }

    /// Whether the task goes to one certain agent, and waits for that where it has no room.
    fn insists(&self, task: &Task) -> bool {
        matches!(self, Self::Sticky) && task.key().is_some()
    }

    /// `members` is never empty: a route goes with its last agent, a name with its last bearer.
    #[inline]
    fn choose<'a, M: Borrow<Arc<Member>>>(
        &self,
        members: &'a [M],
        turn: &AtomicUsize,
        schedule: Option<&Schedule>,
        task: &Task,
    ) -> Result<&'a M, Later> {
        Ok(match self {
            Self::RoundRobin => round_robin::choose(members, turn, schedule),
            Self::LeastLoaded => least_loaded::choose(members, turn),
            Self::Sticky => match task.key() {
                Some(key) => sticky::choose(members, key),
                None => round_robin::choose(members, turn, schedule),
            },
            Self::Custom(custom) => return custom::choose(custom, members, turn, task),
        })
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
#[error("no strategy is named {name:?}: use \"round_robin\", \"least_loaded\" or \"sticky\"")]
pub struct UnknownStrategy {
    /// The name.
    pub name: String,
}

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Self, UnknownStrategy> {
        let known = NAMES.into_iter().find(|(known, _)| *known == name);
        known
            .map(|(_, strategy)| strategy)
            .ok_or_else(|| UnknownStrategy {
                name: name.to_owned(),
            })
    }
}

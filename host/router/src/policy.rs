//! What a route allows its tasks.

use std::time::Duration;

use crate::Strategy;

/// How a route treats its tasks. The default: 30 s, 10 at a time, in turns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoutePolicy {
    /// How long a task may take, the wait for a free place included. It counts from the moment the
    /// task first has to wait.
    pub timeout: Duration,
    /// How many tasks the route's agents work on at a time, all together; further ones wait in the
    /// order they came. A task nested in another of the same route shares its place, since that
    /// one waits for it. 0 is taken as 1.
    pub max_concurrent: usize,
    /// Which agent gets the next task.
    pub strategy: Strategy,
}

impl Default for RoutePolicy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            max_concurrent: 10,
            strategy: Strategy::RoundRobin,
        }
    }
}

impl RoutePolicy {
    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets [`max_concurrent`](Self::max_concurrent).
    #[must_use]
    pub fn max_concurrent(mut self, max_concurrent: usize) -> Self {
        self.max_concurrent = max_concurrent;
        self
    }

    /// Sets [`strategy`](Self::strategy).
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }
}

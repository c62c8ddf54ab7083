//! What a route allows its tasks.

use std::time::Duration;

use crate::Strategy;

/// How a route treats its tasks. The default: 30 s, 10 at a time, 3 retries, in turns.
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
    /// How often a task is tried again that failed with an error which
    /// [is retryable](crate::TaskError::is_retryable), each time by an agent chosen anew. Between
    /// two attempts lies a random time of up to 50 ms, which doubles with each up to 1 s. The
    /// task's time holds for all attempts together. Where the router stops, or the error comes from a
    /// nested task that was tried several times already, nothing is tried again.
    ///
    /// With any but 0, data of more than 64 bytes is kept until the task has ended, so that an
    /// agent does not find itself its only owner.
    pub retry_count: u32,
    /// Which agent gets the next task.
    pub strategy: Strategy,
}

impl Default for RoutePolicy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            max_concurrent: 10,
            retry_count: 3,
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

    /// Sets [`retry_count`](Self::retry_count).
    #[must_use]
    pub fn retry_count(mut self, retry_count: u32) -> Self {
        self.retry_count = retry_count;
        self
    }

    /// Sets [`strategy`](Self::strategy).
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }
}

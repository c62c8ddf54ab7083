//! What a route allows its tasks. The numbers stand here; what each of them does stands in a file of its own.

mod backoff;
mod budget;
mod ejection;
mod fallback;

use std::time::Duration;

use crate::Strategy;

pub use backoff::Backoff;
pub use budget::RetryBudget;
pub(crate) use budget::Spent;
pub use ejection::Ejection;
pub(crate) use ejection::{Counts, Health, Verdict, is_its_fault};
pub use fallback::Fallback;

/// How a route treats its tasks. The default: 30 s for each attempt, 10 tasks at a time and 10,000 that wait, 3 retries, in turns, and an agent that failed 5 times
/// in a row is left out for a while.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RoutePolicy {
    /// How long one attempt may take, the wait for a free place included. It counts from the moment the attempt first has to wait.
    pub timeout: Duration,
    /// How long a task may take in all; none: as long as its attempts do. A task's own [deadline](crate::TaskOptions::deadline) holds too.
    pub deadline: Option<Duration>,
    /// How long a stream may be without an item; none: as long as [`timeout`](Self::timeout).
    pub item_timeout: Option<Duration>,
    /// How many tasks the route's agents work on at a time, all together; further ones wait in the
    /// order they came. A task nested in another of the same route shares its place, since that
    /// one waits for it. 0 is taken as 1.
    pub max_concurrent: usize,
    /// How many tasks one agent works on at a time; none: as many as the route has places. An agent's own [limit](crate::AgentInfo::max_concurrent) holds too. 0 is taken
    /// as 1. Tasks that wait for an agent have a place on the route. A task nested in another of the same route waits for no agent's room.
    pub max_concurrent_per_agent: Option<usize>,
    /// How many tasks may wait for a place; those beyond are refused as [`Overloaded`](crate::ErrorKind::Overloaded).
    pub max_queue: usize,
    /// How often a task is tried again, each time by another agent if there is one. Tried again is what never reached an agent, unless it waited for one during the whole of its time; what failed with an error that the
    /// agent calls [retryable](crate::TaskError::is_retryable); and, where it is [idempotent](Self::idempotent), what timed out, panicked, or was cut off as its agent was replaced.
    /// Where the router stops, or the error comes from a
    /// nested task that was tried several times already, nothing is tried again.
    ///
    /// With any but 0, data of more than 64 bytes is kept until the task has ended, so that an
    /// agent does not find itself its only owner.
    pub retry_count: u32,
    /// How many retries there may be, all tasks together.
    pub retry_budget: RetryBudget,
    /// How long to wait before a retry.
    pub backoff: Backoff,
    /// Whether a task may be done twice without harm. A [task](crate::TaskOptions::idempotent) or an [agent](crate::AgentInfo::idempotent) can say so too.
    pub idempotent: bool,
    /// When an agent is left out.
    pub ejection: Ejection,
    /// What is done with a task that failed in the end.
    pub fallback: Option<Fallback>,
    /// Which agent gets the next task.
    pub strategy: Strategy,
}

impl Default for RoutePolicy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            deadline: None,
            item_timeout: None,
            max_concurrent: 10,
            max_concurrent_per_agent: None,
            max_queue: 10_000,
            retry_count: 3,
            retry_budget: RetryBudget::default(),
            backoff: Backoff::default(),
            idempotent: false,
            ejection: Ejection::default(),
            fallback: None,
            strategy: Strategy::RoundRobin,
        }
    }
}

impl RoutePolicy {
    /// Whether a task's data may be needed once more.
    #[inline]
    pub(crate) fn may_need_data_again(&self) -> bool {
        self.retry_count > 0 || matches!(self.fallback, Some(Fallback::Route(_)))
    }
}

/// A setter for each field.
macro_rules! setters {
    ($($field:ident: $type:ty,)*) => {
        impl RoutePolicy {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field.into();
                    self
                }
            )*
        }
    };
}

setters! {
    timeout: Duration,
    deadline: impl Into<Option<Duration>>,
    item_timeout: impl Into<Option<Duration>>,
    max_concurrent: usize,
    max_concurrent_per_agent: impl Into<Option<usize>>,
    max_queue: usize,
    retry_count: u32,
    retry_budget: RetryBudget,
    backoff: Backoff,
    idempotent: bool,
    ejection: Ejection,
    fallback: impl Into<Option<Fallback>>,
    strategy: Strategy,
}

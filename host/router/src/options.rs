//! What one task asks for beyond its route and its data.

use std::sync::Arc;

use tokio::time::Instant;

use crate::Task;

/// How one task differs from the route's policy. The default: a task from outside, under the
/// route's timeout alone.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TaskOptions {
    /// When the answer is of no use any more. The route's timeout still holds if it is earlier.
    pub deadline: Option<Instant>,
    /// The task in which this one is nested, still under way: its deadline and its count of hops
    /// are inherited.
    pub parent: Option<Arc<Task>>,
}

impl TaskOptions {
    /// Sets [`deadline`](Self::deadline).
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets [`parent`](Self::parent): a clone of the agent's task. One that nests several tasks
    /// saves allocations by cloning it into an `Arc` once.
    #[must_use]
    pub fn parent(mut self, parent: impl Into<Arc<Task>>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// The earlier of the task's own deadline and its parent's.
    pub(crate) fn earliest_deadline(&self) -> Option<Instant> {
        let inherited = self.parent.as_ref().and_then(|parent| parent.deadline());
        match (self.deadline, inherited) {
            (Some(own), Some(inherited)) => Some(own.min(inherited)),
            (own, inherited) => own.or(inherited),
        }
    }
}

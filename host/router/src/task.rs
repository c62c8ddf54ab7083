//! One call of a route, as its agent sees it. It is made on the stack for every call, so it holds
//! nothing that costs an allocation or a look at the clock until somebody asks.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::gate::Gate;
use crate::registry::Registry;
use crate::{TraceId, task_id};

/// One call of a route. An agent gets a reference and clones it where it must outlive
/// [`Agent::call`](crate::Agent::call), to nest other tasks in it above all.
#[derive(Debug)]
pub struct Task {
    id: u64,
    /// In which of the registry's eras the outermost task was begun.
    begun: u64,
    hops: u32,
    gate: Arc<Gate>,
    limit: Duration,
    deadline: OnceLock<Option<Instant>>,
    parent: Option<Arc<Task>>,
}

impl Task {
    /// `limit` counts from now on; `deadline` is given only where it is known already.
    pub(crate) fn new(
        gate: &Arc<Gate>,
        limit: Duration,
        deadline: Option<Instant>,
        parent: Option<Arc<Task>>,
        registry: &Registry,
    ) -> Self {
        Self {
            id: task_id::next(),
            begun: parent
                .as_ref()
                .map_or_else(|| registry.era(), |parent| parent.begun),
            hops: parent
                .as_ref()
                .map_or(0, |parent| parent.hops.saturating_add(1)),
            gate: gate.clone(),
            limit,
            deadline: deadline.map_or_else(OnceLock::new, |known| OnceLock::from(Some(known))),
            parent,
        }
    }

    /// A number that no other task of this process has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What all tasks have in common that are nested, however deeply, in one that came from
    /// outside.
    pub fn trace_id(&self) -> TraceId {
        let mut outermost = self;
        while let Some(parent) = outermost.parent() {
            outermost = parent;
        }
        TraceId::of(outermost.id)
    }

    /// How many tasks this one is nested in: 0 for one that came from outside.
    pub fn hops(&self) -> u32 {
        self.hops
    }

    /// The route that was called.
    pub fn route(&self) -> &str {
        self.gate.name()
    }

    /// When the router gives the task up; `None` where that is too far away to be told.
    ///
    /// The first look at it fixes it, the route's timeout from then. Before a call has to wait, the
    /// router does not look, since most calls never do.
    pub fn deadline(&self) -> Option<Instant> {
        *self
            .deadline
            .get_or_init(|| Instant::now().checked_add(self.limit))
    }

    /// The task that this one is nested in.
    pub fn parent(&self) -> Option<&Task> {
        self.parent.as_deref()
    }

    /// The routes from the outermost task down to this one.
    pub fn path(&self) -> Vec<String> {
        let mut path: Vec<String> = std::iter::successors(Some(self), |task| task.parent())
            .map(|task| task.route().to_owned())
            .collect();
        path.reverse();
        path
    }

    /// Whether the task is nested in another of its own route, and so needs no place there. The
    /// other has one and waits; were this one to wait for its place, both would wait for ever, and
    /// agents that call each other in a circle would use the places up before the hops.
    pub(crate) fn shares_place(&self) -> bool {
        std::iter::successors(self.parent(), |task| task.parent())
            .any(|task| Arc::ptr_eq(&task.gate, &self.gate))
    }

    /// How long the task may take in all.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// In which era the outermost of the tasks that it is nested in was begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    pub(crate) fn is_nested(&self) -> bool {
        self.parent.is_some()
    }
}

/// Fixes the deadline first, so that all copies agree on it.
impl Clone for Task {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            begun: self.begun,
            hops: self.hops,
            gate: self.gate.clone(),
            limit: self.limit,
            deadline: OnceLock::from(self.deadline()),
            parent: self.parent.clone(),
        }
    }
}

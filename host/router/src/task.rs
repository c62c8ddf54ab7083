//! One call of a route, as its agent sees it. It is made on the stack for every call, so it holds
//! nothing that costs an allocation or a look at the clock until somebody asks.

use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::gate::Gate;
use crate::options::Extras;
use crate::registry::Registry;
use crate::seed::scatter;
use crate::{Labels, PayloadStream, TaskOptions, TraceContext, TraceId, task_id};

/// One call of a route. An agent gets a reference and clones it where it must outlive
/// [`Agent::call`](crate::Agent::call), to nest other tasks in it above all.
#[derive(Debug)]
pub struct Task {
    id: u64,
    /// In which of the registry's eras the outermost task was begun.
    begun: u64,
    hops: u32,
    idempotent: bool,
    gate: Arc<Gate>,
    /// How long this attempt may take.
    limit: Duration,
    /// When this attempt is given up.
    deadline: OnceLock<Option<Instant>>,
    /// When the task is given up, whatever its attempts may take; none: never.
    end: Option<Instant>,
    parent: Option<Arc<Task>>,
    extras: Option<Arc<Extras>>,
}

/// What a task is made of.
pub(crate) struct Making {
    /// How long the first attempt may take.
    pub(crate) limit: Duration,
    /// When the first attempt is given up, where that is known already.
    pub(crate) deadline: Option<Instant>,
    pub(crate) end: Option<Instant>,
    pub(crate) idempotent: bool,
    pub(crate) parent: Option<Arc<Task>>,
    pub(crate) extras: Option<Arc<Extras>>,
}

impl Task {
    #[inline]
    pub(crate) fn new(gate: &Arc<Gate>, making: Making, registry: &Registry) -> Self {
        let parent = making.parent;
        Self {
            id: task_id::next(),
            begun: parent
                .as_ref()
                .map_or_else(|| registry.era(), |parent| parent.begun),
            hops: parent
                .as_ref()
                .map_or(0, |parent| parent.hops.saturating_add(1)),
            idempotent: making.idempotent,
            gate: gate.clone(),
            limit: making.limit,
            deadline: making
                .deadline
                .map_or_else(OnceLock::new, |known| OnceLock::from(Some(known))),
            end: making.end,
            parent,
            extras: making.extras,
        }
    }

    /// The same task, for another attempt.
    pub(crate) fn again(&self, timeout: Duration) -> Self {
        let now = Instant::now();
        let left = self.end.map(|end| end.saturating_duration_since(now));
        let limit = left.map_or(timeout, |left| left.min(timeout));
        Self {
            limit,
            deadline: OnceLock::from(now.checked_add(limit)),
            ..self.clone()
        }
    }

    /// The same task, for what it is nested in when all attempts have failed.
    pub(crate) fn after_all(&self) -> Self {
        Self {
            deadline: OnceLock::from(self.end),
            ..self.clone()
        }
    }

    /// The same task, with labels besides.
    pub(crate) fn annotated(&self, labels: &Labels) -> Self {
        let extras = self.extras.as_deref();
        Self {
            extras: Some(Arc::new(Extras::with_labels(extras, labels))),
            ..self.clone()
        }
    }

    /// A number that no other task of this process has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What all tasks have in common that are nested, however deeply, in one that came from
    /// outside.
    pub fn trace_id(&self) -> TraceId {
        let outermost = self.outermost();
        outermost
            .trace()
            .map_or_else(|| TraceId::of(outermost.id), |trace| trace.trace_id)
    }

    /// What to hand to another program that this task calls: its trace, and this task as the step before.
    pub fn traceparent(&self) -> TraceContext {
        let step = NonZeroU64::new(scatter(self.id)).unwrap_or(NonZeroU64::MIN);
        let sampled = self.outermost().trace().is_none_or(|trace| trace.sampled);
        TraceContext::new(self.trace_id(), step, sampled)
    }

    fn outermost(&self) -> &Self {
        let mut outermost = self;
        while let Some(parent) = outermost.parent() {
            outermost = parent;
        }
        outermost
    }

    fn trace(&self) -> Option<TraceContext> {
        self.extras.as_ref().and_then(|extras| extras.trace)
    }

    /// What its caller asked for, for another task in its place.
    pub(crate) fn options(&self) -> TaskOptions {
        let options = TaskOptions::default();
        let Some(extras) = &self.extras else {
            return TaskOptions {
                idempotent: self.idempotent,
                ..options
            };
        };
        TaskOptions {
            idempotent: self.idempotent,
            key: extras.key.clone(),
            labels: extras.labels.clone(),
            sender: extras.sender.clone(),
            ..options
        }
    }

    /// What it has in common with other tasks that are to come to the same agent.
    pub fn key(&self) -> Option<&Bytes> {
        self.extras.as_ref().and_then(|extras| extras.key.as_ref())
    }

    /// What its caller, and interceptors, noted about it.
    pub fn labels(&self) -> &Labels {
        static NONE: Labels = Labels::new();
        self.extras.as_ref().map_or(&NONE, |extras| &extras.labels)
    }

    /// Whether its caller says that it may be done twice without harm.
    pub fn idempotent(&self) -> bool {
        self.idempotent
    }

    /// Who sent it, where the caller said so.
    pub fn sender(&self) -> Option<&str> {
        self.extras
            .as_ref()
            .and_then(|extras| extras.sender.as_deref())
    }

    /// Whether its caller takes a stream of items.
    pub fn streams(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.streams)
    }

    /// How many tasks this one is nested in: 0 for one that came from outside.
    pub fn hops(&self) -> u32 {
        self.hops
    }

    /// The route that was called.
    pub fn route(&self) -> &str {
        self.gate.name()
    }

    /// When the router gives this attempt up; `None` where that is too far away to be told. For a task whose caller takes a stream: when the router gives the whole of it
    /// up, if ever.
    ///
    /// The first look at it fixes it, the route's timeout from then. Before a call has to wait, the
    /// router does not look, since most calls never do.
    pub fn deadline(&self) -> Option<Instant> {
        if self.streams() {
            return self.end;
        }
        self.attempt_end()
    }

    /// When this attempt, or the opening of a stream, is given up.
    pub(crate) fn attempt_end(&self) -> Option<Instant> {
        *self.deadline.get_or_init(|| {
            let end = Instant::now().checked_add(self.limit);
            match (end, self.end) {
                (Some(attempt), Some(task)) => Some(attempt.min(task)),
                (attempt, task) => attempt.or(task),
            }
        })
    }

    /// When the whole task is given up.
    pub(crate) fn end(&self) -> Option<Instant> {
        self.end
    }

    /// The stream of items that came with it, once.
    pub(crate) fn take_items(&self) -> Option<PayloadStream> {
        self.extras.as_ref().and_then(|extras| extras.take_items())
    }

    /// Whether items came with it, and an agent has had them.
    pub(crate) fn items_are_gone(&self) -> bool {
        self.extras
            .as_ref()
            .is_some_and(|extras| extras.items_are_gone())
    }

    /// Whether it, or one that it is nested in, is of that route.
    pub(crate) fn is_within(&self, route: &str) -> bool {
        std::iter::successors(Some(self), |task| task.parent()).any(|task| task.route() == route)
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

    /// How long this attempt may take in all.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
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
            idempotent: self.idempotent,
            gate: self.gate.clone(),
            limit: self.limit,
            deadline: OnceLock::from(self.attempt_end()),
            end: self.end,
            parent: self.parent.clone(),
            extras: self.extras.clone(),
        }
    }
}

//! What one task asks for beyond its route and its data.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{Labels, PayloadStream, Task, TraceContext};

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
    /// What tasks have in common that are to come to the same agent, by the strategy [`Sticky`](crate::Strategy::Sticky).
    pub key: Option<Bytes>,
    /// Whether the task may be done twice without harm, so that it is tried again also where it timed out, an agent panicked over it, or it was cut off.
    pub idempotent: bool,
    /// What strategies, interceptors and agents may go by. A nested task does not inherit it.
    pub labels: Labels,
    /// The trace that the task is part of, where it comes from outside. A nested task inherits its parent's.
    pub trace: Option<TraceContext>,
    /// Who sends it, a plugin's name for one: that plugin's [interceptor](crate::Interceptor) is not asked, lest it be asked about its own.
    pub sender: Option<Arc<str>>,
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

    /// Sets [`key`](Self::key).
    #[must_use]
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets [`idempotent`](Self::idempotent).
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Adds one of the [`labels`](Self::labels).
    #[must_use]
    pub fn label(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.labels = self.labels.with(name, value);
        self
    }

    /// Sets [`trace`](Self::trace).
    #[must_use]
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Sets [`sender`](Self::sender).
    #[must_use]
    pub fn sender(mut self, sender: impl Into<Arc<str>>) -> Self {
        self.sender = Some(sender.into());
        self
    }

    /// What few tasks have; `items` is what came with one whose caller takes a stream.
    #[inline]
    pub(crate) fn extras(&mut self, items: Option<Option<PayloadStream>>) -> Option<Arc<Extras>> {
        let none = self.key.is_none()
            && self.labels.is_empty()
            && self.trace.is_none()
            && self.sender.is_none()
            && items.is_none();
        if none {
            None
        } else {
            Some(self.make_extras(items))
        }
    }

    #[cold]
    fn make_extras(&mut self, items: Option<Option<PayloadStream>>) -> Arc<Extras> {
        Arc::new(Extras {
            key: self.key.take(),
            labels: std::mem::take(&mut self.labels),
            trace: self.trace,
            sender: self.sender.take(),
            streams: items.is_some(),
            brought: matches!(items, Some(Some(_))),
            items: Mutex::new(items.flatten()),
        })
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

/// What few tasks have, and the others do not carry.
pub(crate) struct Extras {
    pub(crate) key: Option<Bytes>,
    pub(crate) labels: Labels,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) sender: Option<Arc<str>>,
    /// Whether the caller takes a stream of items.
    pub(crate) streams: bool,
    /// Whether items came with it.
    brought: bool,
    /// What came with it, until an agent takes it.
    items: Mutex<Option<PayloadStream>>,
}

impl Extras {
    /// What there was, with labels besides. The items go along.
    pub(crate) fn with_labels(extras: Option<&Self>, labels: &Labels) -> Self {
        Self {
            key: extras.and_then(|extras| extras.key.clone()),
            labels: extras.map_or_else(
                || labels.clone(),
                |extras| extras.labels.clone().and(labels),
            ),
            trace: extras.and_then(|extras| extras.trace),
            sender: extras.and_then(|extras| extras.sender.clone()),
            streams: extras.is_some_and(|extras| extras.streams),
            brought: extras.is_some_and(|extras| extras.brought),
            items: Mutex::new(extras.and_then(Self::take_items)),
        }
    }

    /// Whether the items that came with it are an agent's by now.
    pub(crate) fn items_are_gone(&self) -> bool {
        let items = || self.items.lock().unwrap_or_else(PoisonError::into_inner);
        self.brought && items().is_none()
    }

    pub(crate) fn take_items(&self) -> Option<PayloadStream> {
        if !self.streams {
            return None;
        }
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.take()
    }
}

impl fmt::Debug for Extras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extras")
            .field("labels", &self.labels)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

//! The task at hand, as a handler sees it, and as it is shown to a strategy or an interceptor.

use std::fmt;
use std::time::{Duration, Instant};

use agentsys_abi::bridge::Payload;
use agentsys_abi::call::RawCall;
use agentsys_abi::routing::RawTask;

use crate::error::Result;
use crate::host::Host;
use crate::metrics::Metrics;
use crate::payload::IntoPayload;
use crate::router::{Peer, Router};
use crate::storage::Storage;

/// The task at hand: its number, what time is left, and the way to other agents.
pub struct Context {
    host: *const Host,
    task: *const (),
    task_id: u64,
    hops: u32,
    route: &'static str,
    /// In place of `host` and `route`, where the context may outlive the instance. One word: a plain handler's call makes a context too.
    own: Option<Box<Own>>,
    /// Whether `task` is a claim of ours.
    claimed: bool,
}

struct Own {
    host: Host,
    route: String,
}

// SAFETY: the seam: a task and a host may be used from any thread; `Host` is `Sync`.
unsafe impl Send for Context {}
// SAFETY: as for `Send`.
unsafe impl Sync for Context {}

impl Context {
    /// The context of a call that lasts until its function returns.
    ///
    /// # Safety
    /// `call`'s task and `host` must outlive the context.
    #[inline]
    pub(crate) unsafe fn borrowed(host: &Host, call: &RawCall, route: &'static str) -> Self {
        let RawCall {
            task,
            task_id,
            hops,
            ..
        } = *call;
        Self {
            host,
            task,
            task_id,
            hops,
            route,
            own: None,
            claimed: false,
        }
    }

    /// The context of a call that goes on after its function has returned.
    ///
    /// # Safety
    /// `host` must outlive the context.
    pub(crate) unsafe fn claimed(host: &Host, call: &RawCall, route: &'static str) -> Self {
        // SAFETY: the host outlives the context (the caller's promise), and the task does so by the claim below.
        let mut context = unsafe { Self::borrowed(host, call, route) };
        // SAFETY: the task is valid during the call.
        context.task = unsafe { (host.raw().api.task().claim())(call.task) };
        context.claimed = true;
        context
    }

    /// The context of a call that goes on, for a handler that has it by value, and may keep it.
    pub(crate) fn owned(host: &Host, call: &RawCall, route: &str) -> Self {
        // SAFETY: the host lives in the context from the next line on, and is not looked at before.
        let mut context = unsafe { Self::claimed(host, call, "") };
        context.own = Some(Box::new(Own {
            host: host.clone(),
            route: route.to_owned(),
        }));
        context
    }

    /// The context of a task that is another agent's, until the function that is shown it returns.
    ///
    /// # Safety
    /// `task`, what it names, and `host` must outlive the context.
    #[cfg_attr(
        feature = "seam-older",
        allow(dead_code, reason = "the older seam shows none")
    )]
    #[inline]
    pub(crate) unsafe fn shown(host: &Host, task: &RawTask<'_>) -> Self {
        let route: *const str = task.route.as_str();
        Self {
            host,
            task: task.task,
            task_id: task.task_id,
            hops: task.hops,
            // SAFETY: only the lifetime's name goes: it is read through the context alone, which the route outlives.
            route: unsafe { &*route },
            own: None,
            claimed: false,
        }
    }

    /// The same for what goes on after that.
    #[cfg_attr(
        feature = "seam-older",
        allow(dead_code, reason = "the older seam shows none")
    )]
    pub(crate) fn kept(host: &Host, task: &RawTask<'_>) -> Self {
        Self {
            host,
            // SAFETY: the task is valid during the call.
            task: unsafe { (host.raw().api.task().claim())(task.task) },
            task_id: task.task_id,
            hops: task.hops,
            route: "",
            own: Some(Box::new(Own {
                host: host.clone(),
                route: task.route.as_str().to_owned(),
            })),
            claimed: true,
        }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        match &self.own {
            Some(own) => &own.host,
            // SAFETY: the constructors' promise: the host outlives the context.
            None => unsafe { &*self.host },
        }
    }

    /// The way to other agents and plugins, for tasks that are part of this one: they inherit the time that is left, and count one hop more.
    #[must_use]
    pub fn router(&self) -> Router<'_> {
        Router::new(self.host(), self.task)
    }

    /// Another plugin, by its name; its `process` is part of this task.
    #[must_use]
    pub fn plugin<'a>(&'a self, name: &'a str) -> Peer<'a> {
        self.router().plugin(name)
    }

    /// The plugin's own namespace in the host's storage.
    #[must_use]
    pub fn storage(&self) -> Storage {
        self.host().storage()
    }

    /// What the plugin counts and measures.
    #[must_use]
    pub fn metrics(&self) -> Metrics<'_> {
        self.host().metrics()
    }

    /// The task's number, unique in its host.
    #[must_use]
    pub fn task_id(&self) -> u64 {
        self.task_id
    }

    /// The route on which this handler was called; `process` for the plugin's own.
    #[must_use]
    pub fn route(&self) -> &str {
        self.own.as_ref().map_or(self.route, |own| &own.route)
    }

    /// How many tasks this one is nested in.
    #[must_use]
    pub fn hops(&self) -> u32 {
        self.hops
    }

    /// The time that is left for the task; none where nothing limits it.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        // SAFETY: the constructors' promise: the task is valid.
        let nanos = unsafe { (self.host().raw().api.task().remaining())(self.task) };
        (nanos != u64::MAX).then(|| Duration::from_nanos(nanos))
    }

    /// When the time is over; none where nothing limits it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.remaining()
            .and_then(|left| Instant::now().checked_add(left))
    }

    /// Whether nobody waits for the answer any more. An async handler need not ask: it is dropped. A plain or
    /// blocking one that takes long asks now and then.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        // SAFETY: the constructors' promise: the task is valid.
        unsafe { (self.host().raw().api.task().is_cancelled())(self.task) != 0 }
    }

    /// The key by which tasks of a kind are told apart, if the task's sender gave it one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        let key = self.host().raw().api.task().key()?;
        // SAFETY: the constructors' promise: the task is valid, and longer than what it lends is used here.
        let key = unsafe { key(self.task) };
        key.into_option().map(|key| key.as_slice())
    }

    /// The value of one of the task's labels.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        let label = self.host().raw().api.task().label()?;
        // SAFETY: as for `key`.
        let value = unsafe { label(self.task, name.into()) };
        value.into_option().map(|value| value.as_str())
    }

    /// The task's labels: their names and values.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let label_at = self.host().raw().api.task().label_at();
        // SAFETY: as for `key`.
        let at = move |place| unsafe { label_at?(self.task, place) }.into_option();
        (0..)
            .map_while(at)
            .map(|label| (label.name.as_str(), label.value.as_str()))
    }

    /// The task's trace in the form of the W3C's `traceparent`, to be handed on to others; it is the same, but for its last part, for all tasks that are part of
    /// one. None on a host without traces.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        let traceparent = self.host().raw().api.task().traceparent()?;
        // SAFETY: the constructors' promise: the task is valid.
        let trace = unsafe { traceparent(self.task) };
        (!trace.is_empty()).then(|| trace.as_str().to_owned())
    }

    /// Routes a task that is part of this one: short for `router().route_task(…)`.
    ///
    /// # Errors
    /// What the route's agent failed with, or why none was reached.
    pub async fn route_task<Kind>(
        &self,
        name: &str,
        data: impl IntoPayload<Kind>,
    ) -> Result<Payload> {
        self.router().route_task(name, data).await
    }
}

impl Drop for Context {
    #[inline]
    fn drop(&mut self) {
        if self.claimed {
            // SAFETY: the one release of our claim.
            unsafe { (self.host().raw().api.task().release())(self.task) }
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Context(task {}, route {:?}, {} hops)",
            self.task_id,
            self.route(),
            self.hops
        )
    }
}

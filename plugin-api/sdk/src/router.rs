//! The way to other agents, and to routes that come and go while the plugin runs.

use std::fmt;

use agentsys_abi::bridge::Payload;
use agentsys_abi::host::target;
use futures_core::Stream;

use crate::answers::Answers;
use crate::error::Result;
use crate::host::Host;
use crate::items::Items;
use crate::options::TaskOptions;
use crate::payload::IntoPayload;
use crate::streaming;

/// The host's router, for a plugin: from [`Context::router`](crate::Context::router) its tasks are part of the task at hand, and inherit the time that is left and the count of
/// hops; from [`Host::router`] they are tasks of the plugin's own.
#[derive(Clone, Copy)]
pub struct Router<'a> {
    pub(crate) host: &'a Host,
    /// Null, or the task that it is for.
    pub(crate) task: *const (),
}

// SAFETY: the seam: a task and a host may be used from any thread.
unsafe impl Send for Router<'_> {}
// SAFETY: as for `Send`.
unsafe impl Sync for Router<'_> {}

impl<'a> Router<'a> {
    /// `task` is null, or valid for `'a`.
    pub(crate) fn new(host: &'a Host, task: *const ()) -> Self {
        Self { host, task }
    }

    /// Sends a task to one of a route's agents.
    ///
    /// # Errors
    /// What the agent failed with, or why none was reached.
    pub async fn route_task<Kind>(
        self,
        name: &str,
        data: impl IntoPayload<Kind>,
    ) -> Result<Payload> {
        self.ask(target::ROUTE, name, data.into_payload()?).await
    }

    /// Sends a task to one agent by its name, or by `name/route` where agents of that name stand on several routes. A plugin's handlers bear the
    /// plugin's name.
    ///
    /// # Errors
    /// As [`route_task`](Self::route_task).
    pub async fn send<Kind>(self, agent: &str, data: impl IntoPayload<Kind>) -> Result<Payload> {
        self.ask(target::AGENT, agent, data.into_payload()?).await
    }

    /// As [`route_task`](Self::route_task), with options.
    ///
    /// # Errors
    /// As there; `Unavailable` on a host that is older than these options.
    pub async fn route_task_with<Kind>(
        self,
        name: &str,
        data: impl IntoPayload<Kind>,
        options: TaskOptions,
    ) -> Result<Payload> {
        self.ask_with(target::ROUTE, name, data.into_payload()?, &options)
            .await
    }

    /// As [`send`](Self::send), with options.
    ///
    /// # Errors
    /// As there; `Unavailable` on a host that is older than these options.
    pub async fn send_with<Kind>(
        self,
        agent: &str,
        data: impl IntoPayload<Kind>,
        options: TaskOptions,
    ) -> Result<Payload> {
        self.ask_with(target::AGENT, agent, data.into_payload()?, &options)
            .await
    }

    /// Sends a task to one of a route's agents, for an answer that comes item by item; one that comes whole is the one item.
    ///
    /// # Errors
    /// Where it cannot be sent at all. What the agent fails with, or why none was reached, is an item.
    pub fn route_stream<Kind>(
        self,
        name: &str,
        data: impl IntoPayload<Kind>,
    ) -> Result<Items<Payload>> {
        self.route_stream_with(name, data, TaskOptions::new())
    }

    /// As [`route_stream`](Self::route_stream), with options.
    ///
    /// # Errors
    /// As there.
    pub fn route_stream_with<Kind>(
        self,
        name: &str,
        data: impl IntoPayload<Kind>,
        options: TaskOptions,
    ) -> Result<Items<Payload>> {
        self.open(name, data.into_payload()?, None, &options)
    }

    /// As [`route_stream_with`](Self::route_stream_with), with items that go along: for a handler that takes some.
    ///
    /// They are asked for as the handler reads them, in this plugin's runtime, and dropped when it wants no more.
    ///
    /// # Errors
    /// As there.
    pub fn route_items<S, T, DataKind, ItemKind>(
        self,
        name: &str,
        data: impl IntoPayload<DataKind>,
        items: S,
        options: TaskOptions,
    ) -> Result<Items<Payload>>
    where
        S: Stream<Item = Result<T>> + Send + 'static,
        T: IntoPayload<ItemKind> + 'static,
        ItemKind: 'static,
    {
        let data = data.into_payload()?;
        let items = streaming::send_along(items, self.host.scope().cloned())?;
        self.open(name, data, Some(items), &options)
    }

    /// Sends a task to all agents of a route. Their answers come as they are there.
    ///
    /// # Errors
    /// Where it cannot be sent at all. What an agent fails with is its answer.
    pub fn broadcast<Kind>(self, name: &str, data: impl IntoPayload<Kind>) -> Result<Answers> {
        self.broadcast_with(name, data, TaskOptions::new())
    }

    /// As [`broadcast`](Self::broadcast), with options.
    ///
    /// # Errors
    /// As there.
    pub fn broadcast_with<Kind>(
        self,
        name: &str,
        data: impl IntoPayload<Kind>,
        options: TaskOptions,
    ) -> Result<Answers> {
        let items = self.ask_all(name, data.into_payload()?, &options)?;
        Ok(Answers::new(items))
    }

    /// Another plugin, by its name.
    #[must_use]
    pub fn plugin(self, name: &'a str) -> Peer<'a> {
        Peer { router: self, name }
    }
}

impl fmt::Debug for Router<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nested = !self.task.is_null();
        write!(
            f,
            "Router(of {}, nested: {nested})",
            self.host.plugin_name()
        )
    }
}

/// Another plugin of the same host.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    router: Router<'a>,
    name: &'a str,
}

impl Peer<'_> {
    /// Has the plugin's own `process` take data in and give data back.
    ///
    /// # Errors
    /// What it failed with; `NotFound` where there is no such plugin, or it has no `process`.
    pub async fn process<Kind>(self, data: impl IntoPayload<Kind>) -> Result<Payload> {
        self.router
            .ask(target::PLUGIN, self.name, data.into_payload()?)
            .await
    }
}

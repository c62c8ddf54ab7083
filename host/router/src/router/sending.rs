//! What can be asked of a router: one answer, a stream of them, or those of all agents of a route.

use crate::address::Address;
use crate::call::RouteTask;
use crate::{
    Broadcast, Payload, PayloadStream, RouteService, Router, TaskError, TaskOptions, TaskStream,
};

impl Router {
    /// Sends a task to one of a route's agents and waits for the answer. For a `'static` future,
    /// move a clone of the router into an `async` block.
    ///
    /// # Errors
    /// The agent's own; or [`NotRunning`](crate::ErrorKind::NotRunning),
    /// [`NotFound`](crate::ErrorKind::NotFound), [`Timeout`](crate::ErrorKind::Timeout),
    /// [`Cancelled`](crate::ErrorKind::Cancelled), [`Panicked`](crate::ErrorKind::Panicked),
    /// [`LoopDetected`](crate::ErrorKind::LoopDetected) and
    /// [`Unavailable`](crate::ErrorKind::Unavailable), if the route went while the task waited.
    pub fn route_task<'a>(&'a self, route: &'a str, data: impl Into<Payload>) -> RouteTask<'a> {
        self.route_task_with(route, data, TaskOptions::default())
    }

    /// As [`route_task`](Self::route_task), with a deadline or within another task.
    ///
    /// # Errors
    /// As [`route_task`](Self::route_task).
    pub fn route_task_with<'a>(
        &'a self,
        route: &'a str,
        data: impl Into<Payload>,
        options: TaskOptions,
    ) -> RouteTask<'a> {
        RouteTask::new(&self.shared, Address::Route(route), data.into(), options)
    }

    /// Sends a task to one agent by its name, or to one of several that have the name on the same
    /// route, as the route's strategy chooses. Where agents on several routes have it,
    /// `name/route` says which is meant. Timeout, places and retries are those of the route, which
    /// the agent sees as called.
    ///
    /// # Errors
    /// As [`route_task`](Self::route_task): [`NotFound`](crate::ErrorKind::NotFound) where there is
    /// no such agent, and [`Unavailable`](crate::ErrorKind::Unavailable) if it went while the task
    /// waited. [`InvalidInput`](crate::ErrorKind::InvalidInput) where several routes have one.
    pub fn send<'a>(&'a self, agent: &'a str, data: impl Into<Payload>) -> RouteTask<'a> {
        self.send_with(agent, data, TaskOptions::default())
    }

    /// As [`send`](Self::send), with a deadline or within another task.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_with<'a>(
        &'a self,
        agent: &'a str,
        data: impl Into<Payload>,
        options: TaskOptions,
    ) -> RouteTask<'a> {
        RouteTask::new(&self.shared, Address::Agent(agent), data.into(), options)
    }

    /// Sends a task to one of a route's agents, whose answer comes item by item. The route's [`timeout`](crate::RoutePolicy::timeout) is the time that the agent has for opening the stream;
    /// from then on there may be its [`item_timeout`](crate::RoutePolicy::item_timeout) between two items while the reader waits, and as a whole it may take as long as its deadline allows, if it
    /// has one. It is tried again only until it is open.
    ///
    /// # Errors
    /// As [`route_task`](Self::route_task), as an item of the stream.
    pub fn route_stream(&self, route: &str, data: impl Into<Payload>) -> TaskStream {
        self.route_stream_with(route, data, TaskOptions::default(), None)
    }

    /// As [`route_stream`](Self::route_stream), with options, and with items for the agent if there are some. Those go to the first agent that gets the task, which is not tried again once they are gone.
    ///
    /// # Errors
    /// As [`route_stream`](Self::route_stream); [`InvalidInput`](crate::ErrorKind::InvalidInput) where the agent takes no items.
    pub fn route_stream_with(
        &self,
        route: &str,
        data: impl Into<Payload>,
        options: TaskOptions,
        items: Option<PayloadStream>,
    ) -> TaskStream {
        let address = Address::Route(route);
        TaskStream::new(&self.shared, address, data.into(), options, items)
    }

    /// As [`route_stream_with`](Self::route_stream_with), to one agent by its name, as [`send`](Self::send) finds it.
    ///
    /// # Errors
    /// As [`route_stream_with`](Self::route_stream_with) and [`send`](Self::send).
    pub fn send_stream_with(
        &self,
        agent: &str,
        data: impl Into<Payload>,
        options: TaskOptions,
        items: Option<PayloadStream>,
    ) -> TaskStream {
        let address = Address::Agent(agent);
        TaskStream::new(&self.shared, address, data.into(), options, items)
    }

    /// Sends a task to every agent of a route, and gives their answers as they come. Each is a task of its own, with a place, timeouts and retries by the route's policy, but
    /// without its fallback.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is no such route, [`NotRunning`](crate::ErrorKind::NotRunning). An agent's own error is in its answer.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use agentsys_router::{Payload, Router, RouterConfig, agent_fn};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let router = Router::new(RouterConfig::default());
    /// # router.start();
    /// for name in ["left", "right"] {
    ///     let agent = agent_fn(name, "Says where it is.", move |_: Payload| async move { Ok(name) });
    ///     router.register_agent("sides", Arc::new(agent)).await?;
    /// }
    /// let mut answers = router.broadcast("sides", "where are you?")?;
    /// while let Some(answer) = answers.next().await {
    ///     println!("{}: {:?}", answer.name, answer.answer);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn broadcast(&self, route: &str, data: impl Into<Payload>) -> Result<Broadcast, TaskError> {
        self.broadcast_with(route, data, TaskOptions::default())
    }

    /// As [`broadcast`](Self::broadcast), with options that hold for each of the tasks.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    pub fn broadcast_with(
        &self,
        route: &str,
        data: impl Into<Payload>,
        options: TaskOptions,
    ) -> Result<Broadcast, TaskError> {
        Broadcast::new(&self.shared, route, &data.into(), &options)
    }

    /// A route as a [`tower` service](tower_service::Service). It need not exist yet.
    pub fn service(&self, route: &str) -> RouteService {
        RouteService::new(self, route)
    }
}

//! The router as its users hold it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::address::Address;
use crate::call::RouteTask;
use crate::leaving::{Hold, Leaving};
use crate::lifecycle::Lifecycle;
use crate::registry::Registry;
use crate::waiting::timer;
use crate::{
    Agent, AgentId, Payload, RouteInfo, RouteMetrics, RoutePolicy, RouterConfig, RouterError,
    TaskObserver, TaskOptions,
};

/// The chain of parents is dropped from end to end, on the stack.
const MAX_HOPS: u32 = 1000;

/// How long a stop waits for tasks that it has cut off: their callers drop them when they are
/// next polled, which is at once unless they are stuck themselves.
pub(crate) const CUT_OFF_GRACE: Duration = Duration::from_millis(100);

/// Brings tasks to agents by the name of a route. A cheap handle: clones are the same router.
#[derive(Clone)]
pub struct Router {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) max_hops: u32,
    pub(crate) timers: Option<Handle>,
    pub(crate) observer: Option<Arc<dyn TaskObserver>>,
}

impl Router {
    /// A router that is not started yet: agents can be registered, tasks are refused.
    pub fn new(config: RouterConfig) -> Self {
        let lifecycle = Arc::new(Lifecycle::default());
        Self {
            shared: Arc::new(Shared {
                registry: Registry::new(config.default_policy, config.routes, lifecycle.clone()),
                lifecycle,
                max_hops: config.max_hops.min(MAX_HOPS),
                timers: config.timers,
                observer: config.observer,
            }),
        }
    }

    /// Takes tasks from now on. Does nothing to a router that runs; one that is being stopped runs
    /// again.
    pub fn start(&self) {
        self.shared.lifecycle.start();
    }

    /// Refuses new tasks at once, waits up to `drain` for those under way and what they nest, then
    /// cuts the others off: their futures are dropped, and their callers get
    /// [`Cancelled`](crate::ErrorKind::Cancelled).
    ///
    /// Gives the number of tasks that were still under way when the time was up. An agent that is
    /// inside [`Agent::call`] cannot be cut off; it is counted and left alone. The agents stay
    /// registered.
    pub async fn stop(&self, drain: Duration) -> usize {
        let lifecycle = &self.shared.lifecycle;
        if !lifecycle.drain() {
            return 0;
        }
        let drained = self.idle_within(drain).await;
        // Somebody started the router again meanwhile.
        if !lifecycle.is_draining() {
            return 0;
        }
        let left = if drained { 0 } else { self.under_way() };
        lifecycle.finish();
        if left > 0 {
            self.idle_within(CUT_OFF_GRACE).await;
        }
        left
    }

    /// Stops at once, without waiting for anything: for a host that goes without having been stopped. Tasks under way are cut off,
    /// as at the end of [`stop`](Self::stop).
    pub fn halt(&self) {
        if self.shared.lifecycle.drain() {
            self.shared.lifecycle.finish();
        }
    }

    /// Puts an agent on a route. The first agent makes the route, under its policy, and describes
    /// it; further ones share its tasks.
    ///
    /// # Errors
    /// Where `route` is no name for a route.
    pub fn register_agent(
        &self,
        route: &str,
        agent: Arc<dyn Agent>,
    ) -> Result<AgentId, RouterError> {
        let ids = self.register_agents(vec![(route.to_owned(), agent)])?;
        Ok(ids[0])
    }

    /// Puts agents on routes, as one change: no task sees a part of it. The ids are in the order of
    /// the agents.
    ///
    /// # Errors
    /// Where a route's name is none; then nothing is changed.
    pub fn register_agents(
        &self,
        add: Vec<(String, Arc<dyn Agent>)>,
    ) -> Result<Vec<AgentId>, RouterError> {
        self.replace_agents(&[], add)
    }

    /// Takes an agent away; a route goes with its last one. Tasks that it has begun go on. False
    /// where it was gone already.
    pub fn unregister_agent(&self, id: AgentId) -> bool {
        let replaced = self.shared.registry.replace(&[id], Vec::new());
        replaced.is_ok_and(|(_, removed)| !removed.is_empty())
    }

    /// Takes agents away, and waits up to `drain` for the tasks that they have begun. Gives the number of
    /// those that were still under way when the time was up; they go on.
    pub async fn retire(&self, agents: &[AgentId], drain: Duration) -> usize {
        // Without agents to add there is no name to be refused for.
        match self.exchange(agents, Vec::new()) {
            Ok((_, leaving)) => leaving.drained(drain).await,
            Err(_) => 0,
        }
    }

    /// Takes agents away and puts others in their place, as one change: no task is refused between.
    /// Tasks that have begun go on with the old ones; tasks that wait for a place go to the new.
    ///
    /// # Errors
    /// Where a route's name is none; then nothing is changed.
    pub fn replace_agents(
        &self,
        remove: &[AgentId],
        add: Vec<(String, Arc<dyn Agent>)>,
    ) -> Result<Vec<AgentId>, RouterError> {
        self.shared
            .registry
            .replace(remove, add)
            .map(|(ids, _)| ids)
    }

    /// As [`replace_agents`](Self::replace_agents), for who wants to know when the tasks of those that were taken away have ended: they begin no others.
    ///
    /// # Errors
    /// Where a route's name is none; then nothing is changed.
    pub fn exchange(
        &self,
        remove: &[AgentId],
        add: Vec<(String, Arc<dyn Agent>)>,
    ) -> Result<(Vec<AgentId>, Leaving), RouterError> {
        let (ids, members) = self.shared.registry.replace(remove, add)?;
        Ok((ids, Leaving::new(self, members)))
    }

    /// Has tasks for these agents wait until the hold is dropped or the agents are replaced: but for those that are nested in a task which was begun
    /// before, since that may be what the others wait for. Tasks under way go on. Their timeouts go on too.
    #[must_use]
    pub fn hold(&self, agents: &[AgentId]) -> Hold {
        Hold::new(self, self.shared.registry.members(agents))
    }

    /// Gives a route a policy, now and whenever it is made again; it need not exist yet. A lower
    /// `max_concurrent` takes no place away that is in use. Tasks keep the timeout they began with.
    pub fn set_policy(&self, route: &str, policy: RoutePolicy) {
        self.shared.registry.set_policy(route, policy);
    }

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

    /// A route's policy; none where there is no such route.
    pub fn policy(&self, route: &str) -> Option<RoutePolicy> {
        let table = self.shared.registry.table();
        table
            .get(route)
            .map(|route| RoutePolicy::clone(&route.policy))
    }

    /// Gives routes that have none of their own another policy: those that are made from now on.
    pub fn set_default_policy(&self, policy: RoutePolicy) {
        self.shared.registry.set_default_policy(policy);
    }

    /// The policy of routes that have none of their own.
    pub fn default_policy(&self) -> RoutePolicy {
        self.shared.registry.default_policy()
    }

    /// Whether a route has a policy of its own, from the configuration or by
    /// [`set_policy`](Self::set_policy). It need not exist.
    pub fn has_policy(&self, route: &str) -> bool {
        self.shared.registry.has_policy(route)
    }

    /// All routes with their agents, by name.
    pub fn routes(&self) -> Vec<RouteInfo> {
        self.shared.registry.table().listing()
    }

    /// What was counted of all routes and their agents, by name.
    pub fn metrics(&self) -> Vec<RouteMetrics> {
        let table = self.shared.registry.table();
        let mut metrics: Vec<RouteMetrics> = table.routes().map(|route| route.metrics()).collect();
        metrics.sort_by(|a, b| a.route.cmp(&b.route));
        metrics
    }

    async fn idle_within(&self, time: Duration) -> bool {
        let idle = self.shared.lifecycle.idle(|| self.under_way());
        self.within(time, idle).await || self.under_way() == 0
    }

    /// Whether that ended within the time.
    pub(crate) async fn within(&self, time: Duration, end: impl Future<Output = ()>) -> bool {
        let Some(deadline) = Instant::now().checked_add(time) else {
            end.await;
            return true;
        };
        let Some(timer) = timer(&self.shared.timers, deadline) else {
            tracing::warn!("no tokio runtime to keep time: the router stops without waiting");
            return false;
        };
        tokio::select! {
            biased;
            () = end => true,
            () = timer => false,
        }
    }

    fn under_way(&self) -> usize {
        // In this order: a task that gets its place meanwhile is counted twice, not missed.
        self.shared.lifecycle.waiting() + self.shared.registry.in_flight()
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self
            .routes()
            .iter()
            .map(|route| route.name.to_string())
            .collect();
        f.debug_struct("Router")
            .field("routes", &names)
            .finish_non_exhaustive()
    }
}

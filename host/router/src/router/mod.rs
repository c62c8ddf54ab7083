//! The router as its users hold it: its start and its end here, its agents in `agents`, its tasks in `sending`.

mod agents;
mod sending;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::lifecycle::Lifecycle;
use crate::registry::Registry;
use crate::waiting::timer;
use crate::{Interceptors, RouteInfo, RouteMetrics, RoutePolicy, RouterConfig, TaskObserver};

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
        let registry = Registry::new(config.default_policy, config.routes, lifecycle.clone());
        registry.set_interceptors(config.interceptors);
        Self {
            shared: Arc::new(Shared {
                registry,
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
    /// inside [`Agent::call`](crate::Agent::call) cannot be cut off; it is counted and left alone. The agents stay
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

    /// Runs the router for as long as `work` goes on: starts it, and stops it after that as [`stop`](Self::stop) does, whether the work answered or its future was dropped: then at once.
    ///
    /// ```
    /// # use std::{sync::Arc, time::Duration};
    /// # use agentsys_router::{Payload, Router, RouterConfig, TaskError, agent_fn};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let router = Router::new(RouterConfig::default());
    /// # let echo = agent_fn("echo", "Repeats it.", async |data: Payload| Ok(data));
    /// # router.register_agent("echo", Arc::new(echo)).await?;
    /// let answer = router
    ///     .run(Duration::from_secs(10), async |router| router.route_task("echo", "hello").await)
    ///     .await?;
    /// assert_eq!(answer.to_str()?, "hello");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run<T>(&self, drain: Duration, work: impl AsyncFnOnce(&Self) -> T) -> T {
        self.start();
        let halt = HaltOnDrop(self);
        let answer = work(self).await;
        self.stop(drain).await;
        std::mem::forget(halt);
        answer
    }

    /// Stops at once, without waiting for anything: for a host that goes without having been stopped. Tasks under way are cut off,
    /// as at the end of [`stop`](Self::stop).
    pub fn halt(&self) {
        if self.shared.lifecycle.drain() {
            self.shared.lifecycle.finish();
        }
    }

    /// What stands before and after every task from now on; tasks under way keep what they began with.
    pub fn set_interceptors(&self, interceptors: Interceptors) {
        self.shared.registry.set_interceptors(interceptors);
    }

    /// Gives a route a policy, now and whenever it is made again; it need not exist yet. A lower
    /// `max_concurrent` takes no place away that is in use. Tasks keep the timeout they began with.
    pub fn set_policy(&self, route: &str, policy: RoutePolicy) {
        self.shared.registry.set_policy(route, policy);
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

/// Stops a router whose scope is left before its end.
struct HaltOnDrop<'a>(&'a Router);

impl Drop for HaltOnDrop<'_> {
    fn drop(&mut self) {
        self.0.halt();
    }
}

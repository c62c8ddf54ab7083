//! What a router is made with.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::{Interceptors, RoutePolicy, TaskObserver};

/// What a [`Router`](crate::Router) is made with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RouterConfig {
    /// The policy of a route that has none of its own.
    pub default_policy: RoutePolicy,
    /// Routes with a policy of their own, by name; they need not exist yet.
    pub routes: HashMap<String, RoutePolicy>,
    /// How many tasks may be nested in each other, so that agents which call each other in a circle
    /// get an error that shows it. 32 unless set; 1000 at most.
    pub max_hops: u32,
    /// The tokio runtime that keeps time. Without one it is that of the caller, whose agents can
    /// hold its timers up where they block.
    pub timers: Option<Handle>,
    /// Who is told of each task that failed.
    pub observer: Option<Arc<dyn TaskObserver>>,
    /// What stands before and after every task.
    pub interceptors: Interceptors,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            default_policy: RoutePolicy::default(),
            routes: HashMap::new(),
            max_hops: 32,
            timers: None,
            observer: None,
            interceptors: Interceptors::new(),
        }
    }
}

impl RouterConfig {
    /// Sets [`default_policy`](Self::default_policy).
    #[must_use]
    pub fn default_policy(mut self, policy: RoutePolicy) -> Self {
        self.default_policy = policy;
        self
    }

    /// Adds a policy to [`routes`](Self::routes).
    #[must_use]
    pub fn route(mut self, name: impl Into<String>, policy: RoutePolicy) -> Self {
        self.routes.insert(name.into(), policy);
        self
    }

    /// Sets [`max_hops`](Self::max_hops).
    #[must_use]
    pub fn max_hops(mut self, max_hops: u32) -> Self {
        self.max_hops = max_hops;
        self
    }

    /// Sets [`timers`](Self::timers).
    #[must_use]
    pub fn timers(mut self, timers: Handle) -> Self {
        self.timers = Some(timers);
        self
    }

    /// Sets [`interceptors`](Self::interceptors).
    #[must_use]
    pub fn interceptors(mut self, interceptors: Interceptors) -> Self {
        self.interceptors = interceptors;
        self
    }

    /// Sets [`observer`](Self::observer).
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn TaskObserver>) -> Self {
        self.observer = Some(observer);
        self
    }
}

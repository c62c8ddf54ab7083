//! What is counted and measured: of each plugin's calls without its doing, and what plugins measure themselves.

mod calls;
#[cfg(feature = "metrics")]
mod facade;
mod families;
mod own;
mod prometheus;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentsys_router::{RouteMetrics, Summary};
use serde::Serialize;

pub(crate) use calls::{CallMeter, Timer};
pub(crate) use own::OwnMetrics;

/// All figures of a host. They outlive the generations of a plugin.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<BTreeMap<String, Arc<PluginMeters>>>);

/// The figures of one plugin.
#[derive(Debug, Default)]
pub(crate) struct PluginMeters {
    pub(crate) calls: CallMeter,
    pub(crate) own: OwnMetrics,
    /// How many times its code held a worker for too long.
    held: AtomicU64,
}

impl PluginMeters {
    /// The plugin's code holds a worker.
    pub(crate) fn count_held(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }
}

impl Registry {
    /// The figures of a plugin; new ones where it has none yet.
    pub(crate) fn plugin(&self, name: &str) -> Arc<PluginMeters> {
        let mut plugins = self.lock();
        Arc::clone(plugins.entry(name.to_owned()).or_default())
    }

    /// All figures, with what the router counted.
    pub(crate) fn snapshot(&self, routes: Vec<RouteMetrics>) -> HostMetrics {
        let plugins = self.lock().clone();
        let plugins = plugins.into_iter().map(|(plugin, meters)| {
            let agents = routes.iter().flat_map(|route| &route.agents);
            let (mut retries, mut fallbacks, mut under_way, mut ejected) = (0, 0, 0, 0);
            for agent in agents.filter(|agent| agent.owner.as_ref() == Some(&plugin)) {
                retries += agent.retries;
                fallbacks += agent.fallbacks;
                under_way += agent.under_way;
                ejected += usize::from(agent.ejected);
            }
            PluginMetrics {
                calls: meters.calls.snapshot(),
                retries,
                fallbacks,
                under_way,
                ejected,
                held_workers: meters.held.load(Ordering::Relaxed),
                metrics: meters.own.snapshot(),
                plugin,
            }
        });
        HostMetrics {
            plugins: plugins.collect(),
            routes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<PluginMeters>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The figures of a host at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HostMetrics {
    /// The routes with their agents, by name. One that stands for a plugin's own `process` is named `plugin:NAME`, and left out where nobody called it.
    pub routes: Vec<RouteMetrics>,
    /// The plugins, by name. Their figures outlive their generations; those of agents do not.
    pub plugins: Vec<PluginMetrics>,
}

impl HostMetrics {
    /// The figures of a route.
    #[must_use]
    pub fn route(&self, name: &str) -> Option<&RouteMetrics> {
        self.routes.iter().find(|route| route.route == name)
    }

    /// The figures of a plugin.
    #[must_use]
    pub fn plugin(&self, name: &str) -> Option<&PluginMetrics> {
        self.plugins.iter().find(|plugin| plugin.plugin == name)
    }
}

/// The figures of one plugin at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PluginMetrics {
    /// The plugin's name.
    pub plugin: String,
    /// Its calls.
    pub calls: CallMetrics,
    /// How many tasks that failed with its agents were tried again, with those that it has now.
    pub retries: u64,
    /// How many tasks that failed with them in the end got the fallback of their route.
    pub fallbacks: u64,
    /// How many attempts its agents have now.
    pub under_way: usize,
    /// How many of its agents are left out now, since they fail.
    pub ejected: usize,
    /// How many times its code held a worker for longer than the config's `block_warn`; each was named in the log while it did.
    pub held_workers: u64,
    /// What it measures itself, by name.
    pub metrics: BTreeMap<String, Metric>,
}

impl PluginMetrics {
    /// A metric of the plugin's own.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.get(name)
    }
}

/// The calls of one plugin's handlers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CallMetrics {
    /// How many began.
    pub calls: u64,
    /// How many failed, by kind of failure; a kind without any is left out.
    pub errors: BTreeMap<&'static str, u64>,
    /// How long they took, in seconds, from when the plugin was called. Calls that were answered with a future were all measured; of those answered at
    /// once, whose time is far below a clock's cost, about one in 64.
    pub latency: Summary,
}

/// Something that a plugin measures itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// It only grows.
    Counter(f64),
    /// It goes up and down.
    Gauge(f64),
    /// Many values.
    Histogram(Summary),
}

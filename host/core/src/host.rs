//! The host as its embedder holds it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentsys_router::Router;
use tokio::runtime::Handle;

use crate::builder::HostBuilder;
use crate::plugins::Plugins;
use crate::runtimes::Runtimes;
use crate::status::{PluginStatus, RouteStatus};

/// A running host. Cheap to clone; call [`shutdown`](Self::shutdown) when done, so that plugins are cleaned up.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) router: Router,
    pub(crate) plugins: Plugins,
    pub(crate) runtimes: Arc<Runtimes>,
    pub(crate) drain_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
}

impl Host {
    /// How to make one.
    #[must_use]
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// The router: routes tasks, and registers agents of the embedder's own.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.0.router
    }

    /// What became of each plugin, by name.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginStatus> {
        self.0.plugins.status()
    }

    /// The routes, by name.
    #[must_use]
    pub fn routes(&self) -> Vec<RouteStatus> {
        self.0
            .router
            .routes()
            .into_iter()
            .map(RouteStatus::from)
            .collect()
    }

    /// The runtime on which no plugin code runs: for what must answer also when a plugin never returns.
    #[must_use]
    pub fn control(&self) -> &Handle {
        self.0.runtimes.control()
    }

    /// The runtime for code that may run plugins: spawn calls here from a runtime that must not block.
    #[must_use]
    pub fn workers(&self) -> &Handle {
        self.0.runtimes.workers()
    }

    /// Drains the tasks under way, then cleans the plugins up, the last to serve first, and closes them. Ends within the shutdown's
    /// time, whatever a plugin does. Does nothing the second time.
    pub async fn shutdown(&self) -> Shutdown {
        let inner = &self.0;
        let end = Instant::now() + inner.shutdown_timeout;
        let drain = inner.drain_timeout.min(inner.shutdown_timeout);
        let cut_off = inner.router.stop(drain).await;
        if cut_off > 0 {
            tracing::warn!("{cut_off} task(s) did not end within {drain:?} and were cut off");
        }
        inner
            .plugins
            .stop(end.saturating_duration_since(Instant::now()))
            .await;
        Shutdown { cut_off }
    }
}

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shutdown {
    /// How many tasks were still under way when the time to drain was over.
    pub cut_off: usize,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("router", &self.0.router)
            .finish_non_exhaustive()
    }
}

//! The host as its embedder holds it.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use agentsys_router::{AgentId, Router};
use agentsys_storage::{Namespace, Storage};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::builder::HostBuilder;
use crate::building;
use crate::config::Loaded;
use crate::error::HostError;
use crate::events::{EventLog, Events};
use crate::failures::{FailedTask, FailureLog};
use crate::ground::Ground;
use crate::lifecycle::{By, Driver};
use crate::metrics::HostMetrics;
use crate::plugin::Plugin;
use crate::runtimes::{after, within};
use crate::status::{PluginStatus, RouteStatus};
use crate::watch::Watch;
use crate::watchdog::Watchdog;

/// A running host. Cheap to clone; call [`shutdown`](Self::shutdown) when done, so that plugins are cleaned up, or use
/// [`HostBuilder::run`], which does so on every path. When the last clone goes without that, plugins are dropped, not cleaned up.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) ground: Ground,
    pub(crate) driver: Arc<Driver>,
    pub(crate) events: Arc<EventLog>,
    pub(crate) failures: Arc<FailureLog>,
    pub(crate) shutdown_timeout: Duration,
    /// What follows the plugin directories, until the shutdown.
    pub(crate) watch: Mutex<Option<Watch>>,
    pub(crate) _watchdog: Watchdog,
    /// Agents that the program gave the builder.
    pub(crate) agents: Vec<AgentId>,
    /// Why the config's files, as they are now, change nothing.
    pub(crate) config_trouble: Mutex<Option<String>>,
    /// How the one shutdown goes, once somebody asked for it.
    pub(crate) shutdown: OnceLock<watch::Receiver<Option<Shutdown>>>,
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
        &self.0.ground.router
    }

    /// A plugin by its name, to call its `process`.
    ///
    /// # Errors
    /// [`HostError::NoSuchPlugin`].
    pub fn plugin(&self, name: &str) -> Result<Plugin, HostError> {
        if self.0.driver.has(name) {
            return Ok(Plugin::new(self, name));
        }
        Err(self.0.driver.no_such(name))
    }

    /// Makes a new generation of a plugin of what its file holds now, also where that has not changed, and has it take the place of what serves, under traffic. One
    /// that failed is started again. Gives the new generation's number.
    ///
    /// # Errors
    /// Where there is no such plugin, or it was not replaced: what served before then serves on.
    pub async fn reload(&self, name: &str) -> Result<u64, HostError> {
        self.here(self.0.driver.reload(name, By::Newest)).await
    }

    /// As [`reload`](Self::reload), of what the generation before was made of: as many as the config's `keep_previous` are kept.
    ///
    /// # Errors
    /// As [`reload`](Self::reload), and where nothing is kept.
    pub async fn reload_previous(&self, name: &str) -> Result<u64, HostError> {
        self.here(self.0.driver.reload(name, By::Previous)).await
    }

    /// Starts a plugin that is disabled, until the host ends or its config changes.
    ///
    /// # Errors
    /// Where there is no such plugin, or it does not start.
    pub async fn enable(&self, name: &str) -> Result<(), HostError> {
        self.here(self.0.driver.enable(name)).await
    }

    /// Stops a plugin, and keeps it from being started until it is enabled. Its tasks may finish within the config's `drain_timeout`.
    ///
    /// # Errors
    /// Where there is no such plugin.
    pub async fn disable(&self, name: &str) -> Result<(), HostError> {
        self.here(self.0.driver.disable(name, "it was disabled by request"))
            .await
    }

    /// Waits for work of the host's. Meanwhile the caller's own thread lets go of what it has of libraries that are to be unmapped.
    async fn here<F: Future>(&self, work: F) -> F::Output {
        self.0.ground.runtimes.come_by().while_waiting(work).await
    }

    /// What became of each plugin, by name.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginStatus> {
        self.0.driver.status()
    }

    /// The routes, by name, without those that stand for plugins' own `process`.
    #[must_use]
    pub fn routes(&self) -> Vec<RouteStatus> {
        let routes = self.router().routes().into_iter();
        let named = routes.filter(|route| !route.name.starts_with(crate::serving::PROCESS));
        named.map(RouteStatus::from).collect()
    }

    /// The program's own namespace in the storage that all plugins share.
    #[must_use]
    pub fn storage(&self) -> Namespace {
        let storage = self.shared_storage();
        storage
            .namespace(Namespace::HOST)
            .expect("a constant that is a name")
    }

    /// The storage that all plugins share: [`Storage::namespace`] with a plugin's name is what that plugin sees.
    #[must_use]
    pub fn shared_storage(&self) -> &Storage {
        &self.0.ground.storage
    }

    /// What happens to the plugins: from the host's beginning, then as it comes.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(&self.0.events)
    }

    /// What was counted and measured, by route, agent and plugin.
    #[must_use]
    pub fn metrics(&self) -> HostMetrics {
        let mut routes = self.router().metrics();
        routes.retain(|route| !route.route.starts_with(crate::serving::PROCESS) || route.calls > 0);
        self.0.ground.metrics.snapshot(routes)
    }

    /// The tasks that failed last, of each route so many as the config's `error_history` says; the latest first.
    #[must_use]
    pub fn errors(&self) -> Vec<FailedTask> {
        self.0.failures.list()
    }

    /// The config, with where each value came from.
    #[must_use]
    pub fn config(&self) -> Arc<Loaded> {
        self.0.ground.loaded()
    }

    /// Why the config's files, as they are now, change nothing; none where they are what holds.
    #[must_use]
    pub fn config_trouble(&self) -> Option<String> {
        let trouble = self.0.config_trouble.lock();
        trouble.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The runtime on which no plugin code runs: for what must answer also when a plugin never returns.
    #[must_use]
    pub fn control(&self) -> &Handle {
        self.0.ground.runtimes.control()
    }

    /// Tells the plugins the level of the program's log as it is now. They learn it when they start; this is for programs that change it later.
    pub fn update_log_level(&self) {
        self.0.driver.set_log_level();
    }

    /// Drains the tasks under way, then cleans the plugins up, the last to serve first, and closes them. Ends within the shutdown's
    /// time, whatever a plugin does. Whoever calls it, and however often, waits for one and the same shutdown; it goes on when its caller does not wait.
    pub async fn shutdown(&self) -> Shutdown {
        let mut progress = self
            .0
            .shutdown
            .get_or_init(|| self.begin_shutdown())
            .clone();
        let done = progress.wait_for(Option::is_some);
        match self
            .0
            .ground
            .runtimes
            .come_by()
            .while_waiting(done)
            .await
            .as_deref()
        {
            Ok(Some(shutdown)) => *shutdown,
            _ => {
                tracing::error!(
                    "the shutdown itself was lost: plugins may not have been cleaned up"
                );
                Shutdown { cut_off: 0 }
            }
        }
    }

    fn begin_shutdown(&self) -> watch::Receiver<Option<Shutdown>> {
        let (done, progress) = watch::channel(None);
        let inner = Arc::clone(&self.0);
        // Where no plugin can hold it up.
        self.control().spawn(async move {
            let shutdown = inner.stop().await;
            drop(inner);
            done.send_replace(Some(shutdown));
        });
        progress
    }
}

/// What is kept of a shutdown's time for the storage, if a tenth of it is more.
const STORAGE: Duration = Duration::from_millis(500);

impl Inner {
    async fn stop(&self) -> Shutdown {
        let end = after(self.shutdown_timeout);
        drop(
            self.watch
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        // What drains must leave time to clean up.
        let drain = self.ground.drain_timeout().min(self.shutdown_timeout / 2);
        let cut_off = self.ground.router.stop(drain).await;
        if cut_off > 0 {
            tracing::warn!("{cut_off} task(s) did not end within {drain:?} and were cut off");
        }
        // The storage comes last, since a cleanup may store something, and needs a moment too.
        let reserved = (self.shutdown_timeout / 10).min(STORAGE);
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        self.driver.stop(left(end).saturating_sub(reserved)).await;
        let (limit, ending) = (left(end), building::end(&self.ground.router, &self.agents));
        let control = self.ground.runtimes.control();
        if within(control, limit, ending).await.is_none() {
            tracing::error!("the program's own agents did not clean up within {limit:?}");
        }
        let (limit, closing) = (left(end), self.ground.storage.disconnect());
        match within(self.ground.runtimes.control(), limit, closing).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::error!("the storage did not end well: {error}"),
            None => tracing::error!("the storage did not end within {limit:?}"),
        }
        Shutdown { cut_off }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.driver.abandon();
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
            .field("router", self.router())
            .finish_non_exhaustive()
    }
}

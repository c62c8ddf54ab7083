//! How an embedder makes a host.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use agentsys_loader::{CopyStore, discover};
use agentsys_router::{RoutePolicy, Router, RouterConfig};

use crate::error::HostError;
use crate::host::{Host, Inner};
use crate::options::PluginOptions;
use crate::plugins::Plugins;
use crate::runtimes::Runtimes;
use crate::services::HostServices;
use crate::serving::Ground;

/// Makes a [`Host`]. Everything has a default.
#[derive(Debug)]
pub struct HostBuilder {
    plugin_dirs: Vec<PathBuf>,
    state_dir: PathBuf,
    router: RouterConfig,
    plugins: HashMap<String, PluginOptions>,
    drain_timeout: Duration,
    shutdown_timeout: Duration,
}

impl Default for HostBuilder {
    fn default() -> Self {
        Self {
            plugin_dirs: Vec::new(),
            state_dir: PathBuf::from(".agentsys"),
            router: RouterConfig::default(),
            plugins: HashMap::new(),
            drain_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl HostBuilder {
    /// Loads the plugins of a directory. Where two directories hold the same plugin in the same version, the one named first wins.
    #[must_use]
    pub fn plugin_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.plugin_dirs.push(dir.into());
        self
    }

    /// Where the host keeps what it needs to run, private copies of the plugins above all. Default: `.agentsys`. Hosts may share one.
    #[must_use]
    pub fn state_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.state_dir = dir.into();
        self
    }

    /// The policy of routes without one of their own.
    #[must_use]
    pub fn default_policy(mut self, policy: RoutePolicy) -> Self {
        self.router = self.router.default_policy(policy);
        self
    }

    /// The policy of one route, which need not exist yet.
    #[must_use]
    pub fn route_policy(mut self, route: impl Into<String>, policy: RoutePolicy) -> Self {
        self.router = self.router.route(route, policy);
        self
    }

    /// The options of one plugin, by its name.
    #[must_use]
    pub fn plugin(mut self, name: impl Into<String>, options: PluginOptions) -> Self {
        self.plugins.insert(name.into(), options);
        self
    }

    /// How long [`Host::shutdown`] waits for tasks under way before it cuts them off: at most half of the whole
    /// shutdown's time. Default 10 s.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// How long [`Host::shutdown`] may take in all, draining included. Default 30 s.
    #[must_use]
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Finds the plugins, starts them, and starts the router. A plugin that does not run is no error: see [`Host::plugins`].
    ///
    /// # Errors
    /// Where the state directory cannot be used, or threads cannot be started.
    pub async fn build(self) -> Result<Host, HostError> {
        let copies = CopyStore::open(&self.state_dir)?;
        if !copies.swept().is_empty() {
            tracing::info!(
                "removed the private copies that {} left behind",
                hosts(copies.swept().len())
            );
        }
        let runtimes = Arc::new(Runtimes::start()?);
        let router = Router::new(self.router.timers(runtimes.control().clone()));
        let services = Arc::new(HostServices {
            router: router.clone(),
            workers: runtimes.workers().clone(),
        });
        let ground = Ground {
            copies: Arc::new(copies),
            services,
            runtimes: Arc::clone(&runtimes),
        };
        let plugins = Plugins::new(ground, router.clone());
        // Before the plugins: their `initialize` may route tasks.
        router.start();
        let dirs = self.plugin_dirs;
        let found = runtimes
            .workers()
            .spawn_blocking(move || discover(&dirs, agentsys_loader::INTERFACE));
        match found.await {
            Ok(found) => plugins.start(found, &self.plugins).await,
            Err(error) => tracing::error!("the plugin directories could not be searched: {error}"),
        }
        Ok(Host(Arc::new(Inner {
            router,
            plugins,
            runtimes,
            drain_timeout: self.drain_timeout,
            shutdown_timeout: self.shutdown_timeout,
            shutdown: OnceLock::new(),
        })))
    }
}

fn hosts(n: usize) -> String {
    if n == 1 {
        "a host that ended".to_owned()
    } else {
        format!("{n} hosts that ended")
    }
}

//! How an embedder makes a host.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentsys_loader::{Linked, LinkedPlugin};
use agentsys_router::{Agent, Interceptors, RoutePolicy, RoutingStrategy};
use agentsys_storage::{Storage, StorageBackend, StorageConfig};
use tokio::runtime::Handle;

use crate::config::{Config, InterceptorSection, LONGEST, Loaded, OF_PLUGIN, Sources};
use crate::error::HostError;
use crate::following::ConfigFiles;
use crate::options::PluginOptions;
use crate::strategies::Strategies;

/// Makes a [`Host`](crate::Host). Everything has a default: a host without plugins, which keeps what is stored in `.agentsys/storage`.
///
/// What is set here goes before what a config file says.
#[derive(Default)]
pub struct HostBuilder {
    pub(crate) config: Base,
    pub(crate) changes: Vec<Change>,
    pub(crate) default_policy: Option<RoutePolicy>,
    pub(crate) policies: HashMap<String, RoutePolicy>,
    pub(crate) strategies: Strategies,
    pub(crate) interceptors: Interceptors,
    pub(crate) linked: Vec<Result<Linked, HostError>>,
    pub(crate) agents: Vec<(String, Arc<dyn Agent>)>,
    pub(crate) storage: Option<Storage>,
    /// Whether the storage was spoken of, so that it must be there from the start.
    pub(crate) wants_storage: bool,
    pub(crate) runtime: Option<Handle>,
    pub(crate) watch: bool,
    pub(crate) config_files: Option<ConfigFiles>,
}

/// Where the config comes from.
#[derive(Default)]
pub(crate) enum Base {
    /// Nowhere: the defaults, but without the directory `plugins`.
    #[default]
    Nothing,
    Code(Box<Config>),
    Sources(Box<Sources>),
    Loaded(Box<Loaded>),
}

pub(crate) type Change = Box<dyn FnOnce(&mut Config) + Send>;

impl HostBuilder {
    /// Takes the config from a file: see `agentsys config schema` for what can stand in it. [`build`](Self::build) says what does not fit.
    #[must_use]
    pub fn config_file(self, path: impl Into<PathBuf>) -> Self {
        self.config_from(Sources::new().file(path))
    }

    /// Takes the config from files, the environment and the command line, one over the other.
    #[must_use]
    pub fn config_from(mut self, sources: Sources) -> Self {
        self.config = Base::Sources(Box::new(sources));
        self
    }

    /// Takes a config that was made in code.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Base::Code(Box::new(config));
        self
    }

    /// Takes a config that was loaded already.
    #[must_use]
    pub fn loaded_config(mut self, loaded: Loaded) -> Self {
        self.config = Base::Loaded(Box::new(loaded));
        self
    }

    /// Loads the plugins of a directory. Where two directories hold the same plugin in the same version, the one named first wins.
    #[must_use]
    pub fn plugin_dir(self, dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        self.change(|config| config.host.plugin_dirs.push(dir))
    }

    /// Takes a plugin that is linked into the program, in place of a file: through the same seam, for debuggers, Miri, tests, and platforms without
    /// shared libraries.
    #[must_use]
    pub fn plugin<P: LinkedPlugin>(mut self) -> Self {
        self.linked
            .push(Linked::of::<P>().map_err(|fault| HostError::Linked {
                plugin: std::any::type_name::<P>(),
                reason: fault.to_string(),
            }));
        self
    }

    /// Takes a linked plugin that is at hand already.
    #[must_use]
    pub fn linked(mut self, plugin: Linked) -> Self {
        self.linked.push(Ok(plugin));
        self
    }

    /// The options of one plugin, by its name. With [`library`](PluginOptions::library) one library serves under several names.
    #[must_use]
    pub fn plugin_options(self, name: impl Into<String>, options: PluginOptions) -> Self {
        let name = name.into();
        self.change(|config| {
            config.plugins.insert(name, options);
        })
    }

    /// Where the host keeps what it needs to run, private copies of the plugins above all. Default: `.agentsys`. Hosts may share one, if each
    /// keeps its storage elsewhere; the program `agentsys run` wants one to itself.
    #[must_use]
    pub fn state_dir(self, dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        self.change(|config| config.host.state_dir = dir)
    }

    /// Registers an agent of the program's own on a route, before any plugin starts. It is no plugin: one that `depends` on a plugin of that name still waits for it.
    #[must_use]
    pub fn agent(mut self, route: impl Into<String>, agent: impl Agent) -> Self {
        self.agents.push((route.into(), Arc::new(agent)));
        self
    }

    /// Keeps what is stored in a backend of the program's own.
    #[must_use]
    pub fn storage_backend(self, backend: impl StorageBackend) -> Self {
        self.shared_storage(Storage::new(backend))
    }

    /// Keeps what is stored in one of the built-in ways.
    #[must_use]
    pub fn storage(self, config: StorageConfig) -> Self {
        self.shared_storage(Storage::open(config))
    }

    /// Keeps what is stored in a storage that is there already. The host's shutdown disconnects it.
    #[must_use]
    pub fn shared_storage(mut self, storage: Storage) -> Self {
        self.storage = Some(storage);
        self.wants_storage = true;
        self
    }

    /// Connects the storage when the host starts, so that one which cannot be used is told then, and not by the first plugin that stores something. A storage that
    /// was given in code is connected at the start anyway.
    #[must_use]
    pub fn connect_storage(mut self) -> Self {
        self.wants_storage = true;
        self
    }

    /// What stands before and after every task, the program's own: before the plugins that a config names as interceptors.
    #[must_use]
    pub fn interceptors(mut self, interceptors: Interceptors) -> Self {
        self.interceptors = interceptors;
        self
    }

    /// Has a plugin stand before and after every task, after those that are named already: as `[router] interceptors` does.
    #[must_use]
    pub fn intercept(self, plugin: &str) -> Self {
        let section = InterceptorSection::new(plugin);
        self.change(|config| config.router.interceptors.push(section))
    }

    /// Has a plugin choose who does the tasks of a route: as `strategy = "plugin:NAME"` does.
    #[must_use]
    pub fn strategy_of(self, route: &str, plugin: &str) -> Self {
        let (route, strategy) = (route.to_owned(), format!("{OF_PLUGIN}{plugin}"));
        self.change(|config| {
            config.router.routes.entry(route).or_default().strategy = Some(strategy)
        })
    }

    /// A strategy of the program's own: a config may name it, and [`RoutePolicy::strategy`] takes it too.
    #[must_use]
    pub fn strategy(mut self, strategy: impl RoutingStrategy) -> Self {
        self.strategies.add(Arc::new(strategy));
        self
    }

    /// The policy of routes without one of their own.
    #[must_use]
    pub fn default_policy(mut self, policy: RoutePolicy) -> Self {
        self.default_policy = Some(policy);
        self
    }

    /// The policy of one route, which need not exist yet.
    #[must_use]
    pub fn route_policy(mut self, route: impl Into<String>, policy: RoutePolicy) -> Self {
        self.policies.insert(route.into(), policy);
        self
    }

    /// How long [`Host::shutdown`](crate::Host::shutdown) waits for tasks under way before it cuts them off: at most half of the whole
    /// shutdown's time. Default 10 s; a year at most.
    #[must_use]
    pub fn drain_timeout(self, timeout: Duration) -> Self {
        self.change(move |config| config.host.drain_timeout = timeout.min(LONGEST))
    }

    /// How long [`Host::shutdown`](crate::Host::shutdown) may take in all, draining included. Default 30 s; a year at most.
    #[must_use]
    pub fn shutdown_timeout(self, timeout: Duration) -> Self {
        self.change(move |config| config.host.shutdown_timeout = timeout.min(LONGEST))
    }

    /// Runs everything on this runtime, and starts no threads for the host itself: for tests that pause its time. A plugin that never returns then holds up the
    /// whole host; without this, the host has runtimes of its own, and works inside any.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    fn change(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }
}

impl fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostBuilder")
            .field("linked", &self.linked)
            .field("strategies", &self.strategies)
            .finish_non_exhaustive()
    }
}

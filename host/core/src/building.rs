//! From a builder to a host that serves.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use agentsys_loader::{Attribution, CopyStore, Discovery, Linked, discover};
use agentsys_router::{Agent, AgentId, Router};
use agentsys_storage::{Storage, StorageConfig};

use crate::admission::Admission;
use crate::builder::{Base, Change, HostBuilder};
use crate::config::{Config, Loaded, Sources, StorageType};
use crate::error::HostError;
use crate::events::EventLog;
use crate::failures::FailureLog;
use crate::following::{ConfigFiles, follow};
use crate::ground::{Files, Ground, Settings};
use crate::host::{Host, Inner};
use crate::lifecycle::Driver;
use crate::policies::{InCode, Policies};
use crate::runtimes::Runtimes;
use crate::watch::Watch;
use crate::watchdog::Watchdog;

impl HostBuilder {
    /// Finds the plugins, starts them, and starts the router. A plugin that does not run is no error: see [`Host::plugins`].
    ///
    /// # Errors
    /// Where the config does not fit, the state directory or the storage cannot be used, a linked plugin's records cannot be, or threads
    /// cannot be started.
    pub async fn build(self) -> Result<Host, HostError> {
        let Prepared {
            ground,
            found,
            linked,
            failures,
            agents,
            wants_storage,
            following,
        } = self.prepare().await?;
        if wants_storage {
            ground.storage.connect().await?;
        }
        let agents = begin(&ground.router, agents).await?;
        // Before the plugins: their `initialize` may route tasks.
        ground.router.start();
        let events = Arc::new(EventLog::default());
        let driver = Driver::new(ground.clone(), Arc::clone(&events), linked);
        failures.set_driver(&driver);
        let shutdown_timeout = ground.loaded().config.host.shutdown_timeout;
        let (watchdog, control) = (watchdog(&ground), ground.runtimes.control().clone());
        let dirs = ground.loaded().config.host.plugin_dirs.clone();
        // From here on a build that is given up drops what it had started.
        let host = Host(Arc::new(Inner {
            ground,
            driver,
            events,
            failures,
            shutdown_timeout,
            watch: Mutex::default(),
            _watchdog: watchdog,
            agents,
            config_trouble: Mutex::default(),
            shutdown: OnceLock::new(),
        }));
        if let Some(config) = following {
            let files = config.as_ref().map(|config| config.files.clone());
            let (watch, sightings) = Watch::start(dirs, files.unwrap_or_default(), &found)
                .map_err(|source| HostError::Start {
                    what: "watch of the plugin directories",
                    source,
                })?;
            *host.0.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(watch);
            control.spawn(follow(Arc::downgrade(&host.0), sightings, config));
        }
        host.0.driver.look(Some(found));
        host.0.driver.settled().await;
        Ok(host)
    }

    /// All that can be wrong before a plugin runs.
    pub(crate) async fn prepare(self) -> Result<Prepared, HostError> {
        let loaded = self.config.load(self.changes, &self.strategies.names())?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let loaded = loaded.absolute();
        let config = loaded.config.clone();
        let linked = self
            .linked
            .into_iter()
            .collect::<Result<Vec<Linked>, HostError>>()?;
        let (files, attribution) = open_files(&config)?;
        let runtimes = match self.runtime {
            Some(handle) => Runtimes::shared(handle),
            None => Runtimes::start()?,
        };
        let code = InCode {
            default: self.default_policy,
            routes: self.policies,
            strategies: self.strategies,
            interceptors: self.interceptors,
        };
        let policies = Policies::new(&config, Arc::new(code));
        let failures = FailureLog::new(config.host.error_history);
        let router = policies
            .router_config(config.router.max_hops)
            .timers(runtimes.control().clone())
            .observer(failures.clone());
        let storage = self
            .storage
            .unwrap_or_else(|| Storage::open(storage_config(&config)));
        let settings = Settings {
            loaded: Arc::new(loaded),
            policies: Arc::new(policies),
        };
        let ground = Ground::new(
            files,
            attribution,
            runtimes,
            Router::new(router),
            storage,
            settings,
        );
        let found = find(&ground, config.host.plugin_dirs.clone()).await;
        Ok(Prepared {
            found,
            linked,
            ground,
            failures,
            agents: self.agents,
            wants_storage: self.wants_storage,
            following: self.watch.then_some(self.config_files),
        })
    }
}

/// Has the program's own agents begin. Where one cannot, those before it clean up.
async fn begin(
    router: &Router,
    agents: Vec<(String, Arc<dyn Agent>)>,
) -> Result<Vec<AgentId>, HostError> {
    let mut begun = Vec::with_capacity(agents.len());
    for (route, agent) in agents {
        match router.register_agent(&route, agent).await {
            Ok(id) => begun.push(id),
            Err(error) => {
                end(router, &begun).await;
                return Err(error.into());
            }
        }
    }
    Ok(begun)
}

/// Has the program's own agents clean up, the last to begin first.
pub(crate) async fn end(router: &Router, agents: &[AgentId]) {
    for agent in agents.iter().rev() {
        if let Err(error) = router.unregister_agent(*agent).await {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!("{error}: {}", why.unwrap_or_default());
        }
    }
}

/// A host that has not begun.
pub(crate) struct Prepared {
    pub(crate) ground: Ground,
    pub(crate) found: Discovery,
    pub(crate) linked: Vec<Linked>,
    failures: Arc<FailureLog>,
    pub(crate) agents: Vec<(String, Arc<dyn Agent>)>,
    wants_storage: bool,
    /// Whether the directories are followed, and which config files.
    following: Option<Option<ConfigFiles>>,
}

impl Base {
    fn load(self, changes: Vec<Change>, strategies: &[String]) -> Result<Loaded, HostError> {
        let mut loaded = match self {
            Self::Nothing => {
                let mut config = Config::default();
                config.host.plugin_dirs.clear();
                Loaded::from(config)
            }
            Self::Code(config) => Loaded::from(*config),
            Self::Sources(sources) => strategies.iter().fold(*sources, Sources::strategy).load()?,
            Self::Loaded(loaded) => *loaded,
        };
        changes
            .into_iter()
            .for_each(|change| change(&mut loaded.config));
        loaded.validate(strategies)?;
        Ok(loaded)
    }
}

/// Names handlers that hold a worker, and counts them with their plugin.
fn watchdog(ground: &Ground) -> Watchdog {
    let metrics = Arc::clone(&ground.metrics);
    let limit = ground.loaded().config.host.block_warn;
    let attribution = Arc::downgrade(&ground.attribution);
    Watchdog::start(ground.runtimes.control(), attribution, limit, move |held| {
        metrics.plugin(&held.by.about.plugin).count_held();
    })
}

/// The files of a host that has plugin directories, and the account of who runs what. What dead hosts left in both is told, and taken away.
fn open_files(config: &Config) -> Result<(Option<Files>, Attribution), HostError> {
    if config.host.plugin_dirs.is_empty() {
        return Ok((None, Attribution::in_memory()));
    }
    let copies = CopyStore::open(&config.host.state_dir)?;
    match copies.swept().len() {
        0 => {}
        1 => tracing::info!("removed the private copies that a host that ended left behind"),
        n => tracing::info!("removed the private copies that {n} hosts that ended left behind"),
    }
    let admission = Admission::open(&config.host)?;
    let (attribution, aftermath) = Attribution::open(&config.host.state_dir)?;
    for left in &aftermath.left {
        tracing::info!("{left}");
    }
    aftermath
        .crashes
        .iter()
        .for_each(|crash| admission.crashed(crash));
    Ok((Some(Files { copies, admission }), attribution))
}

fn storage_config(config: &Config) -> StorageConfig {
    let section = &config.storage;
    match section.storage_type {
        StorageType::Memory => StorageConfig::memory().max_size(section.max_size),
        StorageType::File => {
            StorageConfig::file(config.storage_path()).flush_interval(section.flush_interval)
        }
    }
}

async fn find(ground: &Ground, dirs: Vec<PathBuf>) -> Discovery {
    let finding = move || discover(&dirs, agentsys_loader::INTERFACE);
    match ground.runtimes.workers().spawn_blocking(finding).await {
        Ok(found) => found,
        Err(error) => {
            tracing::error!("the plugin directories could not be searched: {error}");
            Discovery::default()
        }
    }
}

//! The sections of `agentsys.toml` as types. Their docs, defaults and bounds are also what the JSON Schema says
//! and what every value is checked against, so that each stands once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::routing::RouterSection;
use crate::config::seconds::{self, OrZero, Positive};

/// The whole configuration of a host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The host itself.
    pub host: HostConfig,
    /// The router, and what holds for every route.
    pub router: RouterSection,
    /// The storage that all plugins share.
    pub storage: StorageSection,
    /// The plugins with options of their own, by name: 1 to 64 of a-z, 0-9, _ and -, first a letter or a digit.
    pub plugins: BTreeMap<String, PluginSection>,
}

impl Config {
    /// Where the storage keeps its files: `storage_path`, or else `storage` in the state directory.
    pub fn storage_path(&self) -> PathBuf {
        match &self.storage.storage_path {
            Some(path) => path.clone(),
            None => self.host.state_dir.join("storage"),
        }
    }
}

/// The host itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HostConfig {
    /// The directories with compiled plugins.
    #[schemars(inner(length(min = 1)))]
    pub plugin_dirs: Vec<PathBuf>,
    /// Where the host keeps what it needs to run.
    #[schemars(length(min = 1))]
    pub state_dir: PathBuf,
    /// How long tasks under way may take to finish when the host ends. 0 waits for none.
    #[serde(with = "seconds")]
    #[schemars(with = "OrZero")]
    pub drain_timeout: Duration,
    /// How long ending may take in all, drain_timeout included.
    #[serde(with = "seconds")]
    #[schemars(with = "Positive")]
    pub shutdown_timeout: Duration,
    /// How many failed tasks are kept for each route.
    #[schemars(range(min = 1, max = 1000))]
    pub error_history: usize,
    /// Of how many earlier generations of a plugin the content is kept, for `agentsys reload NAME --to-previous`.
    #[schemars(range(min = 0, max = 16))]
    pub keep_previous: usize,
    /// How many earlier generations of a plugin may stay in memory, pinned, before it is replaced no more.
    #[schemars(range(min = 0, max = 1000))]
    pub max_pinned: usize,
    /// How long the opening of new content may take in the process that tries it before the host does.
    #[serde(with = "seconds")]
    #[schemars(with = "Positive")]
    pub probe_timeout: Duration,
    /// The program that tries new content, where the host's own does not: see `agentsys_host::probe_entry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PathBuf")]
    pub probe_helper: Option<PathBuf>,
    /// On how many different tasks in a row a plugin's instances may panic before its content is quarantined.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub quarantine_after: u32,
    /// How long a handler may hold a worker before the log names it.
    #[serde(with = "seconds")]
    #[schemars(with = "Positive")]
    pub block_warn: Duration,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            plugin_dirs: vec![PathBuf::from("plugins")],
            state_dir: PathBuf::from(".agentsys"),
            drain_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(30),
            error_history: 32,
            keep_previous: 1,
            max_pinned: 8,
            probe_timeout: Duration::from_secs(10),
            probe_helper: None,
            quarantine_after: 10,
            block_warn: Duration::from_millis(100),
        }
    }
}

/// Where stored values are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StorageType {
    /// In files, so that they survive a restart.
    #[default]
    File,
    /// In memory, until the host ends.
    Memory,
}

/// The storage that all plugins share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StorageSection {
    /// Where stored values are kept.
    pub storage_type: StorageType,
    /// The directory of the files; `storage` in the state directory unless set. `base_path` is another name for it.
    #[serde(alias = "base_path", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub storage_path: Option<PathBuf>,
    /// How often what was stored is made sure to be on disk. 0 does so at each change.
    #[serde(with = "seconds")]
    #[schemars(with = "OrZero")]
    pub flush_interval: Duration,
    /// How many entries the storage in memory holds.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub max_size: usize,
}

impl Default for StorageSection {
    fn default() -> Self {
        Self {
            storage_type: StorageType::default(),
            storage_path: None,
            flush_interval: Duration::from_secs(60),
            max_size: 1000,
        }
    }
}

/// How a plugin is replaced by another build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reload {
    /// The new one serves before the old one stops.
    #[default]
    Swap,
    /// The old one ends before the new one is initialized, and calls wait meanwhile: where two cannot coexist, since they want the same port or lock.
    StopFirst,
}

/// Whether a plugin that failed is started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Restart {
    /// It stays failed, with its cause.
    #[default]
    Never,
    /// It is started again after a pause, up to restart_limit times.
    OnFailure,
}

/// The host's options for one plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PluginSection {
    /// Which compiled plugin, by the name that it gives itself; this section's name unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub library: Option<String>,
    /// Whether the host runs it.
    pub enabled: bool,
    /// How many instances serve.
    #[schemars(range(min = 1, max = 1024))]
    pub instances: usize,
    /// Whether it is initialized only at the first call.
    pub lazy: bool,
    /// How long one attempt at a task of its routes may take. Unless set: as `[router]` says.
    #[serde(with = "seconds::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Positive")]
    pub timeout: Option<Duration>,
    /// How many times a task of its routes that failed is tried again. Unless set: as `[router]` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 0, max = 100))]
    pub retry_count: Option<u32>,
    /// How long opening the library, and `initialize`, may each take.
    #[serde(with = "seconds")]
    #[schemars(with = "Positive")]
    pub initialize_timeout: Duration,
    /// How long `cleanup` may take.
    #[serde(with = "seconds")]
    #[schemars(with = "Positive")]
    pub cleanup_timeout: Duration,
    /// How many `blocking` handlers run at once. Unless set: what the plugin asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "usize", range(min = 1, max = 512))]
    pub blocking_threads: Option<usize>,
    /// How it is replaced by another build.
    pub reload: Reload,
    /// Whether it is started again when it failed.
    pub restart: Restart,
    /// How many times in a row it is started again before it stays failed.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub restart_limit: u32,
    /// The pause before the first new start; each further one is twice as long, up to 60 s.
    #[serde(with = "seconds")]
    #[schemars(with = "Positive")]
    pub restart_delay: Duration,
    /// The plugin's own options, as its author defines them. Dates and times arrive as text.
    pub config: Map<String, Value>,
}

impl Default for PluginSection {
    fn default() -> Self {
        Self {
            library: None,
            enabled: true,
            instances: 1,
            lazy: false,
            timeout: None,
            retry_count: None,
            initialize_timeout: Duration::from_secs(30),
            cleanup_timeout: Duration::from_secs(10),
            blocking_threads: None,
            reload: Reload::default(),
            restart: Restart::default(),
            restart_limit: 5,
            restart_delay: Duration::from_secs(1),
            config: Map::new(),
        }
    }
}

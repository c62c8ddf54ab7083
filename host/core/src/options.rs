//! How the host uses a plugin.

use std::time::Duration;

use serde_json::Value;

/// The host's options for one plugin. Times are those that the plugin gets, not more.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PluginOptions {
    /// The author's own config, a JSON object; checked by the plugin against its schema. Default: empty.
    pub config: Value,
    /// How many instances serve. Default 1, at least 1.
    pub instances: usize,
    /// How long opening the library, and `initialize`, may each take. Default 30 s.
    pub initialize_timeout: Duration,
    /// How long `cleanup` may take. Default 10 s.
    pub cleanup_timeout: Duration,
    /// How many `blocking` handlers run at once; beyond it a task is `Overloaded`. Default: what the plugin asks for, else 32.
    pub blocking_threads: Option<usize>,
}

impl Default for PluginOptions {
    fn default() -> Self {
        Self {
            config: Value::Object(serde_json::Map::new()),
            instances: 1,
            initialize_timeout: Duration::from_secs(30),
            cleanup_timeout: Duration::from_secs(10),
            blocking_threads: None,
        }
    }
}

impl PluginOptions {
    /// Sets [`config`](Self::config).
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// Sets [`instances`](Self::instances).
    #[must_use]
    pub fn instances(mut self, instances: usize) -> Self {
        self.instances = instances.max(1);
        self
    }

    /// Sets [`initialize_timeout`](Self::initialize_timeout).
    #[must_use]
    pub fn initialize_timeout(mut self, timeout: Duration) -> Self {
        self.initialize_timeout = timeout;
        self
    }

    /// Sets [`cleanup_timeout`](Self::cleanup_timeout).
    #[must_use]
    pub fn cleanup_timeout(mut self, timeout: Duration) -> Self {
        self.cleanup_timeout = timeout;
        self
    }

    /// Sets [`blocking_threads`](Self::blocking_threads).
    #[must_use]
    pub fn blocking_threads(mut self, threads: usize) -> Self {
        self.blocking_threads = Some(threads.max(1));
        self
    }
}

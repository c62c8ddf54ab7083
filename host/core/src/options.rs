//! How the host uses a plugin, set in code: the same as the section `[plugins.NAME]` of the config.

use std::time::Duration;

use serde_json::Value;

pub use crate::config::PluginSection as PluginOptions;
use crate::config::{LONGEST, Reload, Restart};

impl PluginOptions {
    /// Sets [`config`](Self::config). What is no JSON object is taken as an empty one.
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        self.config = match config {
            Value::Object(config) => config,
            _ => serde_json::Map::new(),
        };
        self
    }

    /// Sets [`library`](Self::library).
    #[must_use]
    pub fn library(mut self, library: impl Into<String>) -> Self {
        self.library = Some(library.into());
        self
    }

    /// Sets [`enabled`](Self::enabled).
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Sets [`lazy`](Self::lazy).
    #[must_use]
    pub fn lazy(mut self, lazy: bool) -> Self {
        self.lazy = lazy;
        self
    }

    /// Sets [`timeout`](Self::timeout), which is a year at most.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout.min(LONGEST));
        self
    }

    /// Sets [`retry_count`](Self::retry_count).
    #[must_use]
    pub fn retry_count(mut self, count: u32) -> Self {
        self.retry_count = Some(count);
        self
    }

    /// Sets [`instances`](Self::instances), which is at least 1.
    #[must_use]
    pub fn instances(mut self, instances: usize) -> Self {
        self.instances = instances.max(1);
        self
    }

    /// Sets [`initialize_timeout`](Self::initialize_timeout), which is a year at most.
    #[must_use]
    pub fn initialize_timeout(mut self, timeout: Duration) -> Self {
        self.initialize_timeout = timeout.min(LONGEST);
        self
    }

    /// Sets [`cleanup_timeout`](Self::cleanup_timeout), which is a year at most.
    #[must_use]
    pub fn cleanup_timeout(mut self, timeout: Duration) -> Self {
        self.cleanup_timeout = timeout.min(LONGEST);
        self
    }

    /// Sets [`blocking_threads`](Self::blocking_threads), which is at least 1.
    #[must_use]
    pub fn blocking_threads(mut self, threads: usize) -> Self {
        self.blocking_threads = Some(threads.max(1));
        self
    }

    /// Sets [`reload`](Self::reload).
    #[must_use]
    pub fn reload(mut self, reload: Reload) -> Self {
        self.reload = reload;
        self
    }

    /// Starts the plugin again when it failed, up to `limit` times in a row, first after `delay`, then after twice as long each time.
    #[must_use]
    pub fn restart_on_failure(mut self, limit: u32, delay: Duration) -> Self {
        self.restart = Restart::OnFailure;
        self.restart_limit = limit;
        self.restart_delay = delay;
        self
    }

    /// How long to wait before the restart that follows so many failures in a row; none where there is none.
    pub(crate) fn pause_before_restart(&self, failures: u32) -> Option<Duration> {
        const MOST: Duration = Duration::from_secs(60);
        if self.restart != Restart::OnFailure || failures == 0 || failures > self.restart_limit {
            return None;
        }
        let doubled = 1_u32.checked_shl(failures - 1).unwrap_or(u32::MAX);
        Some(
            self.restart_delay
                .saturating_mul(doubled)
                .min(MOST.max(self.restart_delay)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_follow_ever_more_slowly_up_to_their_limit() {
        let options = PluginOptions::default().restart_on_failure(8, Duration::from_secs(1));
        let pauses = (1..=9).map(|failures| {
            options
                .pause_before_restart(failures)
                .map(|it| it.as_secs())
        });
        let seconds = [1, 2, 4, 8, 16, 32, 60, 60].map(Some);
        assert_eq!(pauses.collect::<Vec<_>>(), [&seconds[..], &[None]].concat());
        assert_eq!(PluginOptions::default().pause_before_restart(1), None);
    }
}

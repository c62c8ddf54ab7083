//! A host that follows its plugin directories and its config files while it runs.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, Weak};

use crate::builder::HostBuilder;
use crate::config::{ConfigErrors, Loaded};
use crate::host::Inner;
use crate::watch::{Seen, Sightings};

/// How a config is loaded anew when one of its files changed.
#[derive(Clone)]
pub(crate) struct ConfigFiles {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) load: Arc<dyn Fn() -> Result<Loaded, ConfigErrors> + Send + Sync>,
}

impl HostBuilder {
    /// Follows the plugin directories: a file that is dropped into one starts serving, one that is replaced is replaced under traffic by what it holds then, one that is removed is
    /// drained, cleaned up and unloaded. Each within two seconds: a file counts once it has not changed for 200 ms, and as removed after a second of absence.
    #[must_use]
    pub fn watch(mut self) -> Self {
        self.watch = true;
        self
    }

    /// Follows these config files too: when one of them changed, `load` makes the config anew, and what changed of it takes effect, as by
    /// [`Host::reconfigure`](crate::Host::reconfigure). One that does not fit changes nothing: see [`Host::config_trouble`](crate::Host::config_trouble).
    #[must_use]
    pub fn watch_config(
        mut self,
        files: Vec<PathBuf>,
        load: impl Fn() -> Result<Loaded, ConfigErrors> + Send + Sync + 'static,
    ) -> Self {
        self.config_files = Some(ConfigFiles {
            files,
            load: Arc::new(load),
        });
        self.watch()
    }
}

/// Acts on what is seen until the host ends.
pub(crate) async fn follow(
    host: Weak<Inner>,
    mut sightings: Sightings,
    config: Option<ConfigFiles>,
) {
    while let Some(seen) = sightings.next().await {
        match (seen, &config) {
            (Seen::Plugins(found), _) => {
                let Some(host) = host.upgrade() else { return };
                host.driver.look(Some(found));
            }
            (Seen::Files, Some(config)) => reload(&host, config).await,
            (Seen::Files, None) => {}
        }
    }
    if let Some(host) = host.upgrade()
        && host.shutdown.get().is_none()
    {
        tracing::error!(
            "the plugin directories are watched no more: what changes there takes effect when the host is started again"
        );
    }
}

async fn reload(host: &Weak<Inner>, config: &ConfigFiles) {
    let load = Arc::clone(&config.load);
    let loaded = tokio::task::spawn_blocking(move || load()).await;
    let (Some(host), Ok(loaded)) = (host.upgrade(), loaded) else {
        return;
    };
    let trouble = match loaded
        .map_err(Into::into)
        .and_then(|loaded| host.reconfigure(loaded))
    {
        Ok(later) => {
            later.iter().for_each(|line| tracing::warn!("{line}"));
            None
        }
        Err(error) => {
            tracing::error!(
                "the changed configuration changes nothing, since it does not fit: {error}"
            );
            Some(error.to_string())
        }
    };
    *host
        .config_trouble
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = trouble;
}

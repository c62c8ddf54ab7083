//! What all plugins of a host stand on.

use std::sync::Arc;
use std::time::Duration;

use agentsys_loader::{Attribution, CopyStore};
use agentsys_router::Router;
use agentsys_storage::Storage;
use arc_swap::ArcSwap;

use crate::admission::Admission;
use crate::config::Loaded;
use crate::metrics::Registry;
use crate::policies::Policies;
use crate::runtimes::Runtimes;

/// What a plugin needs from its host to serve.
#[derive(Clone)]
pub(crate) struct Ground {
    /// None where no directory holds plugins.
    pub(crate) files: Option<Arc<Files>>,
    pub(crate) runtimes: Arc<Runtimes>,
    pub(crate) router: Router,
    pub(crate) storage: Storage,
    pub(crate) metrics: Arc<Registry>,
    /// The account of who runs what.
    pub(crate) attribution: Arc<Attribution>,
    settings: Arc<ArcSwap<Settings>>,
}

/// What is opened, and from where.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) copies: CopyStore,
    pub(crate) admission: Admission,
}

/// What the config says: exchanged as a whole when that changes.
pub(crate) struct Settings {
    /// With where each value came from.
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) policies: Arc<Policies>,
}

impl Ground {
    pub(crate) fn new(
        files: Option<Files>,
        attribution: Attribution,
        runtimes: Runtimes,
        router: Router,
        storage: Storage,
        settings: Settings,
    ) -> Self {
        Self {
            files: files.map(Arc::new),
            runtimes: Arc::new(runtimes),
            router,
            storage,
            metrics: Arc::default(),
            attribution: Arc::new(attribution),
            settings: Arc::new(ArcSwap::from_pointee(settings)),
        }
    }

    /// What the config says, for who looks often: not the ground itself, which holds what holds them.
    pub(crate) fn settings(&self) -> Arc<ArcSwap<Settings>> {
        Arc::clone(&self.settings)
    }

    /// The config.
    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.settings.load().loaded)
    }

    /// Which policy holds for a route.
    pub(crate) fn policies(&self) -> Arc<Policies> {
        Arc::clone(&self.settings.load().policies)
    }

    /// How long the tasks of what is replaced or removed may take to finish.
    pub(crate) fn drain_timeout(&self) -> Duration {
        self.settings.load().loaded.config.host.drain_timeout
    }

    pub(crate) fn exchange_settings(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }
}

//! What all plugins of a host stand on.

use std::sync::Arc;

use agentsys_loader::CopyStore;
use agentsys_router::Router;
use agentsys_storage::Storage;

use crate::config::Loaded;
use crate::metrics::Registry;
use crate::policies::Policies;
use crate::runtimes::Runtimes;

/// What a plugin needs from its host to serve.
#[derive(Clone)]
pub(crate) struct Ground {
    /// None where no directory holds plugins.
    pub(crate) copies: Option<Arc<CopyStore>>,
    pub(crate) runtimes: Arc<Runtimes>,
    pub(crate) router: Router,
    pub(crate) storage: Storage,
    pub(crate) metrics: Arc<Registry>,
    pub(crate) policies: Arc<Policies>,
    /// The config, with where each value came from.
    pub(crate) loaded: Arc<Loaded>,
}

//! One plugin of a host, as the embedder calls it.

use agentsys_router::{Payload, TaskError, TaskOptions};

use crate::host::Host;
use crate::services;
use crate::status::PluginStatus;

/// A plugin by its name, from [`Host::plugin`]. It stays valid while generations come and go under that name.
#[derive(Debug, Clone)]
pub struct Plugin {
    host: Host,
    name: String,
}

impl Plugin {
    pub(crate) fn new(host: &Host, name: &str) -> Self {
        Self {
            host: host.clone(),
            name: name.to_owned(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Has the plugin's own `process` take data in and give data back, under the same policies as a route.
    ///
    /// # Errors
    /// What it failed with; `NotFound` where it has no `process`, or does not serve.
    pub async fn process(&self, data: impl Into<Payload>) -> Result<Payload, TaskError> {
        self.process_with(data, TaskOptions::default()).await
    }

    /// As [`process`](Self::process), with a deadline or within another task.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    pub async fn process_with(
        &self,
        data: impl Into<Payload>,
        options: TaskOptions,
    ) -> Result<Payload, TaskError> {
        services::process(self.host.router(), &self.name, data.into(), options).await
    }

    /// What became of it; none where it was removed meanwhile.
    #[must_use]
    pub fn status(&self) -> Option<PluginStatus> {
        let mut all = self.host.plugins().into_iter();
        all.find(|plugin| plugin.name == self.name)
    }
}

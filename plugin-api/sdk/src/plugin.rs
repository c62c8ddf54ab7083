//! The trait that an author implements.

use std::future::Future;

use agentsys_abi::bridge::Payload;

use crate::config::PluginConfig;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;

/// A plugin: what it is made from, what it does, and how it ends.
///
/// Write each function as `async fn`. The value is shared by calls on many threads, so it is `Send + Sync`; its `Drop` runs in every
/// case, also where `cleanup` failed or was skipped.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// Its config: a struct with `#[plugin_config]`, or [`NoConfig`](crate::NoConfig).
    type Config: PluginConfig;

    /// Makes an instance. Called once for each, before any other function.
    ///
    /// # Errors
    /// The plugin is then reported as failed, with this error.
    fn initialize(config: Self::Config, host: &Host) -> impl Future<Output = Result<Self>> + Send;

    /// Takes data in and gives data back, for callers that name the plugin and no route.
    ///
    /// # Errors
    /// The task fails with it. Unless the plugin has its own, this says that it has none.
    fn process(&self, cx: &Context, data: Payload) -> impl Future<Output = Result<Payload>> + Send {
        drop(data);
        let message = format!(
            "plugin {} has no `process`: call one of its routes",
            cx.host().plugin_name()
        );
        std::future::ready(Err(Error::not_found(message)))
    }

    /// What this instance hands over to the one that takes its place when the plugin is replaced by another build: in a form that the other build can read. Called with no call under way;
    /// calls that come meanwhile wait.
    ///
    /// # Errors
    /// The replacement is given up, and this instance goes on.
    fn save_state(&self) -> impl Future<Output = Result<Payload>> + Send {
        std::future::ready(Ok(Payload::new(bytes::Bytes::new(), "")))
    }

    /// Takes over what the instance of the build before saved, after `initialize` and before the first call. `from_version` is that build's version.
    ///
    /// # Errors
    /// The replacement is given up, and the instance before goes on.
    fn restore_state(
        &self,
        state: Payload,
        from_version: &str,
    ) -> impl Future<Output = Result<()>> + Send {
        drop((state, from_version));
        std::future::ready(Ok(()))
    }

    /// Ends what the instance holds in good order. Called once, when no call that anyone waits for is under way; one that was given up,
    /// and blocks, may still run. Background work still runs.
    ///
    /// # Errors
    /// Reported; the instance is dropped all the same.
    fn cleanup(&self) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }
}

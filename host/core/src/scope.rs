//! Scoped use: a host, or a plugin, for the length of a closure. It is cleaned up on every path: at the end, at an early return, at a panic, and where the
//! caller gives the whole up.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt;

use crate::builder::HostBuilder;
use crate::error::HostError;
use crate::host::Host;
use crate::lifecycle::{Entry, Origin, origin};
use crate::options::PluginOptions;
use crate::plugin::Plugin;

impl HostBuilder {
    /// Builds a host, uses it, and shuts it down whatever happens meanwhile: a panic goes on when the host is down. Where the future is dropped, the shutdown goes
    /// on without it.
    ///
    /// ```
    /// # use agentsys_host::Host;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), agentsys_host::HostError> {
    /// let routes = Host::builder().run(async |host| host.routes().len()).await?;
    /// assert_eq!(routes, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Where the host cannot be built.
    pub async fn run<R>(self, using: impl AsyncFnOnce(&Host) -> R) -> Result<R, HostError> {
        let host = self.build().await?;
        let guard = OnDrop(Some(|| drop(host.clone().shut_down_later())));
        let result = AssertUnwindSafe(async { using(&host).await })
            .catch_unwind()
            .await;
        guard.disarm();
        host.shutdown().await;
        Ok(result.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

impl Host {
    /// Starts one more plugin under that name, uses it, and cleans it up whatever happens meanwhile: a panic goes on when that is done. Where the
    /// future is dropped, the cleanup goes on without it. `options` say which library it is made of, the one of that name unless they do.
    ///
    /// # Errors
    /// Where there is a plugin of that name, no such library, or the plugin does not start.
    pub async fn with_plugin<R>(
        &self,
        name: &str,
        options: PluginOptions,
        using: impl AsyncFnOnce(&Plugin) -> R,
    ) -> Result<R, HostError> {
        let plugin = self.start_plugin(name, options)?;
        let stopping = self.clone();
        let guard = OnDrop(Some(|| drop(stopping.remove_later(name))));
        let result = match self.0.driver.started(name).await {
            Err(reason) => Err(HostError::NotRunning {
                name: name.to_owned(),
                reason,
            }),
            Ok(()) => {
                let using = AssertUnwindSafe(async { using(&plugin).await });
                Ok(using.catch_unwind().await)
            }
        };
        guard.disarm();
        let _ = self.remove_later(name).await;
        Ok(result?.unwrap_or_else(|panic| resume_unwind(panic)))
    }

    fn start_plugin(&self, name: &str, options: PluginOptions) -> Result<Plugin, HostError> {
        let not_running = |reason| HostError::NotRunning {
            name: name.to_owned(),
            reason,
        };
        agentsys_loader::check_name("plugin", name)
            .map_err(|error| not_running(error.to_string()))?;
        let library = options.library.as_deref().unwrap_or(name);
        let origin = origin(name, library, &self.0.driver.libraries());
        if let Origin::Missing(reason) = &origin
            && !self.0.driver.has(name)
        {
            return Err(not_running(reason.clone()));
        }
        let mut entry = Entry::new(name, options, origin);
        entry.scoped = true;
        self.0.driver.add_one(entry)?;
        Ok(Plugin::new(self, name))
    }

    /// On the control runtime, so that it goes on when nobody waits.
    fn remove_later(&self, name: &str) -> tokio::task::JoinHandle<()> {
        let (host, name) = (self.clone(), name.to_owned());
        self.control().spawn(async move {
            host.0.driver.remove(&name).await;
        })
    }

    fn shut_down_later(self) -> tokio::task::JoinHandle<()> {
        let control = self.control().clone();
        control.spawn(async move {
            self.shutdown().await;
        })
    }
}

/// Runs a closure when it is dropped before it was disarmed.
struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            run();
        }
    }
}

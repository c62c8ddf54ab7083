//! One live object of a plugin: made empty, initialized once, called, cleaned up once, dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agentsys_abi::bridge::Payload;
use agentsys_abi::host::RawHost;
use tokio::sync::OnceCell;

use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::host::Host;
use crate::plugin::Plugin;

/// An instance, empty until it is initialized.
pub(crate) struct Instance<P> {
    plugin: OnceCell<P>,
    cleaned_up: AtomicBool,
    host: Host,
}

impl<P: Plugin> Instance<P> {
    /// # Safety
    /// `host` must be valid until the generation is closed.
    pub(crate) unsafe fn new(host: RawHost) -> Arc<Self> {
        // SAFETY: the caller's promise.
        let host = unsafe { Host::new(host) };
        let instance = Arc::new(Self {
            plugin: OnceCell::new(),
            cleaned_up: AtomicBool::new(false),
            host,
        });
        instance.host.set_instance(Arc::as_ptr(&instance).cast());
        instance
    }

    #[inline]
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// The author's object.
    #[inline]
    pub(crate) fn plugin(&self) -> Result<&P> {
        self.plugin.get().ok_or_else(|| self.uninitialized())
    }

    #[cold]
    fn uninitialized(&self) -> Error {
        let message = format!("plugin {} is not initialized", self.host.plugin_name());
        Error::new(ErrorKind::Unavailable, message).with_retryable(true)
    }

    /// Reads the config and makes the author's object; at once if there is one already.
    pub(crate) async fn initialize(&self, config: Payload) -> Result<Payload> {
        let make = async || P::initialize(config::read(&config)?, &self.host).await;
        self.plugin.get_or_try_init(make).await?;
        Ok(empty())
    }

    /// What the author's object hands over.
    #[cfg(not(feature = "seam-older"))]
    pub(crate) async fn save_state(&self) -> Result<Payload> {
        self.plugin()?.save_state().await
    }

    /// Has the author's object take over what another one saved.
    #[cfg(not(feature = "seam-older"))]
    pub(crate) async fn restore_state(&self, state: Payload, from: String) -> Result<Payload> {
        self.plugin()?.restore_state(state, &from).await?;
        Ok(empty())
    }

    /// The author's cleanup, then the end of the background work; at once if it is done already.
    pub(crate) async fn cleanup(&self) -> Result<Payload> {
        if self.cleaned_up.swap(true, Ordering::AcqRel) {
            return Ok(empty());
        }
        let result = match self.plugin.get() {
            Some(plugin) => plugin.cleanup().await,
            None => Ok(()),
        };
        self.host.end_background().await;
        self.host.forget_routes();
        result.map(|()| empty())
    }
}

impl<P> Drop for Instance<P> {
    fn drop(&mut self) {
        self.host.cancel_background();
        self.host.forget_routes();
        // Handles that outlive the instance must not act on another one at the same address.
        self.host.set_instance(std::ptr::null());
    }
}

fn empty() -> Payload {
    Payload::new(bytes::Bytes::new(), "")
}

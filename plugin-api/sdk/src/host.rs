//! The author's handle to the host.

use std::future::Future;
use std::sync::Arc;

use abi_stable::std_types::RStr;
use agentsys_abi::bridge::{ForeignFuture, Payload};
use agentsys_abi::call::RawReply;
use agentsys_abi::host::RawHost;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::{Error, Result};
use crate::payload::IntoPayload;
use crate::runtime;

/// What the host offers one instance of a plugin. Cheap to clone; clones work until the instance is gone.
#[derive(Clone)]
pub struct Host(Arc<Shared>);

struct Shared {
    raw: RawHost,
    name: String,
    background: TaskTracker,
    ended: CancellationToken,
}

// SAFETY: the seam: a host's context and functions may be used from any thread.
unsafe impl Send for Shared {}
// SAFETY: as for `Send`.
unsafe impl Sync for Shared {}

impl Host {
    /// # Safety
    /// `raw` must be valid until the generation is closed.
    pub(crate) unsafe fn new(raw: RawHost) -> Self {
        // SAFETY: the caller's promise.
        let name = unsafe { (raw.api.plugin_name())(raw.context) };
        Self(Arc::new(Shared {
            raw,
            name: name.as_str().to_owned(),
            background: TaskTracker::new(),
            ended: CancellationToken::new(),
        }))
    }

    /// The name under which this plugin runs.
    #[must_use]
    pub fn plugin_name(&self) -> &str {
        &self.0.name
    }

    /// Routes a task of the plugin's own, one that is not part of another: from background work, or `initialize`.
    /// In a handler, [`Context::route_task`](crate::Context::route_task) is the one to use.
    ///
    /// # Errors
    /// What the route's agent failed with, or why none was reached.
    pub async fn route_task<Kind>(
        &self,
        name: &str,
        data: impl IntoPayload<Kind>,
    ) -> Result<Payload> {
        let payload = data.into_payload()?;
        // SAFETY: no task: null is allowed.
        unsafe { self.route(std::ptr::null(), name, payload) }.await
    }

    /// Runs work in the background, on the plugin's runtime. It ends with the instance: after `cleanup`, what still
    /// runs is dropped at its next await.
    ///
    /// # Errors
    /// Where the plugin's runtime cannot start.
    pub fn spawn<F>(&self, work: F) -> Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let ended = self.0.ended.clone();
        let work = async move {
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = work => {}
            }
        };
        self.0.background.spawn_on(work, runtime::handle()?);
        Ok(())
    }

    /// Routes a task, nested in `task` unless that is null.
    ///
    /// # Safety
    /// `task` must be null, or valid until the future is dropped.
    pub(crate) unsafe fn route(
        &self,
        task: *const (),
        name: &str,
        payload: Payload,
    ) -> impl Future<Output = Result<Payload>> + Send + 'static {
        let mut raw = payload.into_raw();
        let api = self.0.raw.api.router();
        // SAFETY: the context is valid (`new`'s promise), and so is the task (the caller's). A null waker: a first look
        // comes with the first poll.
        let reply = unsafe {
            let route_task = api.route_task();
            route_task(
                self.0.raw.context,
                task,
                RStr::from(name),
                &mut raw,
                std::ptr::null(),
            )
        };
        let reply = match reply {
            // SAFETY: a payload that crosses holds what the seam promises.
            RawReply::Ok(raw) => Ok(Ok(unsafe { Payload::from_raw(raw) })),
            RawReply::Err(error) => Ok(Err(error.into())),
            // SAFETY: a fresh future, ours alone; a host is never unloaded.
            RawReply::Pending(raw) => Err(unsafe { ForeignFuture::from_raw(raw) }),
        };
        async move {
            let answer = match reply {
                Ok(answer) => answer,
                Err(future) => future.await,
            };
            answer.map_err(Error::from_failure)
        }
    }

    #[inline]
    pub(crate) fn raw(&self) -> &RawHost {
        &self.0.raw
    }

    /// Ends the background work, and waits until it has ended.
    pub(crate) async fn end_background(&self) {
        self.0.ended.cancel();
        self.0.background.close();
        self.0.background.wait().await;
    }

    /// Tells the background work to end.
    pub(crate) fn cancel_background(&self) {
        self.0.ended.cancel();
        self.0.background.close();
    }
}

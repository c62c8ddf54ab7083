//! The author's handle to the host.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use agentsys_abi::bridge::{Failure, ForeignFuture, ForeignStream, Payload};
use agentsys_abi::call::RawReply;
use agentsys_abi::error::kind;
use agentsys_abi::host::RawHost;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::added::{Added, Handler};
use crate::error::{Error, Result};
use crate::metrics::{Metrics, Registered};
use crate::panics;
use crate::payload::IntoPayload;
use crate::router::{Peer, Router};
use crate::runtime;
use crate::scope::{InScope, Scope};
use crate::storage::Storage;

/// What the host offers one instance of a plugin. Cheap to clone; clones work until the instance is gone.
#[derive(Clone)]
pub struct Host(Arc<Shared>);

struct Shared {
    raw: RawHost,
    name: String,
    /// By what the host knows the instance; null until that is made.
    instance: AtomicPtr<()>,
    added: Added,
    metrics: Registered,
    background: TaskTracker,
    ended: CancellationToken,
    scope: Option<Scope>,
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
        let name = name.as_str().to_owned();
        Self(Arc::new(Shared {
            raw,
            scope: Scope::new(&name),
            name,
            instance: AtomicPtr::default(),
            added: Added::default(),
            metrics: Registered::default(),
            background: TaskTracker::new(),
            ended: CancellationToken::new(),
        }))
    }

    /// The name under which this plugin runs.
    #[must_use]
    pub fn plugin_name(&self) -> &str {
        &self.0.name
    }

    /// The way to other agents and plugins, for tasks that are no part of another: from background work, or `initialize`. In a handler,
    /// [`Context::router`](crate::Context::router) is the one to use.
    #[must_use]
    pub fn router(&self) -> Router<'_> {
        Router::new(self, std::ptr::null())
    }

    /// Routes a task of the plugin's own: short for `router().route_task(…)`.
    ///
    /// # Errors
    /// What the route's agent failed with, or why none was reached.
    pub async fn route_task<Kind>(
        &self,
        name: &str,
        data: impl IntoPayload<Kind>,
    ) -> Result<Payload> {
        self.router().route_task(name, data).await
    }

    /// Another plugin, by its name.
    #[must_use]
    pub fn plugin<'a>(&'a self, name: &'a str) -> Peer<'a> {
        self.router().plugin(name)
    }

    /// The plugin's own namespace in the host's storage.
    #[must_use]
    pub fn storage(&self) -> Storage {
        Storage::new(self.clone())
    }

    /// What the plugin counts and measures.
    #[must_use]
    pub fn metrics(&self) -> Metrics<'_> {
        Metrics::new(self)
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
        let work = InScope::new(work, self.0.scope.clone());
        let work = async move {
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = work => {}
            }
        };
        self.0.background.spawn_on(work, &runtime::current()?);
        Ok(())
    }

    #[inline]
    pub(crate) fn raw(&self) -> &RawHost {
        &self.0.raw
    }

    #[inline]
    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.0.scope.as_ref()
    }

    pub(crate) fn registered(&self) -> &Registered {
        &self.0.metrics
    }

    pub(crate) fn set_instance(&self, instance: *const ()) {
        self.0
            .instance
            .store(instance.cast_mut(), Ordering::Release);
    }

    pub(crate) fn instance(&self) -> *const () {
        self.0.instance.load(Ordering::Acquire)
    }

    pub(crate) fn added(&self) -> &Added {
        &self.0.added
    }

    pub(crate) fn added_handler(&self, number: u32) -> Option<(Arc<str>, Handler)> {
        self.0.added.get(number)
    }

    /// Drops the handlers that were added: they may hold this very handle.
    pub(crate) fn forget_routes(&self) {
        self.0.added.clear();
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

/// What the host answered, now or later.
///
/// # Safety
/// `reply` must come fresh from a function of the host's.
pub(crate) unsafe fn answer(
    reply: RawReply,
) -> impl Future<Output = Result<Payload>> + Send + 'static {
    let reply = match reply {
        // SAFETY: a payload that crosses holds what the seam promises.
        RawReply::Ok(raw) => Ok(Ok(unsafe { Payload::from_raw(raw) })),
        RawReply::Err(error) => Ok(Err(error.into())),
        // SAFETY: a fresh future, ours alone; a host is never unloaded.
        RawReply::Pending(raw) => Err(unsafe { ForeignFuture::from_raw(raw) }),
        RawReply::Stream(raw) => {
            // SAFETY: as above.
            drop(unsafe { ForeignStream::from_raw(raw) });
            let message = "the host answered a stream where one answer was asked for";
            Ok(Err(Failure::new(kind::INTERNAL, message)))
        }
    };
    async move {
        let answer = match reply {
            Ok(answer) => answer,
            Err(mut future) => {
                // The host's code, and that of others whom it calls.
                poll_fn(|cx| panics::of_others(|| Pin::new(&mut future).poll(cx))).await
            }
        };
        answer.map_err(Error::from_failure)
    }
}

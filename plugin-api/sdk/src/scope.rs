//! Where the logs of a linked plugin go.
//!
//! A plugin in a file has its own copy of `tracing`, which the SDK leads to the host (see `logs`). A linked one shares its program's, whose subscriber is left
//! alone: the plugin's code runs inside a span that names it, and its events go where the program's go. A test host may ask for them.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tracing::{Dispatch, Span, dispatcher};

use crate::generation;

thread_local! {
    /// The subscriber that instances made on this thread log to, in place of the program's.
    static WANTED: RefCell<Option<Dispatch>> = const { RefCell::new(None) };
}

/// The field of the span that names the plugin.
#[cfg(feature = "testing")]
pub(crate) const FIELD: &str = "plugin";

/// The surroundings of one instance's code.
#[derive(Clone)]
pub(crate) struct Scope {
    span: Span,
    dispatch: Option<Dispatch>,
}

impl Scope {
    /// None for a plugin in a file, which needs none.
    pub(crate) fn new(plugin: &str) -> Option<Self> {
        if !generation::is_linked() {
            return None;
        }
        let dispatch = WANTED.with_borrow(Clone::clone);
        let span = || tracing::error_span!(target: "agentsys::plugin", "plugin", plugin);
        let span = match &dispatch {
            Some(dispatch) => dispatcher::with_default(dispatch, span),
            None => span(),
        };
        Some(Self { span, dispatch })
    }

    fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        match &self.dispatch {
            Some(dispatch) => dispatcher::with_default(dispatch, || self.span.in_scope(f)),
            None => self.span.in_scope(f),
        }
    }
}

/// Runs an instance's code in its surroundings, if it has any of its own.
#[inline]
pub(crate) fn run<R>(scope: Option<&Scope>, f: impl FnOnce() -> R) -> R {
    match scope {
        None => f(),
        Some(scope) => scope.run(f),
    }
}

/// A future or a stream that is polled, and dropped, in an instance's surroundings.
pub(crate) struct InScope<F> {
    future: Option<F>,
    scope: Option<Scope>,
}

impl<F> InScope<F> {
    pub(crate) fn new(future: F, scope: Option<Scope>) -> Self {
        Self {
            future: Some(future),
            scope,
        }
    }
}

impl<F> InScope<F> {
    fn parts(self: Pin<&mut Self>) -> (Option<Pin<&mut F>>, Option<&Scope>) {
        // SAFETY: `future` is pinned with `self` and never moved out, only dropped in place.
        let (future, scope) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &this.scope)
        };
        (future.as_pin_mut(), scope.as_ref())
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.parts() {
            (Some(future), scope) => run(scope, || future.poll(cx)),
            (None, _) => Poll::Pending,
        }
    }
}

impl<S: Stream> Stream for InScope<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        match self.parts() {
            (Some(stream), scope) => run(scope, || stream.poll_next(cx)),
            (None, _) => Poll::Ready(None),
        }
    }
}

impl<F> Drop for InScope<F> {
    fn drop(&mut self) {
        let Self { future, scope } = self;
        // Assigning drops the old value in place, so a pinned future does not move.
        run(scope.as_ref(), || *future = None);
    }
}

/// Has instances that are made on this thread log to another subscriber, until the guard is dropped.
#[cfg(feature = "testing")]
pub(crate) fn capture(dispatch: Dispatch) -> Captured {
    Captured {
        before: WANTED.replace(Some(dispatch)),
        _here: std::marker::PhantomData,
    }
}

/// See [`capture`].
#[cfg(feature = "testing")]
pub(crate) struct Captured {
    before: Option<Dispatch>,
    /// To be dropped on its own thread.
    _here: std::marker::PhantomData<*const ()>,
}

#[cfg(feature = "testing")]
impl Drop for Captured {
    fn drop(&mut self) {
        let before = self.before.take();
        drop(WANTED.replace(before));
    }
}

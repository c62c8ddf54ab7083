//! How a handler that answers a stream is called, and how a stream goes with a task of the plugin's own.
//!
//! All of the author's code runs where a future's does, in the plugin's runtime and behind a wall: the call of the function itself too, at the first poll. So nothing
//! is done before the first item is asked for, and what fails before it is the first item.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use agentsys_abi::bridge::{Answer, Failure, ForeignStream, Payload, catch};
use agentsys_abi::call::RawStream;
use futures_core::Stream;

use crate::error::{Error, Result};
use crate::handler::{Call, Claimed, Reply, Running, failed, name};
use crate::items::Source;
use crate::panics;
use crate::payload::IntoPayload;
use crate::plugin::Plugin;
use crate::produce::{Out, produce};
use crate::runtime::InRuntime;
use crate::scope::{self, InScope, Scope};

impl<P: Plugin> Call<'_, P> {
    /// The items that came with the call, for a handler that takes some.
    pub fn take_items(&mut self) -> Source {
        let items = std::mem::replace(&mut self.items, std::ptr::null_mut());
        // SAFETY: the host hands them over with the call, and they are taken once; a host is never unloaded.
        Source(unsafe { ForeignStream::taken(items) })
    }

    /// Calls a handler that answers a stream: boxed once, and polled by nobody before it has crossed. `handler` makes a body for [`produce`].
    pub fn run_stream<F>(
        self,
        handler: impl FnOnce(Running<P>, Payload, Out<Payload>) -> F,
    ) -> Reply
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let Claimed {
            running,
            payload,
            scope,
            route,
            log,
        } = match self.claim() {
            Ok(claimed) => claimed,
            Err(error) => return failed(error),
        };
        let body = |out| handler(running, payload.take(), out);
        // What passes the walls within can only be the SDK's own fault.
        let begun = catch(|| match log {
            None => begin_stream(What::Route(route), scope, || produce(body)),
            Some(log) => begin_stream(What::Route(route), scope, || log.through(produce(body))),
        });
        match begun {
            Ok(Ok(stream)) => Reply::Stream(stream),
            Ok(Err(error)) => failed(error),
            Err(message) => Reply::Err(Failure::panicked("the plugin", &message).into()),
        }
    }
}

/// Hands a stream of the author's over to the host, with a task that it goes along with.
pub(crate) fn send_along<S, T, Kind>(items: S, scope: Option<Scope>) -> Result<RawStream>
where
    S: Stream<Item = Result<T>> + Send + 'static,
    T: IntoPayload<Kind> + 'static,
    Kind: 'static,
{
    begin_stream(What::Sent, scope, || {
        produce(move |out: Out<Payload>| out.all_of(items))
    })
}

fn begin_stream<S>(what: What, scope: Option<Scope>, make: impl FnOnce() -> S) -> Result<RawStream>
where
    S: Stream<Item = Result<Payload>> + Send + 'static,
{
    let stream = panics::catch(|| what.to_string(), || scope::run(scope.as_ref(), make))?;
    let stream = InRuntime::new(InScope::new(stream, scope))?;
    Ok(RawStream::new(Guarded {
        stream: Some(stream),
        what,
    }))
}

/// Whose code a stream is.
#[derive(Clone, Copy)]
enum What {
    /// A handler's.
    Route(&'static str),
    /// Made to go along with a task.
    Sent,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(route) => f.write_str(&name(route)),
            Self::Sent => f.write_str("a stream of items that goes with a task"),
        }
    }
}

/// A stream of the author's whose panics come back as its last item.
struct Guarded<S> {
    /// None after a panic. Pinned with the whole.
    stream: Option<InRuntime<InScope<S>>>,
    what: What,
}

impl<S: Stream<Item = Result<Payload>>> Stream for Guarded<S> {
    type Item = Answer;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Answer>> {
        // SAFETY: `stream` is pinned with `self` and never moved out, only dropped in place by `set(None)`.
        let (mut slot, what) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.stream), this.what)
        };
        let polled = panics::catch(
            || what.to_string(),
            || match slot.as_mut().as_pin_mut() {
                Some(stream) => stream.poll_next(cx),
                None => Poll::Ready(None),
            },
        );
        let next = match polled {
            Ok(next) => next,
            Err(panic) => {
                // Here, where the runtime is entered for it: what panicked is not polled again.
                let _ = panics::catch(|| what.to_string(), || slot.set(None));
                Poll::Ready(Some(Err(panic)))
            }
        };
        next.map(|next| next.map(|item| item.map_err(Error::into_failure)))
    }
}

//! Handlers as the macros describe them, and how each kind of them is called.

use std::borrow::Cow;
use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use agentsys_abi::bridge::{Failure, Handed, Payload, catch, with_waker};
use agentsys_abi::call::{RawCall, RawFuture, RawStream};
use agentsys_abi::waker::RawWaker;
use serde_json::Value;

use crate::added;
use crate::call_log::CallLog;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::panics;
use crate::plugin::Plugin;
use crate::runtime::InRuntime;
use crate::scope::{self, InScope, Scope};

/// One handler of a plugin.
pub struct Handler<P: 'static> {
    /// The route's name.
    pub route: &'static str,
    /// The record in the file's section; naming it here keeps the linker from dropping it.
    pub record: &'static [u8],
    /// The schema of the input.
    pub input_schema: fn() -> Option<Value>,
    /// The schema of an item, where it takes some.
    pub items_schema: fn() -> Option<Value>,
    /// The schema of the output; of an item, where it answers a stream.
    pub output_schema: fn() -> Option<Value>,
    /// Whether it answers a stream.
    pub streams: bool,
    /// Whether it takes items.
    pub takes_items: bool,
    /// Whether begin, end, duration and error of each call are logged.
    pub logged: bool,
    /// The call.
    pub invoke: fn(Call<'_, P>) -> Reply,
}

/// A plugin with routes: what `#[routes]` implements.
pub trait Routes: Sized + 'static {
    /// Its handlers, in the order of their numbers.
    const HANDLERS: &'static [Handler<Self>];
}

/// Asks for the handlers of `P`, which may have none; the same device as for schemas.
pub struct HandlersOf<P>(std::marker::PhantomData<P>);

impl<P> HandlersOf<P> {
    /// The question.
    #[must_use]
    #[allow(
        clippy::new_without_default,
        reason = "only the macros' expansion makes one"
    )]
    pub fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<P: Routes> HandlersOf<P> {
    /// The handlers.
    #[must_use]
    pub fn handlers(&self) -> &'static [Handler<P>] {
        P::HANDLERS
    }
}

/// The answer for a plugin without routes.
pub trait NoRoutes<P: 'static> {
    /// None.
    fn handlers(&self) -> &'static [Handler<P>];
}

impl<P: 'static> NoRoutes<P> for HandlersOf<P> {
    fn handlers(&self) -> &'static [Handler<P>] {
        &[]
    }
}

/// What a handler returns, so that the macros can name the type of its value.
#[diagnostic::on_unimplemented(
    message = "a handler answers a `Result`, not `{Self}`",
    label = "write `Result<…>` round it; the items of a stream are `Result`s too"
)]
pub trait Fallible {
    /// The type of what a handler answers when it does not fail.
    type Value;
}

impl<T, E> Fallible for std::result::Result<T, E> {
    type Value = T;
}

/// One call, on its way to a handler.
pub struct Call<'a, P> {
    pub(crate) instance: &'a Arc<Instance<P>>,
    pub(crate) raw: &'a RawCall,
    pub(crate) payload: Handed<'a>,
    pub(crate) waker: *const RawWaker,
    /// Handed over with the call, and not null only for a handler that takes them.
    pub(crate) items: *mut RawStream,
    pub(crate) route: &'static str,
    pub(crate) logged: bool,
}

/// The answer of a call, as it crosses. No type of our own: made at once where the host wants it, it need not move.
pub use agentsys_abi::call::RawReply as Reply;

impl<'a, P: Plugin> Call<'a, P> {
    /// Calls a plain handler, here and now.
    #[inline]
    pub fn run(self, handler: impl FnOnce(&P, &Context, Payload) -> Result<Payload>) -> Reply {
        if self.logged || self.instance.host().scope().is_some() {
            self.run_observed(handler)
        } else {
            self.run_plainly(handler)
        }
    }

    /// In a function of its own, so that the quickest calls pay nothing for it.
    #[cold]
    #[inline(never)]
    fn run_observed(self, handler: impl FnOnce(&P, &Context, Payload) -> Result<Payload>) -> Reply {
        let (instance, route) = (self.instance, self.route);
        let observed = || {
            let log = self
                .logged
                .then(|| CallLog::begin(route, self.raw, &self.payload));
            self.run_plainly(|plugin, context, payload| match log {
                None => handler(plugin, context, payload),
                Some(log) => log.over(|| handler(plugin, context, payload)),
            })
        };
        // For a linked plugin, spans and logs are the program's own code, which may panic.
        let scope = instance.host().scope();
        panics::catch(move || name(route), || scope::run(scope, observed)).unwrap_or_else(failed)
    }

    #[inline]
    fn run_plainly(self, handler: impl FnOnce(&P, &Context, Payload) -> Result<Payload>) -> Reply {
        let Self {
            instance,
            raw,
            payload,
            route,
            ..
        } = self;
        // Filled in place: as part of a `Result` it would be moved in pieces of other sizes than it was written in, and
        // a processor waits for each of those.
        let mut answer = MaybeUninit::uninit();
        let ended = panics::catch(
            move || name(route),
            || {
                // SAFETY: the context lives for this call, and so do its task and the instance.
                let context = unsafe { Context::borrowed(instance.host(), raw, route) };
                answer.write(handler(instance.plugin()?, &context, payload.take())?);
                Ok(())
            },
        );
        match ended {
            // SAFETY: the handler ended well, and its answer was written just before.
            Ok(Ok(())) => Reply::Ok(unsafe { answer.assume_init() }.into_raw()),
            Ok(Err(error)) | Err(error) => failed(error),
        }
    }

    /// Calls an async handler: boxed once, polled once, and handed over if it is not ready by then.
    pub fn run_async<F>(self, handler: impl FnOnce(Running<P>, Payload) -> F) -> Reply
    where
        F: Future<Output = Result<Payload>> + Send + 'static,
    {
        let waker = self.waker;
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
        match log {
            None => start(route.into(), scope, waker, || {
                handler(running, payload.take())
            }),
            Some(log) => start(route.into(), scope, waker, || {
                log.around(handler(running, payload.take()))
            }),
        }
    }

    /// What a handler has that goes on after its call returned. Its call is in the log from here on, where it is to be.
    #[inline]
    pub(crate) fn claim(self) -> Result<Claimed<'a, P>> {
        let Self {
            instance,
            raw,
            payload,
            route,
            logged,
            ..
        } = self;
        let instance = Arc::clone(instance);
        let scope = instance.host().scope().cloned();
        let begin =
            || logged.then(|| scope::run(scope.as_ref(), || CallLog::begin(route, raw, &payload)));
        let log = panics::catch(move || name(route), begin)?;
        // SAFETY: the host lies in the instance, which `Running` keeps; its fields are dropped in order, the context first.
        let context = unsafe { Context::claimed(instance.host(), raw, route) };
        Ok(Claimed {
            running: Running { context, instance },
            payload,
            scope,
            route,
            log,
        })
    }

    /// Calls a handler that the instance added.
    pub(crate) fn run_added(self, route: &str, handler: added::Handler) -> Reply {
        let Self {
            instance,
            raw,
            payload,
            waker,
            ..
        } = self;
        let instance = Arc::clone(instance);
        let scope = instance.host().scope().cloned();
        let context = Context::owned(instance.host(), raw, route);
        start(route.to_owned().into(), scope, waker, || {
            let payload = payload.take();
            async move {
                // Kept until the author's code is gone: the handler, of which this may be the last claim, and its future. All of it runs, and is
                // dropped, where a panic is caught and the runtime entered.
                let _instance = instance;
                let handler = handler;
                handler(context, payload).await
            }
        })
    }
}

/// A call whose handler goes on.
pub(crate) struct Claimed<'a, P> {
    pub(crate) running: Running<P>,
    pub(crate) payload: Handed<'a>,
    pub(crate) scope: Option<Scope>,
    pub(crate) route: &'static str,
    pub(crate) log: Option<CallLog>,
}

/// A hold on context and instance, of a handler that goes on.
pub struct Running<P> {
    context: Context,
    instance: Arc<Instance<P>>,
}

impl<P: Plugin> Running<P> {
    pub(crate) fn new(context: Context, instance: Arc<Instance<P>>) -> Self {
        Self { context, instance }
    }

    /// The author's object.
    ///
    /// # Errors
    /// Where the instance is not initialized.
    pub fn plugin(&self) -> Result<&P> {
        self.instance.plugin()
    }

    /// The task at hand.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }
}

/// Starts the author's async code.
pub(crate) fn start<F>(
    what: Cow<'static, str>,
    scope: Option<Scope>,
    waker: *const RawWaker,
    make: impl FnOnce() -> F,
) -> Reply
where
    F: Future<Output = Result<Payload>> + Send + 'static,
{
    start_as(what, scope, waker, make, RawFuture::new)
}

/// The same, where a future that is handed over is made one of the seam's by `cross`.
pub(crate) fn start_as<F>(
    what: Cow<'static, str>,
    scope: Option<Scope>,
    waker: *const RawWaker,
    make: impl FnOnce() -> F,
    cross: impl FnOnce(Pin<Box<Guarded<F>>>) -> RawFuture,
) -> Reply
where
    F: Future<Output = Result<Payload>> + Send + 'static,
{
    // What passes the walls within can only be the SDK's own fault.
    catch(|| begin(what, scope, waker, make, cross)).unwrap_or_else(|message| {
        let failure = Failure::panicked("the plugin", &message);
        Reply::Err(failure.into())
    })
}

fn begin<F>(
    what: Cow<'static, str>,
    scope: Option<Scope>,
    waker: *const RawWaker,
    make: impl FnOnce() -> F,
    cross: impl FnOnce(Pin<Box<Guarded<F>>>) -> RawFuture,
) -> Reply
where
    F: Future<Output = Result<Payload>> + Send + 'static,
{
    let made = panics::catch(|| name(&what), || scope::run(scope.as_ref(), make));
    let started = made.and_then(|future| InRuntime::new(InScope::new(future, scope)));
    let future = match started {
        Ok(future) => future,
        Err(error) => return failed(error),
    };
    let mut future = Box::pin(Guarded { future, what });
    if !waker.is_null() {
        // SAFETY: the host lends the waker for this call.
        let polled = unsafe {
            with_waker(waker, |waker| {
                future.as_mut().poll(&mut TaskContext::from_waker(waker))
            })
        };
        if let Poll::Ready(answer) = polled {
            return Reply::ready(answer);
        }
    }
    Reply::Pending(cross(future))
}

#[cold]
pub(crate) fn failed(error: Error) -> Reply {
    Reply::Err(error.into_failure().into())
}

/// A future of the author's whose panics come back as errors.
pub(crate) struct Guarded<F> {
    future: InRuntime<InScope<F>>,
    what: Cow<'static, str>,
}

impl<F: Future<Output = Result<Payload>>> Future for Guarded<F> {
    type Output = agentsys_abi::bridge::Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is pinned with `self` and never moved out.
        let (future, what) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &this.what)
        };
        match panics::catch(|| name(what), || future.poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(answer)) => Poll::Ready(answer.map_err(Error::into_failure)),
            Err(error) => Poll::Ready(Err(error.into_failure())),
        }
    }
}

/// What panicked, for its error.
#[cold]
pub(crate) fn name(what: &str) -> String {
    match what {
        "initialize" | "cleanup" | "process" => format!("`{what}`"),
        // No route's name has one.
        function if function.starts_with('`') => function.to_owned(),
        route => format!("the handler of route `{route}`"),
    }
}

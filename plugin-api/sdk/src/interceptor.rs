//! A plugin that looks at other agents' tasks, before and after.
//!
//! It stands on the path of every task, so a look that ends at once costs nothing beside itself; one that must wait says so, and only then is anything kept.

#![cfg_attr(
    feature = "seam-older",
    allow(dead_code, reason = "the older seam has no function that asks")
)]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use agentsys_abi::bridge::{Failure, Payload, labels};
use agentsys_abi::call::{RawFuture, RawReply};
use agentsys_abi::error::kind;
use agentsys_abi::payload::RawPayload;
use agentsys_abi::routing::{RawOutcome, RawTask, RawVerdict, verdict};
use agentsys_abi::waker::RawWaker;
use bytes::Bytes;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::handler::{HandlersOf, Reply, Running, failed, start, start_as};
use crate::instance::Instance;
use crate::outcome::Outcome;
use crate::payload::IntoPayload;
use crate::plugin::Plugin;
use crate::shown::look;

/// A plugin that looks at tasks before and after: its host names it in `[router] interceptors`. It annotates a task, refuses it, or answers it itself. A task that it refuses is neither tried
/// again nor given a fallback.
///
/// Where it does not run, or panics before a task, tasks pass it by, unless the operator wrote `{ plugin = "guard", required = true }`: then they are refused as `Unavailable`. What it
/// logs with `tracing` needs that crate among its dependencies.
///
/// ```
/// use agentsys_plugin::prelude::*;
/// use agentsys_plugin::{After, Interceptor, Outcome, Verdict};
///
/// struct Guard;
///
/// #[plugin(name = "guard")]
/// impl Plugin for Guard {
///     type Config = NoConfig;
///
///     async fn initialize(_: NoConfig, _: &Host) -> Result<Self> {
///         Ok(Self)
///     }
/// }
///
/// impl Interceptor for Guard {
///     fn before(&self, task: &Context, data: &Payload) -> Result<Verdict> {
///         match data.as_slice().len() {
///             0..65_536 => Ok(Verdict::annotate([("size", "small")])),
///             _ => Err(Error::invalid_input(format!("too much for {}", task.route()))),
///         }
///     }
///
///     fn after(&self, task: &Context, outcome: &Outcome<'_>) -> Result<After> {
///         if let Some(error) = outcome.error() {
///             tracing::warn!("{} failed: {error}", task.route());
///         }
///         Ok(After::Done)
///     }
/// }
/// # fn main() {}
/// ```
///
/// It is not shown the tasks that it sends itself, nor what is part of those. Its functions run on the path of the task, so they neither block nor take long;
/// what waits says `Later`, and goes on in the function of that name, inside the plugin's runtime.
pub trait Interceptor: Plugin {
    /// Looks at a task before any agent has it. The data is lent; to clone it copies no bytes.
    ///
    /// # Errors
    /// The task is refused with it.
    fn before(&self, task: &Context, data: &Payload) -> Result<Verdict> {
        let _ = (task, data);
        Ok(Verdict::Continue)
    }

    /// Goes on where [`before`](Self::before) answered [`Verdict::Later`]. The task waits.
    ///
    /// # Errors
    /// The task is refused with it.
    fn before_later(
        &self,
        task: &Context,
        data: &Payload,
    ) -> impl Future<Output = Result<Verdict>> + Send {
        let _ = (task, data);
        std::future::ready(Err(never_goes_on("before_later")))
    }

    /// Looks at how a task ended, whoever answered it; not for one that it refused or answered itself, nor for one whose caller went away before the end.
    ///
    /// # Errors
    /// Reported; the task's answer is what it is.
    fn after(&self, task: &Context, outcome: &Outcome<'_>) -> Result<After> {
        let _ = (task, outcome);
        Ok(After::Done)
    }

    /// Goes on where [`after`](Self::after) answered [`After::Later`]. The task's sender waits.
    ///
    /// # Errors
    /// As there.
    fn after_later(
        &self,
        task: &Context,
        outcome: &Outcome<'_>,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (task, outcome);
        std::future::ready(Err(never_goes_on("after_later")))
    }
}

fn never_goes_on(function: &str) -> Error {
    let message = format!("the interceptor says `Later`, and has no `{function}`");
    Error::new(ErrorKind::Internal, message)
}

/// What is to become of a task. To refuse it is an error.
#[derive(Debug)]
pub enum Verdict {
    /// It goes on.
    Continue,
    /// It goes on with these labels beside its own: names and values.
    Annotate(Vec<(String, String)>),
    /// This is its answer, and no agent has it.
    Answer(Payload),
    /// That is not known yet: [`before_later`](Interceptor::before_later) says it.
    Later,
}

impl Verdict {
    /// The task goes on with these labels.
    pub fn annotate<N: Into<String>, V: Into<String>>(
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let labels = labels.into_iter();
        Self::Annotate(labels.map(|(n, v)| (n.into(), v.into())).collect())
    }

    /// The task's answer: what a handler might answer.
    ///
    /// # Errors
    /// Where serde cannot write it.
    pub fn answer<Kind>(answer: impl IntoPayload<Kind>) -> Result<Self> {
        answer.into_payload().map(Self::Answer)
    }

    /// As it crosses, and the code that says which it is.
    fn into_parts(self) -> Result<(u32, Payload)> {
        match self {
            Self::Continue => Ok((verdict::CONTINUE, nothing())),
            Self::Annotate(pairs) => {
                let pairs = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()));
                let written = labels::write(pairs)
                    .ok_or_else(|| Error::invalid_input("a label is larger than 4 GiB"))?;
                Ok((verdict::ANNOTATE, Payload::new(written.into(), "")))
            }
            Self::Answer(payload) => Ok((verdict::ANSWER, payload)),
            Self::Later => {
                let message = "`before_later` answered `Later` again";
                Err(Error::new(ErrorKind::Internal, message))
            }
        }
    }
}

/// Whether a look at a task's end is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It is.
    Done,
    /// Not yet: [`after_later`](Interceptor::after_later) goes on.
    Later,
}

/// The interceptor of a plugin that is one.
pub struct InterceptorOf<P: 'static> {
    before: fn(&P, &Context, &Payload) -> Result<Verdict>,
    before_later: fn(Running<P>, Payload, *const RawWaker) -> RawVerdict,
    after: fn(&P, &Context, &Outcome<'_>) -> Result<After>,
    after_later: fn(Running<P>, Outcome<'static>, *const RawWaker) -> Reply,
}

impl<P: Interceptor> HandlersOf<P> {
    /// The interceptor.
    #[must_use]
    pub fn interceptor(&self) -> Option<InterceptorOf<P>> {
        Some(InterceptorOf {
            before: P::before,
            before_later: before_later::<P>,
            after: P::after,
            after_later: after_later::<P>,
        })
    }
}

/// The answer for a plugin that does not intercept.
pub trait NoInterceptor<P: 'static> {
    /// None.
    fn interceptor(&self) -> Option<InterceptorOf<P>>;
}

impl<P: 'static> NoInterceptor<P> for HandlersOf<P> {
    fn interceptor(&self) -> Option<InterceptorOf<P>> {
        None
    }
}

impl<P: Plugin> InterceptorOf<P> {
    /// # Safety
    /// Task and data are the host's, whose call has not returned; the waker is null or lent for it.
    pub(crate) unsafe fn before(
        &self,
        instance: &Arc<Instance<P>>,
        task: &RawTask<'_>,
        data: *const RawPayload,
        waker: *const RawWaker,
    ) -> RawVerdict {
        // SAFETY: the caller's promise.
        let data = unsafe { Payload::seen(data) };
        let looked = look(instance, BEFORE, |plugin| {
            // SAFETY: the caller's promise; the context is gone before this returns.
            let context = unsafe { Context::shown(instance.host(), task) };
            (self.before)(plugin, &context, data)
        });
        match looked {
            Ok(Verdict::Continue) => RawVerdict::Continue,
            Ok(Verdict::Later) => {
                (self.before_later)(Running::shown(instance, task), data.clone(), waker)
            }
            Ok(verdict) => match verdict.into_parts() {
                Ok((code, payload)) => of_code(code, payload.into_raw()),
                Err(error) => RawVerdict::Refuse(error.into_failure().into()),
            },
            Err(error) => RawVerdict::Refuse(error.into_failure().into()),
        }
    }

    /// # Safety
    /// As for [`before`](Self::before).
    pub(crate) unsafe fn after(
        &self,
        instance: &Arc<Instance<P>>,
        task: &RawTask<'_>,
        outcome: &RawOutcome<'_>,
        waker: *const RawWaker,
    ) -> RawReply {
        let looked = look(instance, AFTER, |plugin| {
            // SAFETY: the caller's promise; both are gone before this returns.
            let (context, outcome) = unsafe {
                let context = Context::shown(instance.host(), task);
                (context, Outcome::lent(outcome))
            };
            Ok(match (self.after)(plugin, &context, &outcome)? {
                After::Done => None,
                After::Later => Some(outcome.keep()),
            })
        });
        match looked {
            Ok(None) => RawReply::Ok(nothing().into_raw()),
            Ok(Some(outcome)) => (self.after_later)(Running::shown(instance, task), outcome, waker),
            Err(error) => failed(error),
        }
    }
}

const BEFORE: &str = "`before`";
const AFTER: &str = "`after`";

fn before_later<P: Interceptor>(
    running: Running<P>,
    data: Payload,
    waker: *const RawWaker,
) -> RawVerdict {
    let scope = running.scope();
    let code = Arc::new(AtomicU32::new(verdict::CONTINUE));
    let set = Arc::clone(&code);
    let work = || async move {
        let looked = running.plugin()?.before_later(running.context(), &data);
        let (code, payload) = looked.await?.into_parts()?;
        set.store(code, Ordering::Release);
        Ok(payload)
    };
    let coded = Arc::clone(&code);
    let cross = move |future| RawFuture::with_code(future, coded);
    let reply = start_as("`before_later`".into(), scope, waker, work, cross);
    match reply {
        RawReply::Ok(payload) => of_code(code.load(Ordering::Acquire), payload),
        RawReply::Err(error) => RawVerdict::Refuse(error),
        RawReply::Pending(future) => RawVerdict::Later(future),
        RawReply::Stream(_) => {
            RawVerdict::Refuse(Failure::new(kind::INTERNAL, "a verdict is no stream").into())
        }
    }
}

fn after_later<P: Interceptor>(
    running: Running<P>,
    outcome: Outcome<'static>,
    waker: *const RawWaker,
) -> Reply {
    let scope = running.scope();
    start("`after_later`".into(), scope, waker, || async move {
        let looked = running.plugin()?.after_later(running.context(), &outcome);
        looked.await?;
        Ok(nothing())
    })
}

/// A verdict that is there.
fn of_code(code: u32, payload: RawPayload) -> RawVerdict {
    match code {
        verdict::ANNOTATE => RawVerdict::Annotate(payload),
        verdict::ANSWER => RawVerdict::Answer(payload),
        _ => {
            // SAFETY: a payload of our own, released here.
            drop(unsafe { Payload::from_raw(payload) });
            RawVerdict::Continue
        }
    }
}

fn nothing() -> Payload {
    Payload::new(Bytes::new(), "")
}

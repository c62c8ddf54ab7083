//! A plugin's look at a task of others, before and after.
//!
//! Data and answers are lent to it: a look that ends at once costs no claim and no copy.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use abi_stable::std_types::{RSlice, RStr};
use agentsys_abi::bridge::{
    Failure, ForeignFuture, ForeignStream, Lent, Payload, labels, with_raw_waker,
};
use agentsys_abi::call::RawReply;
use agentsys_abi::error::{FLAG_RETRYABLE, kind};
use agentsys_abi::payload::RawPayload;
use agentsys_abi::routing::{RawOutcome, RawSeenError, RawVerdict, outcome, verdict};
use bytes::Bytes;

use crate::attribution::Activity;
use crate::call::Call;
use crate::instance::Instance;
use crate::output::Data;
use crate::selecting::shown;
use crate::task::{Slot, Task};

/// Data that is only looked at.
#[derive(Debug, Clone, Copy)]
pub struct DataView<'a> {
    /// The bytes.
    pub bytes: &'a Bytes,
    /// The content type.
    pub content_type: &'a str,
}

/// What a plugin wants to become of a task. To refuse it is a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Continue,
    /// It goes on with these labels beside its own: names and values.
    Annotate(Vec<(String, String)>),
    /// This is its answer.
    Answer(Data),
}

/// What came of a look at a task, at once or later.
#[derive(Debug)]
pub enum Looked<T, F> {
    /// It is there.
    Ready(Result<T, Failure>),
    /// It will be.
    Pending(F),
}

impl<T, F: Future<Output = Result<T, Failure>>> Looked<T, F> {
    /// What comes of it, now or later.
    ///
    /// # Errors
    /// What it failed with; a task that was looked at before is refused with it.
    pub async fn outcome(self) -> Result<T, Failure> {
        match self {
            Self::Ready(result) => result,
            Self::Pending(looking) => looking.await,
        }
    }
}

/// How a task ended, to be looked at.
#[derive(Debug, Clone, Copy)]
pub struct OutcomeView<'a> {
    /// With what.
    pub ended: EndedView<'a>,
    /// The name of the agent that had it last, if one had.
    pub agent: Option<&'a str>,
    /// How many attempts it took; 0 where no agent had it.
    pub attempts: u32,
    /// How long it took as a whole.
    pub duration: Duration,
}

/// What a task ended with, to be looked at.
#[derive(Debug, Clone, Copy)]
pub enum EndedView<'a> {
    /// An answer.
    Answer(DataView<'a>),
    /// An answer that came item by item.
    Stream,
    /// A failure.
    Failure {
        /// Its kind: one of [`failure_kind`](crate::failure_kind)'s codes.
        kind: u32,
        /// Whether a retry may help.
        retryable: bool,
        /// What went wrong.
        message: &'a str,
        /// Why, outermost first.
        causes: &'a [&'a str],
    },
}

/// A look before a task that is under way. Dropping it cancels the plugin's future.
pub struct LookingBefore(Call);

/// A look after a task that is under way. Dropping it cancels the plugin's future.
pub struct LookingAfter(Call);

impl Instance {
    /// Shows the plugin's interceptor a task that was sent to that route, before any agent has it. With a waker, a look that waits is polled once.
    pub fn before_task(
        self: &Arc<Self>,
        task: &dyn Task,
        route: &str,
        data: DataView<'_>,
        waker: Option<&Waker>,
    ) -> Looked<Verdict, LookingBefore> {
        let Some(before) = self.module().before_task() else {
            return Looked::Ready(Err(intercepts_nothing()));
        };
        let slot = Slot::borrowed(task);
        let task = shown(task, &slot, route);
        let data = Lent::new(data.bytes, data.content_type);
        let activity = Activity::Intercepting;
        with_raw_waker(waker, |waker| {
            self.held().leases().run(activity, || {
                // SAFETY: `self` is not destroyed; task, data and waker live until this returns.
                match unsafe { before(self.raw(), &task, data.as_ptr(), waker) } {
                    RawVerdict::Continue => Looked::Ready(Ok(Verdict::Continue)),
                    RawVerdict::Annotate(raw) => {
                        Looked::Ready(self.verdict(verdict::ANNOTATE, raw))
                    }
                    RawVerdict::Answer(raw) => Looked::Ready(self.verdict(verdict::ANSWER, raw)),
                    RawVerdict::Refuse(error) => Looked::Ready(Err(error.into())),
                    RawVerdict::Later(raw) => {
                        // SAFETY: a fresh future, ours alone; the call's instance keeps its library open.
                        let future = unsafe { ForeignFuture::from_raw(raw) };
                        Looked::Pending(LookingBefore(Call::new(future, activity, self)))
                    }
                }
            })
        })
    }

    /// Shows the plugin's interceptor how a task ended.
    pub fn after_task(
        self: &Arc<Self>,
        task: &dyn Task,
        route: &str,
        outcome: &OutcomeView<'_>,
        waker: Option<&Waker>,
    ) -> Looked<(), LookingAfter> {
        let Some(after) = self.module().after_task() else {
            return Looked::Ready(Err(intercepts_nothing()));
        };
        let slot = Slot::borrowed(task);
        let task = shown(task, &slot, route);
        let activity = Activity::Intercepting;
        let look = |raw: &RawOutcome<'_>| {
            with_raw_waker(waker, |waker| {
                self.held().leases().run(activity, || {
                    // SAFETY: `self` is not destroyed; task, outcome and waker live until this returns.
                    match unsafe { after(self.raw(), &task, raw, waker) } {
                        RawReply::Ok(raw) => {
                            // SAFETY: a payload that crosses holds what the seam promises.
                            drop(unsafe { Payload::from_raw(raw) });
                            Looked::Ready(Ok(()))
                        }
                        RawReply::Err(error) => Looked::Ready(Err(error.into())),
                        RawReply::Pending(raw) => {
                            // SAFETY: a fresh future, ours alone; the call's instance keeps its library open.
                            let future = unsafe { ForeignFuture::from_raw(raw) };
                            Looked::Pending(LookingAfter(Call::new(future, activity, self)))
                        }
                        RawReply::Stream(raw) => {
                            // SAFETY: a fresh stream, ours alone, dropped while its library is open.
                            drop(unsafe { ForeignStream::from_raw(raw) });
                            let message =
                                "the plugin answers a stream, where nothing was asked for";
                            Looked::Ready(Err(Failure::new(kind::INTERNAL, message)))
                        }
                    }
                })
            })
        };
        with_raw_outcome(outcome, look)
    }

    fn verdict(&self, code: u32, raw: RawPayload) -> Result<Verdict, Failure> {
        // SAFETY: a payload that crosses holds what the seam promises.
        let payload = unsafe { Payload::from_raw(raw) };
        self.verdict_of(code, payload)
    }

    fn verdict_of(&self, code: u32, payload: Payload) -> Result<Verdict, Failure> {
        match code {
            verdict::ANNOTATE => {
                let pairs = labels::read(payload.as_slice()).ok_or_else(|| {
                    Failure::new(kind::INTERNAL, "the interceptor's labels cannot be read")
                })?;
                let pairs = pairs.into_iter();
                let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
                Ok(Verdict::Annotate(pairs.collect()))
            }
            verdict::ANSWER => Ok(Verdict::Answer(self.data(payload))),
            _ => Ok(Verdict::Continue),
        }
    }
}

#[cold]
fn intercepts_nothing() -> Failure {
    Failure::new(kind::NOT_FOUND, "the plugin has no interceptor")
}

/// An outcome as it crosses, for the length of `f`.
fn with_raw_outcome<R>(seen: &OutcomeView<'_>, f: impl FnOnce(&RawOutcome<'_>) -> R) -> R {
    let raw = RawOutcome {
        code: outcome::ANSWERED,
        attempts: seen.attempts,
        duration: u64::try_from(seen.duration.as_nanos()).unwrap_or(u64::MAX),
        agent: seen.agent.unwrap_or_default().into(),
        payload: std::ptr::null(),
        error: std::ptr::null(),
    };
    match seen.ended {
        EndedView::Answer(data) => {
            let lent = Lent::new(data.bytes, data.content_type);
            f(&RawOutcome {
                payload: lent.as_ptr(),
                ..raw
            })
        }
        EndedView::Stream => f(&RawOutcome {
            code: outcome::STREAMED,
            ..raw
        }),
        EndedView::Failure {
            kind,
            retryable,
            message,
            causes,
        } => {
            let causes: Vec<RStr<'_>> = causes.iter().map(|cause| RStr::from(*cause)).collect();
            let error = RawSeenError {
                kind,
                flags: if retryable { FLAG_RETRYABLE } else { 0 },
                message: message.into(),
                causes: RSlice::from_slice(&causes),
            };
            f(&RawOutcome {
                code: outcome::FAILED,
                error: &error,
                ..raw
            })
        }
    }
}

impl Future for LookingBefore {
    type Output = Result<Verdict, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_for(cx, |instance, future, answer| {
            instance.verdict_of(future.code(), answer?)
        })
    }
}

impl Future for LookingAfter {
    type Output = Result<(), Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_for(cx, |_, _, answer| answer.map(drop))
    }
}

impl fmt::Debug for LookingBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LookingBefore({:?})", self.0)
    }
}

impl fmt::Debug for LookingAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LookingAfter({:?})", self.0)
    }
}

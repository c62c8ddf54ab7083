//! Streams across the seam: a plugin's for the host to read, and the host's for a plugin.
//!
//! A plugin's stream runs the plugin's code at every poll and at its end, and holds its generation open for as long as anybody may poll it. The host's own may keep
//! the wakers of the plugin that reads it, so those can be taken back, as a future's can.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use agentsys_abi::bridge::{Answer, Failure, ForeignStream};
use agentsys_abi::call::RawStream;
use futures_core::Stream;

use crate::attribution::Activity;
use crate::instance::{Instance, Outcome};
use crate::lease::{Lease, LeaseKind};
use crate::mapping::Mapping;
use crate::output::Data;
use crate::waker::Revocable;

/// Items of the host's for a plugin to read.
pub type DataStream = Pin<Box<dyn Stream<Item = Result<Data, Failure>> + Send>>;

/// A handler's answer, item by item. Dropping it cancels the handler. Nothing is made that was not polled for.
pub struct CallStream {
    /// None once it has ended.
    stream: Option<ForeignStream>,
    activity: Activity,
    instance: Arc<Instance>,
    lease: Lease,
}

impl CallStream {
    pub(crate) fn new(stream: ForeignStream, activity: Activity, instance: &Arc<Instance>) -> Self {
        Self {
            stream: Some(stream),
            activity,
            lease: instance.held().another(LeaseKind::Stream),
            instance: Arc::clone(instance),
        }
    }
}

impl Stream for CallStream {
    type Item = Outcome;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let Self {
            stream,
            activity,
            instance,
            ..
        } = &mut *self;
        if stream.is_none() {
            return Poll::Ready(None);
        }
        instance.held().leases().run(*activity, || {
            let Some(running) = stream else {
                return Poll::Ready(None);
            };
            let next = std::task::ready!(Pin::new(running).poll_next(cx));
            if next.is_none() {
                *stream = None;
            }
            Poll::Ready(next.map(|item| item.map(|payload| instance.data(payload))))
        })
    }
}

impl Drop for CallStream {
    fn drop(&mut self) {
        let Self {
            stream,
            activity,
            instance,
            ..
        } = self;
        // Before the instance and the lease.
        if stream.is_some() {
            let leases = instance.held().leases();
            leases.run(*activity, || *stream = None);
        }
    }
}

impl fmt::Debug for CallStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallStream({:?}, {:?})", self.instance, self.lease)
    }
}

/// Items of the host's, handed to the plugin of that mapping.
pub(crate) fn hand_over(items: DataStream, mapping: &Arc<Mapping>) -> RawStream {
    RawStream::new(Revocable::new(Payloads(items), Arc::clone(mapping)))
}

/// Data as payloads. What another plugin owns of them keeps its lease in there.
struct Payloads(DataStream);

impl Stream for Payloads {
    type Item = Answer;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
        let next = self.0.as_mut().poll_next(cx);
        next.map(|next| next.map(|item| item.map(Data::into_payload)))
    }
}

/// Items that a plugin sends with a task of its own, for whoever is to read them.
pub(crate) struct SentItems {
    /// None once they have ended.
    items: Option<ForeignStream>,
    lease: Lease,
}

impl SentItems {
    /// None where the generation is being closed: then they are dropped at once, while its own code still runs.
    pub(crate) fn new(items: ForeignStream, mapping: &Mapping) -> Option<Self> {
        let lease = mapping.lease(LeaseKind::Stream)?;
        Some(Self {
            items: Some(items),
            lease,
        })
    }
}

impl Stream for SentItems {
    type Item = Outcome;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let Self { items, lease } = &mut *self;
        if items.is_none() {
            return Poll::Ready(None);
        }
        lease.leases().run(Activity::Sending, || {
            let Some(running) = items else {
                return Poll::Ready(None);
            };
            let next = std::task::ready!(Pin::new(running).poll_next(cx));
            if next.is_none() {
                *items = None;
            }
            let data = |payload| Data::from_payload(payload, lease.mapping());
            Poll::Ready(next.map(|item| item.map(data)))
        })
    }
}

impl Drop for SentItems {
    fn drop(&mut self) {
        let Self { items, lease } = self;
        if items.is_some() {
            lease.leases().run(Activity::Sending, || *items = None);
        }
    }
}

//! A call under way: the plugin's future, and what keeps its library open.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use agentsys_abi::bridge::{Answer, Failure, ForeignFuture};
use agentsys_abi::error::kind;

use crate::attribution::Activity;
use crate::instance::{Instance, Outcome};
use crate::lease::{Lease, LeaseKind};

/// A call under way. Dropping it cancels the plugin's future.
pub struct Call {
    future: Option<ForeignFuture>,
    activity: Activity,
    instance: Arc<Instance>,
    lease: Lease,
}

impl Call {
    pub(crate) fn new(future: ForeignFuture, activity: Activity, instance: &Arc<Instance>) -> Self {
        Self {
            future: Some(future),
            activity,
            lease: instance.held().another(LeaseKind::Call),
            instance: Arc::clone(instance),
        }
    }

    /// Polls, and makes what is wanted of the answer, while the plugin's future is still there. What `finish` drops of the plugin's, it drops in the plugin's surroundings.
    pub(crate) fn poll_for<R>(
        &mut self,
        cx: &mut Context<'_>,
        finish: impl FnOnce(&Arc<Instance>, &ForeignFuture, Answer) -> Result<R, Failure>,
    ) -> Poll<Result<R, Failure>> {
        let Self {
            future,
            activity,
            instance,
            ..
        } = self;
        instance.held().leases().run(*activity, || {
            let Some(running) = future else {
                let message = "a call was polled after it was ready";
                return Poll::Ready(Err(Failure::new(kind::INTERNAL, message)));
            };
            let answer = std::task::ready!(Pin::new(&mut *running).poll(cx));
            let finished = finish(instance, running, answer);
            *future = None;
            Poll::Ready(finished)
        })
    }
}

impl Future for Call {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.poll_for(cx, |instance, _, answer| {
            answer.map(|payload| instance.data(payload))
        })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Self {
            future,
            activity,
            instance,
            ..
        } = self;
        // Before the instance and the lease.
        if future.is_some() {
            let leases = instance.held().leases();
            leases.run(*activity, || *future = None);
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({:?}, {:?})", self.instance, self.lease)
    }
}

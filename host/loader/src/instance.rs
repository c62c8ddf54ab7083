//! One live object of a generation: initialized, called, cleaned up, and destroyed in every case.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use abi_stable::std_types::RStr;
use agentsys_abi::bridge::{Failure, ForeignFuture, Payload, with_raw_waker};
use agentsys_abi::call::{RawCall, RawReply};
use agentsys_abi::error::kind;
use agentsys_abi::module::PluginModuleRef;
use bytes::Bytes;

use crate::attribution::Activity;
use crate::generation::Generation;
use crate::lease::{Lease, LeaseKind};
use crate::mapping::Mapping;
use crate::output::Data;
use crate::task::{Slot, Task};

/// What a call comes to.
pub type Outcome = Result<Data, Failure>;

/// An instance. Dropping it destroys the plugin's object, which may block; a call under way keeps it.
pub struct Instance {
    raw: *const (),
    module: PluginModuleRef,
    mapping: Arc<Mapping>,
    lease: Lease,
}

// SAFETY: the seam: an instance's functions may be called from any thread.
unsafe impl Send for Instance {}
// SAFETY: as for `Send`, and at the same time.
unsafe impl Sync for Instance {}

/// A call's answer, at once or later.
#[derive(Debug)]
pub enum Invoked {
    /// It is there.
    Ready(Outcome),
    /// It is under way.
    Pending(Call),
}

impl Invoked {
    /// What the call comes to, now or later.
    pub async fn outcome(self) -> Outcome {
        match self {
            Self::Ready(outcome) => outcome,
            Self::Pending(call) => call.await,
        }
    }
}

impl Instance {
    /// An instance that is not initialized yet.
    ///
    /// # Errors
    /// Where the plugin cannot make one.
    pub fn create(generation: &Generation) -> Result<Arc<Self>, Failure> {
        let lease = generation.lease(LeaseKind::Instance);
        let (module, mapping) = (lease.leases().module, Arc::clone(&lease.leases().mapping));
        // SAFETY: the library is bound and open; the mapping holds itself as long as it is in memory.
        let create = || unsafe { (module.create())(mapping.raw_host()) };
        let raw = lease.leases().run(Activity::Initializing, create);
        if raw.is_null() {
            return Err(Failure::new(
                kind::INTERNAL,
                "the plugin could not make an instance",
            ));
        }
        let instance = Arc::new(Self {
            raw,
            module,
            mapping,
            lease,
        });
        instance.mapping.add_instance(&instance);
        Ok(instance)
    }

    /// The pointer under which the plugin knows it.
    pub(crate) fn raw(&self) -> *const () {
        self.raw
    }

    /// Initializes it with its config, a JSON object.
    pub fn initialize(self: &Arc<Self>, config: Bytes) -> Invoked {
        let mut config = Payload::new(config, "application/json").into_raw();
        // SAFETY: `self` is not destroyed, and the payload is handed over. A null waker: the future is polled later.
        self.run(Activity::Initializing, || unsafe {
            (self.module.initialize())(self.raw, &mut config, std::ptr::null())
        })
    }

    /// Calls a handler by its number, here and now. With a waker, async handlers are polled once.
    #[inline]
    pub fn invoke(
        self: &Arc<Self>,
        handler: u32,
        task: &dyn Task,
        data: Data,
        waker: Option<&Waker>,
    ) -> Invoked {
        // Here, where the compiler knows the caller's type of task.
        let (task_id, hops) = (task.id(), task.hops());
        self.invoke_for(&Slot::borrowed(task), task_id, hops, handler, data, waker)
    }

    fn invoke_for(
        self: &Arc<Self>,
        task: &Slot,
        task_id: u64,
        hops: u32,
        handler: u32,
        data: Data,
        waker: Option<&Waker>,
    ) -> Invoked {
        let mut call = RawCall {
            task: task.as_ptr(),
            task_id,
            hops,
            handler,
            payload: data.into_payload().into_raw(),
        };
        with_raw_waker(waker, |waker| {
            // SAFETY: `self` is not destroyed, the call's payload is handed over, its task lives until this returns.
            self.run(Activity::Handler(handler), || unsafe {
                (self.module.invoke())(self.raw, &mut call, waker)
            })
        })
    }

    /// What it hands over to the instance of another generation; none where its library has no such function.
    #[must_use]
    pub fn save_state(self: &Arc<Self>) -> Option<Invoked> {
        let save = self.module.save_state()?;
        // SAFETY: `self` is not destroyed.
        Some(self.run(Activity::CleaningUp, || unsafe {
            save(self.raw, std::ptr::null())
        }))
    }

    /// Has it take over what the instance of another generation saved, whose library had that version; none where its library has no such function.
    #[must_use]
    pub fn restore_state(self: &Arc<Self>, state: Data, from: &str) -> Option<Invoked> {
        let restore = self.module.restore_state()?;
        let mut state = state.into_payload().into_raw();
        // SAFETY: `self` is not destroyed, and the payload is handed over; the text is copied before this returns.
        Some(self.run(Activity::Initializing, || unsafe {
            restore(self.raw, &mut state, RStr::from(from), std::ptr::null())
        }))
    }

    /// Cleans it up.
    pub fn cleanup(self: &Arc<Self>) -> Invoked {
        // SAFETY: `self` is not destroyed.
        self.run(Activity::CleaningUp, || unsafe {
            (self.module.cleanup())(self.raw, std::ptr::null())
        })
    }

    #[inline]
    fn run(self: &Arc<Self>, activity: Activity, f: impl FnOnce() -> RawReply) -> Invoked {
        self.lease.leases().run(activity, || match f() {
            // SAFETY: a payload that crosses holds what the seam promises.
            RawReply::Ok(raw) => Invoked::Ready(Ok(self.data(unsafe { Payload::from_raw(raw) }))),
            RawReply::Err(error) => Invoked::Ready(Err(error.into())),
            RawReply::Pending(raw) => Invoked::Pending(Call {
                // SAFETY: a fresh future, ours alone; the call's instance keeps its library open.
                future: Some(unsafe { ForeignFuture::from_raw(raw) }),
                activity,
                lease: self.lease.another(LeaseKind::Call),
                instance: Arc::clone(self),
            }),
        })
    }

    #[inline]
    fn data(&self, payload: Payload) -> Data {
        Data::from_payload(payload, &self.mapping)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: the one destruction; no call is under way, since each holds the instance.
        let destroy = || unsafe { (self.module.destroy())(self.raw) };
        self.lease.leases().run(Activity::Dropping, destroy);
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Instance({} {})",
            self.mapping.plugin, self.mapping.number
        )
    }
}

/// A call under way. Dropping it cancels the plugin's future.
pub struct Call {
    future: Option<ForeignFuture>,
    activity: Activity,
    instance: Arc<Instance>,
    lease: Lease,
}

impl Future for Call {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Self {
            future,
            activity,
            instance,
            ..
        } = &mut *self;
        instance.lease.leases().run(*activity, || {
            let Some(running) = future else {
                let message = "a call was polled after it was ready";
                return Poll::Ready(Err(Failure::new(kind::INTERNAL, message)));
            };
            let answer = std::task::ready!(Pin::new(running).poll(cx));
            *future = None;
            Poll::Ready(answer.map(|payload| instance.data(payload)))
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
            instance.lease.leases().run(*activity, || *future = None);
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({:?}, {:?})", self.instance, self.lease)
    }
}

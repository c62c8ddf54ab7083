//! One live object of a generation: initialized, called, cleaned up, and destroyed in every case.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use abi_stable::std_types::RStr;
use agentsys_abi::bridge::{Failure, ForeignFuture, ForeignStream, Payload, with_raw_waker};
use agentsys_abi::call::{RawCall, RawReply, RawStream};
use agentsys_abi::error::kind;
use agentsys_abi::module::PluginModuleRef;
use bytes::Bytes;

use crate::attribution::Activity;
use crate::call::Call;
use crate::generation::Generation;
use crate::lease::{Lease, LeaseKind};
use crate::mapping::Mapping;
use crate::output::Data;
use crate::stream::{CallStream, DataStream, hand_over};
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

/// A call's answer: at once, later, or item by item.
#[derive(Debug)]
pub enum Invoked {
    /// It is there.
    Ready(Outcome),
    /// It is under way.
    Pending(Call),
    /// It is a stream, whose handler has not begun yet.
    Stream(CallStream),
}

impl Invoked {
    /// What the call comes to, now or later.
    ///
    /// # Errors
    /// What it failed with; also where a stream is answered, which is cancelled.
    pub async fn outcome(self) -> Outcome {
        match self {
            Self::Ready(outcome) => outcome,
            Self::Pending(call) => call.await,
            Self::Stream(stream) => {
                drop(stream);
                let message = "the handler answers a stream, where one answer was asked for";
                Err(Failure::new(kind::INVALID_INPUT, message))
            }
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

    pub(crate) fn module(&self) -> PluginModuleRef {
        self.module
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
        let slot = Slot::borrowed(task);
        self.invoke_for(
            &slot,
            task_id,
            hops,
            handler,
            data,
            std::ptr::null_mut(),
            waker,
        )
    }

    /// The same with items for a handler that takes some. Those that it does not read, it never asks for.
    pub fn invoke_with_items(
        self: &Arc<Self>,
        handler: u32,
        task: &dyn Task,
        data: Data,
        items: DataStream,
        waker: Option<&Waker>,
    ) -> Invoked {
        let (task_id, hops) = (task.id(), task.hops());
        let slot = Slot::borrowed(task);
        let mut items = hand_over(items, &self.mapping);
        self.invoke_for(&slot, task_id, hops, handler, data, &mut items, waker)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one call")]
    fn invoke_for(
        self: &Arc<Self>,
        task: &Slot,
        task_id: u64,
        hops: u32,
        handler: u32,
        data: Data,
        items: *mut RawStream,
        waker: Option<&Waker>,
    ) -> Invoked {
        let mut call = RawCall {
            task: task.as_ptr(),
            task_id,
            hops,
            handler,
            payload: data.into_payload().into_raw(),
            items,
        };
        with_raw_waker(waker, |waker| {
            // SAFETY: `self` is not destroyed, the call's payload and items are handed over, its task lives until this returns.
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
            RawReply::Pending(raw) => {
                // SAFETY: a fresh future, ours alone; the call's instance keeps its library open.
                let future = unsafe { ForeignFuture::from_raw(raw) };
                Invoked::Pending(Call::new(future, activity, self))
            }
            RawReply::Stream(raw) => {
                // SAFETY: a fresh stream, ours alone; the instance that the call keeps holds its library open.
                let stream = unsafe { ForeignStream::from_raw(raw) };
                Invoked::Stream(CallStream::new(stream, activity, self))
            }
        })
    }

    /// What keeps its generation open.
    pub(crate) fn held(&self) -> &Lease {
        &self.lease
    }

    #[inline]
    pub(crate) fn data(&self, payload: Payload) -> Data {
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

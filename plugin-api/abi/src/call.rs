//! One call, and its answer: at once, or later through a future.

use abi_stable::StableAbi;

use crate::error::RawError;
use crate::payload::RawPayload;
use crate::waker::RawWaker;

/// One call of a handler.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawCall {
    /// The host's record of the task: valid until the call returns. A handler that goes on claims it with [`TaskApi::claim`].
    ///
    /// [`TaskApi::claim`]: crate::host::TaskApi::claim
    pub task: *const (),
    /// The task's number, unique in its host.
    pub task_id: u64,
    /// How many tasks this one is nested in.
    pub hops: u32,
    /// Which handler: its place in the plugin's description, from [`HANDLER_ADDED`] on one that the instance added, or [`HANDLER_PROCESS`].
    pub handler: u32,
    /// The input. The callee owns it from here, whatever it answers.
    pub payload: RawPayload,
}

/// The first number of handlers that an instance adds while it lives.
pub const HANDLER_ADDED: u32 = 1 << 31;

/// The handler of the plugin's own `process`.
pub const HANDLER_PROCESS: u32 = u32::MAX;

/// The answer to a call, to an initialization or to a cleanup.
#[repr(u8)]
#[derive(StableAbi)]
pub enum RawReply {
    /// Done.
    Ok(RawPayload),
    /// Failed.
    Err(RawError),
    /// Not yet: poll the future, or drop it to cancel.
    Pending(RawFuture),
}

/// An answer under way. Whoever holds one polls it from one thread at a time, and ends it with [`FutureOps::release`],
/// also after it was ready.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawFuture {
    /// The maker's data.
    pub data: *mut (),
    /// The maker's functions.
    pub ops: FutureOpsRef,
}

/// What can be done with a future.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = FutureOpsRef)))]
#[sabi(missing_field(option))]
pub struct FutureOps {
    /// Looks whether it is ready, and if it is not, has the waker woken when that may have changed. Not called again once ready.
    pub poll: unsafe extern "C" fn(*mut (), *const RawWaker) -> RawPoll,
    /// Cancels and frees.
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(*mut ()),
}

/// What a poll found.
#[repr(u8)]
#[derive(StableAbi)]
pub enum RawPoll {
    /// Not ready; the waker will be woken.
    Pending,
    /// Done.
    Ok(RawPayload),
    /// Failed.
    Err(RawError),
}

//! One call, and its answer: at once, later through a future, or item by item through a stream.

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
    /// The input's items, or null where the caller sends none. The stream behind it is handed over as the payload is; the pointer itself is valid until the call returns.
    pub items: *mut RawStream,
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
    /// Item by item: poll the stream, or drop it to cancel. A handler that streams answers so at once, and an error before its first item is an item.
    Stream(RawStream),
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
    /// Which kind of answer it was, for a future that is ready with one of several: asked once ready, before its release. Absent: 0.
    pub code: unsafe extern "C" fn(*mut ()) -> u32,
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

/// An answer, or an input, of many items. Whoever holds one polls it from one thread at a time, and ends it with [`StreamOps::release`], also
/// after its end.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawStream {
    /// The maker's data.
    pub data: *mut (),
    /// The maker's functions.
    pub ops: StreamOpsRef,
}

/// What can be done with a stream.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = StreamOpsRef)))]
#[sabi(missing_field(option))]
pub struct StreamOps {
    /// Looks whether there is another item, and if there is none yet, has the waker woken when that may have changed. Nothing is made that was not polled for. At
    /// its end a stream goes on to say so.
    pub poll_next: unsafe extern "C" fn(*mut (), *const RawWaker) -> RawNext,
    /// Cancels and frees.
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(*mut ()),
}

/// What a poll of a stream found.
#[repr(u8)]
#[derive(StableAbi)]
pub enum RawNext {
    /// Nothing yet; the waker will be woken.
    Pending,
    /// An item.
    Item(RawPayload),
    /// An item that is a failure. More may follow, but not after a panic.
    Err(RawError),
    /// There are no more.
    End,
}

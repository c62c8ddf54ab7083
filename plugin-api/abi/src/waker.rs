//! How a side that waits is told to look again.
//!
//! A waker that a plugin made and the host keeps has its functions in the plugin, so a host must be able to
//! take it back before it unmaps the library: see the loader's `waker` module. The other direction needs no such care, since a
//! host is never unmapped.

use abi_stable::StableAbi;

/// A claim on a waker. Whoever holds one by value must end it with [`WakerOps::wake`] or [`WakerOps::release`]. Any thread may use it.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawWaker {
    /// The maker's data.
    pub data: *const (),
    /// The maker's functions.
    pub ops: WakerOpsRef,
}

/// What can be done with a waker's data.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = WakerOpsRef)))]
#[sabi(missing_field(option))]
pub struct WakerOps {
    /// Another claim on the same waker: its data.
    pub claim: unsafe extern "C" fn(*const ()) -> *const (),
    /// Wakes, and gives up the claim.
    pub wake: unsafe extern "C" fn(*const ()),
    /// Wakes.
    pub wake_by_ref: unsafe extern "C" fn(*const ()),
    /// Gives up the claim.
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(*const ()),
}

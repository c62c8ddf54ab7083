//! Counted bytes: what a task carries in and out.
//!
//! A task may be retried, broadcast or handed on, and none of that may copy its data. So a payload is a view of bytes together with
//! their owner and the owner's two functions, in the manner of `bytes::Bytes`. The owner is stored
//! in the payload itself: making, moving and dropping one allocates nothing.

use std::cell::UnsafeCell;

use abi_stable::StableAbi;

/// The number of words in which a payload's maker keeps the owner.
pub const OWNER_WORDS: usize = 6;

/// Bytes with a content type, and the claim that keeps both alive.
///
/// Whoever holds one by value must call [`PayloadOps::release`] on it exactly once. Payloads may be sent to, and read from, any thread.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawPayload {
    /// The first byte; not null, also where `len` is 0.
    pub data: *const u8,
    /// The number of bytes.
    pub len: usize,
    /// The content type, as UTF-8; not null. Empty: `application/octet-stream`.
    pub content_type: *const u8,
    /// The content type's length in bytes.
    pub content_type_len: usize,
    /// What the maker needs to count and free the bytes; of no meaning to the other side. In a cell, since claiming may change it
    /// through a shared reference: `bytes::Bytes` turns itself into a counted one at its first clone.
    pub owner: UnsafeCell<[usize; OWNER_WORDS]>,
    /// The maker's functions.
    pub ops: PayloadOpsRef,
}

/// What can be done with a payload.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PayloadOpsRef)))]
#[sabi(missing_field(option))]
pub struct PayloadOps {
    /// Another claim on the same bytes. Must not copy them.
    pub claim: unsafe extern "C" fn(*const RawPayload) -> RawPayload,
    /// Gives up the claim; the payload must not be used after it.
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(*mut RawPayload),
}

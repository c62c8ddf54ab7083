//! A payload that is lent for the length of a call, and only counted should the other side want to keep it.
//!
//! Looking at a task's data must cost nothing where the look is all there is: a claim is an atomic operation, and the first one on fresh bytes allocates.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::slice;

use abi_stable::prefix_type::WithMetadata;
use bytes::Bytes;

use crate::payload::{OWNER_WORDS, PayloadOps, PayloadOpsRef, RawPayload};

use super::Payload;

/// A view of bytes as a payload. Claims on it outlive it; it itself must not be released by whoever it is lent to.
pub struct Lent<'a> {
    raw: RawPayload,
    of: PhantomData<(&'a Bytes, &'a str)>,
}

impl<'a> Lent<'a> {
    /// Lends them.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a Bytes, content_type: &'a str) -> Self {
        let mut owner = MaybeUninit::<[usize; OWNER_WORDS]>::zeroed();
        // SAFETY: one pointer fits into the words, in size and alignment, and zeroed words are words.
        let owner = unsafe {
            owner.as_mut_ptr().cast::<*const Bytes>().write(bytes);
            owner.assume_init()
        };
        Self {
            raw: RawPayload {
                data: bytes.as_ptr(),
                len: bytes.len(),
                content_type: content_type.as_ptr(),
                content_type_len: content_type.len(),
                owner: UnsafeCell::new(owner),
                ops: PayloadOpsRef(OPS.static_as_prefix()),
            },
            of: PhantomData,
        }
    }

    /// As it crosses: by pointer, for the length of a call.
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> *const RawPayload {
        &self.raw
    }
}

static OPS: WithMetadata<PayloadOps> = WithMetadata::new(PayloadOps { claim, release });

unsafe extern "C" fn claim(raw: *const RawPayload) -> RawPayload {
    // SAFETY: `raw` is a payload with these functions, so its words begin with a pointer to bytes that outlive it.
    let (raw, bytes) = unsafe { (&*raw, &**(*raw).owner.get().cast::<*const Bytes>()) };
    // SAFETY: `Lent::new` took it from a `&str` that outlives the payload.
    let text = unsafe {
        std::str::from_utf8_unchecked(slice::from_raw_parts(
            raw.content_type,
            raw.content_type_len,
        ))
    };
    let payload = if text.is_empty() {
        Payload::new(bytes.clone(), "")
    } else {
        Payload::with_content_type(bytes.clone(), text.into())
    };
    payload.into_raw()
}

/// What is lent is not given up.
unsafe extern "C" fn release(_: *mut RawPayload) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_read_in_place_and_a_claim_on_it_outlives_it() {
        let bytes = Bytes::from(vec![1, 2, 3]);
        let claim = {
            let content_type = String::from("text/csv");
            let lent = Lent::new(&bytes, &content_type);
            // SAFETY: it is lent as long as this looks.
            let seen = unsafe { Payload::seen(lent.as_ptr()) };
            assert_eq!(seen.as_slice().as_ptr(), bytes.as_ptr());
            assert_eq!(seen.content_type(), "text/csv");
            seen.clone()
        };
        let place = bytes.as_ptr();
        drop(bytes);
        assert_eq!(claim.as_slice(), [1, 2, 3]);
        assert_eq!(
            (claim.as_slice().as_ptr(), claim.content_type()),
            (place, "text/csv")
        );
    }
}

//! A payload as a Rust value: made from `Bytes` without a copy or an allocation, and read, claimed and released
//! whoever made it.

use std::borrow::Cow;
use std::cell::UnsafeCell;
use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;
use std::slice;
use std::sync::Arc;

use bytes::Bytes;

use abi_stable::prefix_type::WithMetadata;

use crate::payload::{OWNER_WORDS, PayloadOps, PayloadOpsRef, RawPayload};

use super::catch;

/// Counted bytes with a content type.
#[repr(transparent)]
pub struct Payload(RawPayload);

// SAFETY: the seam asks of each maker that a payload may be sent to, and read from, any thread.
unsafe impl Send for Payload {}
// SAFETY: as for `Send`: reading is all that a shared payload offers.
unsafe impl Sync for Payload {}

/// What we keep in a payload of our own.
struct Owner {
    bytes: Bytes,
    /// The content type, where it is not `'static`.
    content_type: Option<Arc<str>>,
}

const _: () = assert!(size_of::<Owner>() <= size_of::<[usize; OWNER_WORDS]>());
const _: () = assert!(align_of::<Owner>() <= align_of::<usize>());

impl Payload {
    /// The bytes, under a content type known to the program.
    #[inline]
    #[must_use]
    pub fn new(bytes: Bytes, content_type: &'static str) -> Self {
        Self::from_parts(bytes, content_type, None)
    }

    /// The bytes, under any content type.
    #[must_use]
    pub fn with_content_type(bytes: Bytes, content_type: Arc<str>) -> Self {
        // SAFETY: the text lives in the `Arc`, which the payload keeps in its owner, so it stays where it is at
        // least as long as the payload that points at it.
        let text: &'static str = unsafe { &*Arc::as_ptr(&content_type) };
        Self::from_parts(bytes, text, Some(content_type))
    }

    #[inline]
    fn from_parts(bytes: Bytes, text: &'static str, content_type: Option<Arc<str>>) -> Self {
        let (data, len) = (bytes.as_ptr(), bytes.len());
        let mut words = MaybeUninit::<[usize; OWNER_WORDS]>::zeroed();
        // SAFETY: the assertions above: an `Owner` fits into the words, in size and alignment. `Bytes` and
        // `Arc` keep what they own behind a pointer, so it does not move with them.
        let owner = unsafe {
            words.as_mut_ptr().cast::<Owner>().write(Owner {
                bytes,
                content_type,
            });
            words.assume_init()
        };
        Self(RawPayload {
            data,
            len,
            content_type: text.as_ptr(),
            content_type_len: text.len(),
            owner: UnsafeCell::new(owner),
            ops: ops(),
        })
    }

    /// Takes over a payload that crossed.
    ///
    /// # Safety
    /// `raw` must hold what the seam promises: `data` and `content_type` readable for their lengths, the latter UTF-8,
    /// until its one release, which is ours from here.
    #[inline]
    #[must_use]
    pub unsafe fn from_raw(raw: RawPayload) -> Self {
        Self(raw)
    }

    /// A payload that is lent, not handed over.
    ///
    /// # Safety
    /// `raw` must point at a payload as for [`from_raw`](Self::from_raw), but for its release, that is valid as long as this is used.
    #[inline]
    #[must_use]
    pub unsafe fn seen<'a>(raw: *const RawPayload) -> &'a Self {
        // SAFETY: the caller's promise; a `Payload` is nothing but a `RawPayload`.
        unsafe { &*raw.cast::<Self>() }
    }

    /// Hands the payload over, with its claim.
    #[inline]
    #[must_use]
    pub fn into_raw(self) -> RawPayload {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so its claim moves out exactly once.
        unsafe { ptr::read(&this.0) }
    }

    /// The very bytes and their content type, without a copy, where this side made the payload.
    ///
    /// # Errors
    /// The payload itself, where the other side made it.
    #[inline(always)]
    pub fn try_into_parts(self) -> Result<(Bytes, Cow<'static, str>), Self> {
        if self.0.ops.0.to_raw_ptr() != ops().0.to_raw_ptr() {
            return Err(self);
        }
        let this = ManuallyDrop::new(self);
        let raw = &this.0;
        // SAFETY: a payload with our functions holds an `Owner` of ours, which moves out here instead of being released.
        let Owner {
            bytes,
            content_type,
        } = unsafe { raw.owner.get().cast::<Owner>().read() };
        let content_type = match content_type {
            Some(counted) => Cow::Owned(str::to_owned(&counted)),
            // SAFETY: as in `content_type`; without an `Arc` that keeps it, the text is `'static`.
            None => Cow::Borrowed(unsafe {
                std::str::from_utf8_unchecked(slice::from_raw_parts(
                    raw.content_type,
                    raw.content_type_len,
                ))
            }),
        };
        Ok((bytes, content_type))
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the seam: readable for `len` bytes as long as the payload is held.
        unsafe { slice::from_raw_parts(self.0.data, self.0.len) }
    }

    /// The content type; empty where none was given.
    #[inline]
    #[must_use]
    pub fn content_type(&self) -> &str {
        // SAFETY: the seam: UTF-8, readable for its length as long as the payload is held.
        unsafe {
            let text = slice::from_raw_parts(self.0.content_type, self.0.content_type_len);
            std::str::from_utf8_unchecked(text)
        }
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl Clone for Payload {
    /// Another claim on the same bytes, without a copy of them.
    fn clone(&self) -> Self {
        // SAFETY: `self` is a payload that its maker still counts.
        Self(unsafe { (self.0.ops.claim())(&self.0) })
    }
}

impl Drop for Payload {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the one release of this claim.
        unsafe { (self.0.ops.release())(&mut self.0) }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Payload({} bytes, {:?})",
            self.0.len,
            self.content_type()
        )
    }
}

/// A payload that a call handed over. It stays where the caller put it until it is taken, since it is dear to move from hand to
/// hand; what is never taken is released.
pub struct Handed<'a>(&'a RawPayload);

impl<'a> Handed<'a> {
    /// # Safety
    /// `raw` must be a payload as for [`Payload::from_raw`], and nobody else may take or release it.
    #[inline]
    #[must_use]
    pub unsafe fn new(raw: &'a RawPayload) -> Self {
        Self(raw)
    }

    /// The number of bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "for logs alone")]
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// The payload.
    #[inline]
    #[must_use]
    pub fn take(self) -> Payload {
        let this = ManuallyDrop::new(self);
        // SAFETY: `new`'s promise; `this` is neither used nor dropped after it.
        Payload(unsafe { ptr::read(this.0) })
    }
}

impl Drop for Handed<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `new`'s promise; `take` did not run, and nothing uses `self` after its drop.
        unsafe { release_handed(self.0) };
    }
}

/// Apart, and by value: where `self` is in registers, it can stay there.
///
/// # Safety
/// As for [`Handed::new`].
#[cold]
unsafe fn release_handed(raw: &RawPayload) {
    // SAFETY: the caller's promise.
    drop(Payload(unsafe { ptr::read(raw) }));
}

/// Our functions. In a static, since a constant may have one address in each crate, and a payload's maker is known by it.
static OPS: WithMetadata<PayloadOps> = WithMetadata::new(PayloadOps { claim, release });

#[inline]
const fn ops() -> PayloadOpsRef {
    PayloadOpsRef(OPS.static_as_prefix())
}

unsafe extern "C" fn claim(raw: *const RawPayload) -> RawPayload {
    // SAFETY: `raw` is a payload with these functions, so its words hold an `Owner` of ours.
    let (raw, owner) = unsafe { (&*raw, &*(*raw).owner.get().cast::<Owner>()) };
    // SAFETY: `content_type` of `raw` is either `'static` or in the `Arc` that the new owner shares.
    let text: &'static str = unsafe {
        std::str::from_utf8_unchecked(slice::from_raw_parts(
            raw.content_type,
            raw.content_type_len,
        ))
    };
    Payload::from_parts(owner.bytes.clone(), text, owner.content_type.clone()).into_raw()
}

unsafe extern "C" fn release(raw: *mut RawPayload) {
    // An owner may be anything with a `Drop`, so its end may panic: the bytes are gone all the same.
    let _ = catch(|| {
        // SAFETY: as for `claim`; the caller releases once and does not use the payload again.
        unsafe { (*raw).owner.get().cast::<Owner>().drop_in_place() }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_shows_the_bytes_it_was_made_from_without_a_copy() {
        let bytes = Bytes::from(vec![7; 100]);
        let payload = Payload::new(bytes.clone(), "text/csv");
        assert_eq!(payload.as_slice().as_ptr(), bytes.as_ptr());
        assert_eq!(
            (payload.as_slice().len(), payload.content_type()),
            (100, "text/csv")
        );
    }

    #[test]
    fn a_claim_outlives_the_payload_it_was_made_from() {
        let first =
            Payload::with_content_type(Bytes::from(vec![1, 2, 3]), "application/x-test".into());
        let second = first.clone();
        drop(first);
        assert_eq!(second.as_slice(), [1, 2, 3]);
        assert_eq!(second.content_type(), "application/x-test");
    }

    /// `Bytes` from a full vector changes itself at its first clone. Where the optimizer took the payload for unchanged, the vector
    /// was freed under the clone; that showed in release builds only.
    #[test]
    fn a_claim_on_a_payload_that_was_moved_keeps_the_bytes() {
        fn claim_then_drop(payload: Payload) -> Payload {
            let moved = payload;
            let claim = moved.clone();
            drop(std::hint::black_box(moved));
            claim
        }
        let claim = claim_then_drop(Payload::new(
            Bytes::from(vec![7_u8; 64].into_boxed_slice()),
            "",
        ));
        let others: Vec<Vec<u8>> = (0..64).map(|_| vec![1_u8; 64]).collect();
        assert_eq!(claim.as_slice(), [7; 64]);
        drop(others);
    }

    #[test]
    fn the_bytes_are_freed_with_the_last_claim() {
        let alive = Arc::new(());
        struct Watched {
            _alive: Arc<()>,
        }
        impl AsRef<[u8]> for Watched {
            fn as_ref(&self) -> &[u8] {
                b"x"
            }
        }
        let watched = Watched {
            _alive: alive.clone(),
        };
        let payload = Payload::new(Bytes::from_owner(watched), "");
        let claim = payload.clone();
        drop(Payload(payload.into_raw()));
        assert_eq!(Arc::strong_count(&alive), 2);
        drop(claim);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn our_own_payload_gives_back_the_very_bytes_and_its_content_type() {
        for content_type in ["text/csv", "application/x-test"] {
            let bytes = Bytes::from(vec![1, 2, 3]);
            let payload = match content_type {
                "text/csv" => Payload::new(bytes.clone(), "text/csv"),
                other => Payload::with_content_type(bytes.clone(), other.into()),
            };
            let (back, found) = payload.try_into_parts().unwrap();
            assert_eq!((back.as_ptr(), &*found), (bytes.as_ptr(), content_type));
        }
    }

    #[test]
    fn a_payload_that_was_handed_over_is_released_once_taken_or_not() {
        let counted: Arc<str> = "application/x-test".into();
        let hand_over = || {
            let payload = Payload::with_content_type(Bytes::new(), counted.clone());
            payload.into_raw()
        };
        // SAFETY: fresh payloads, each handed over once.
        let (kept, left) = unsafe { (Handed::new(&hand_over()).take(), hand_over()) };
        assert_eq!(Arc::strong_count(&counted), 3);
        // SAFETY: as above.
        drop(unsafe { Handed::new(&left) });
        assert_eq!(Arc::strong_count(&counted), 2);
        drop(kept);
        assert_eq!(Arc::strong_count(&counted), 1);
    }
}

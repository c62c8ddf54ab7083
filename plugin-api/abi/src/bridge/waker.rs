//! Wakers in both directions: a Rust waker as the seam's, and the seam's as a Rust waker.
//!
//! Lending one for the length of a poll allocates nothing. Only a side that keeps it pays for a claim.

use std::mem::ManuallyDrop;
use std::task::{RawWaker as StdRawWaker, RawWakerVTable, Waker};

use abi_stable::prefix_type::WithMetadata;

use crate::waker::{RawWaker, WakerOps, WakerOpsRef};

use super::catch;

/// Lends a Rust waker to the other side for the length of `f`; null where there is none.
#[inline]
pub fn with_raw_waker<R>(waker: Option<&Waker>, f: impl FnOnce(*const RawWaker) -> R) -> R {
    let raw = waker.map(|waker| RawWaker {
        data: std::ptr::from_ref(waker).cast(),
        ops: OPS,
    });
    f(raw.as_ref().map_or(std::ptr::null(), std::ptr::from_ref))
}

/// Uses a waker that the other side lent, for the length of `f`.
///
/// # Safety
/// `raw` must point at a waker that is valid for the length of `f`.
pub unsafe fn with_waker<R>(raw: *const RawWaker, f: impl FnOnce(&Waker) -> R) -> R {
    // SAFETY: the borrowed table never frees its data, which is valid for the length of `f`; clones are claims of their own.
    let waker = ManuallyDrop::new(unsafe { Waker::new(raw.cast(), &BORROWED) });
    f(&waker)
}

// A Rust waker, seen from the other side: `data` points at a `Waker`, lent on the stack or claimed in a box.

const OPS: WakerOpsRef = WakerOpsRef(
    const {
        &WithMetadata::new(WakerOps {
            claim,
            wake,
            wake_by_ref,
            release,
        })
    }
    .static_as_prefix(),
);

unsafe extern "C" fn claim(data: *const ()) -> *const () {
    // SAFETY: `data` points at a `Waker` that is lent or claimed.
    let waker = unsafe { &*data.cast::<Waker>() };
    // A waker's clone is not ours and may panic; a waker that never wakes is the best that can be given then.
    let copy = catch(|| waker.clone()).unwrap_or_else(|_| Waker::noop().clone());
    Box::into_raw(Box::new(copy)).cast_const().cast()
}

unsafe extern "C" fn wake(data: *const ()) {
    // SAFETY: `data` is a claim, so a box of ours, given up here.
    let waker = unsafe { Box::from_raw(data.cast::<Waker>().cast_mut()) };
    let _ = catch(|| waker.wake());
}

unsafe extern "C" fn wake_by_ref(data: *const ()) {
    // SAFETY: `data` points at a `Waker` that is lent or claimed.
    let waker = unsafe { &*data.cast::<Waker>() };
    let _ = catch(|| waker.wake_by_ref());
}

unsafe extern "C" fn release(data: *const ()) {
    // SAFETY: `data` is a claim, so a box of ours, given up here.
    let waker = unsafe { Box::from_raw(data.cast::<Waker>().cast_mut()) };
    let _ = catch(|| drop(waker));
}

// The other side's waker, seen from Rust: the data points at a `RawWaker`, lent by the other side, or in a box of ours
// that holds a claim.

static BORROWED: RawWakerVTable =
    RawWakerVTable::new(clone_borrowed, |_| {}, wake_borrowed_by_ref, |_| {});
static OWNED: RawWakerVTable =
    RawWakerVTable::new(clone_borrowed, wake_owned, wake_borrowed_by_ref, drop_owned);

unsafe fn clone_borrowed(data: *const ()) -> StdRawWaker {
    // SAFETY: `data` points at a valid waker of the other side.
    let raw = unsafe { *data.cast::<RawWaker>() };
    // SAFETY: as above: its data is valid for its own functions.
    let data = unsafe { (raw.ops.claim())(raw.data) };
    let owned = Box::new(RawWaker { data, ops: raw.ops });
    StdRawWaker::new(Box::into_raw(owned).cast_const().cast(), &OWNED)
}

unsafe fn wake_borrowed_by_ref(data: *const ()) {
    // SAFETY: `data` points at a valid waker of the other side.
    unsafe {
        let raw = *data.cast::<RawWaker>();
        (raw.ops.wake_by_ref())(raw.data);
    }
}

unsafe fn wake_owned(data: *const ()) {
    // SAFETY: `data` is a box of ours with a claim, both given up here.
    unsafe {
        let raw = Box::from_raw(data.cast::<RawWaker>().cast_mut());
        (raw.ops.wake())(raw.data);
    }
}

unsafe fn drop_owned(data: *const ()) {
    // SAFETY: as for `wake_owned`.
    unsafe {
        let raw = Box::from_raw(data.cast::<RawWaker>().cast_mut());
        (raw.ops.release())(raw.data);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_waker_wakes_across_the_seam_and_every_claim_is_given_up() {
        let count = Arc::new(Count::default());
        let ours = Waker::from(count.clone());
        let kept = with_raw_waker(Some(&ours), |raw| {
            // SAFETY: `raw` is valid for the length of this closure.
            unsafe {
                with_waker(raw, |waker| {
                    waker.wake_by_ref();
                    waker.clone()
                })
            }
        });
        let again = kept.clone();
        kept.wake();
        again.wake_by_ref();
        assert_eq!(count.0.load(Ordering::Relaxed), 3);
        drop((again, ours));
        assert_eq!(Arc::strong_count(&count), 1);
    }
}

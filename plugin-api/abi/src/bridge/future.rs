//! Futures in both directions: a Rust future as the seam's, and the seam's as a Rust future.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use abi_stable::prefix_type::WithMetadata;

use crate::call::{FutureOps, FutureOpsRef, RawFuture, RawPoll, RawReply};
use crate::error::kind;
use crate::waker::RawWaker;

use super::{Failure, Payload, catch, with_raw_waker, with_waker};

/// What a call comes to.
pub type Answer = Result<Payload, Failure>;

impl RawFuture {
    /// Hands a future over. It is boxed already, since one that was polled cannot move.
    pub fn new<F: Future<Output = Answer> + Send + 'static>(future: Pin<Box<F>>) -> Self {
        // SAFETY: the box is only ever used pinned again: polled in place, and dropped.
        let data = Box::into_raw(unsafe { Pin::into_inner_unchecked(future) });
        Self {
            data: data.cast(),
            ops: Functions::<F>::OPS,
        }
    }

    /// The same for one whose answer is one of several kinds: it has set the code when it is ready.
    pub fn with_code<F>(future: Pin<Box<F>>, code: Arc<AtomicU32>) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let coded = Box::new(Coded { future, code });
        Self {
            data: Box::into_raw(coded).cast(),
            ops: Coded::<F>::OPS,
        }
    }
}

/// A future with the code of its answer.
struct Coded<F> {
    future: Pin<Box<F>>,
    code: Arc<AtomicU32>,
}

impl<F: Future<Output = Answer>> Future for Coded<F> {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        self.future.as_mut().poll(cx)
    }
}

impl<F: Future<Output = Answer> + Send + 'static> Coded<F> {
    const OPS: FutureOpsRef = FutureOpsRef(
        const {
            &WithMetadata::new(FutureOps {
                poll: Functions::<Self>::poll,
                release: Functions::<Self>::release,
                code: Self::code,
            })
        }
        .static_as_prefix(),
    );

    unsafe extern "C" fn code(data: *mut ()) -> u32 {
        // SAFETY: `data` is the box from `RawFuture::with_code`, not released yet.
        unsafe { &*data.cast::<Self>() }
            .code
            .load(Ordering::Acquire)
    }
}

unsafe extern "C" fn no_code(_: *mut ()) -> u32 {
    0
}

/// The functions for one type of future.
struct Functions<F>(PhantomData<F>);

impl<F: Future<Output = Answer> + Send + 'static> Functions<F> {
    const OPS: FutureOpsRef = FutureOpsRef(
        const {
            &WithMetadata::new(FutureOps {
                poll: Self::poll,
                release: Self::release,
                code: no_code,
            })
        }
        .static_as_prefix(),
    );

    unsafe extern "C" fn poll(data: *mut (), waker: *const RawWaker) -> RawPoll {
        let polled = catch(|| {
            // SAFETY: `data` came from the pinned box in `RawFuture::new`; the caller polls from one thread at a time.
            let future = unsafe { Pin::new_unchecked(&mut *data.cast::<F>()) };
            // SAFETY: the caller lends the waker for this poll.
            unsafe { with_waker(waker, |waker| future.poll(&mut Context::from_waker(waker))) }
        });
        match polled {
            Ok(Poll::Pending) => RawPoll::Pending,
            Ok(Poll::Ready(Ok(payload))) => RawPoll::Ok(payload.into_raw()),
            Ok(Poll::Ready(Err(failure))) => RawPoll::Err(failure.into()),
            Err(message) => RawPoll::Err(Failure::panicked("a future", &message).into()),
        }
    }

    unsafe extern "C" fn release(data: *mut ()) {
        // SAFETY: the one release of the box from `RawFuture::new`.
        let future = unsafe { Box::from_raw(data.cast::<F>()) };
        let _ = catch(|| drop(future));
    }
}

/// A future of the other side.
pub struct ForeignFuture {
    raw: RawFuture,
    done: bool,
}

// SAFETY: the seam's futures are `Send` by their makers' bounds, and `&mut` keeps polls apart.
unsafe impl Send for ForeignFuture {}

impl ForeignFuture {
    /// Takes over a future that crossed.
    ///
    /// # Safety
    /// `raw` must be a future that nobody else polls or releases, and its maker must stay loaded as long as this lives.
    #[must_use]
    pub unsafe fn from_raw(raw: RawFuture) -> Self {
        Self { raw, done: false }
    }

    /// Of which kind its answer was, by a code of its maker's; 0 before it is ready, and where there is but one kind.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self.raw.ops.code() {
            // SAFETY: `from_raw`'s promise; it is not released before the drop.
            Some(code) if self.done => unsafe { code(self.raw.data) },
            _ => 0,
        }
    }
}

impl Future for ForeignFuture {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        if self.done {
            let message = "a future was polled after it was ready";
            return Poll::Ready(Err(Failure::new(kind::INTERNAL, message)));
        }
        // SAFETY: `from_raw`'s promise; `&mut self` keeps polls apart, and `done` keeps a ready future from another one.
        let polled = with_raw_waker(Some(cx.waker()), |waker| unsafe {
            (self.raw.ops.poll())(self.raw.data, waker)
        });
        let answer = match polled {
            RawPoll::Pending => return Poll::Pending,
            // SAFETY: a payload that crosses holds what the seam promises.
            RawPoll::Ok(raw) => Ok(unsafe { Payload::from_raw(raw) }),
            RawPoll::Err(error) => Err(error.into()),
        };
        self.done = true;
        Poll::Ready(answer)
    }
}

impl Drop for ForeignFuture {
    fn drop(&mut self) {
        // SAFETY: the one release.
        unsafe { (self.raw.ops.release())(self.raw.data) }
    }
}

impl RawReply {
    /// A reply that is there already.
    #[inline]
    #[must_use]
    pub fn ready(answer: Answer) -> Self {
        match answer {
            Ok(payload) => Self::Ok(payload.into_raw()),
            Err(failure) => Self::Err(failure.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn foreign(future: impl Future<Output = Answer> + Send + 'static) -> ForeignFuture {
        // SAFETY: a fresh future of this very program.
        unsafe { ForeignFuture::from_raw(RawFuture::new(Box::pin(future))) }
    }

    fn poll(future: &mut ForeignFuture) -> Poll<Answer> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_future_answers_across_the_seam() {
        let mut turn = 0;
        let mut future = foreign(std::future::poll_fn(move |_| {
            turn += 1;
            if turn == 1 {
                Poll::Pending
            } else {
                Poll::Ready(Ok(Payload::new("done".into(), "")))
            }
        }));
        assert!(poll(&mut future).is_pending());
        let Poll::Ready(Ok(payload)) = poll(&mut future) else {
            panic!("not ready")
        };
        assert_eq!(payload.as_slice(), b"done");
    }

    #[test]
    fn a_panic_in_a_poll_is_an_error_and_a_panic_in_a_drop_is_caught() {
        struct PanicsWhenDropped;
        impl Drop for PanicsWhenDropped {
            fn drop(&mut self) {
                panic!("from the drop");
            }
        }
        let guard = PanicsWhenDropped;
        let mut future = foreign(async move {
            let _guard = &guard;
            std::future::pending::<()>().await;
            unreachable!()
        });
        assert!(poll(&mut future).is_pending());
        drop(future);

        let mut future = foreign(async { panic!("from the poll") });
        let Poll::Ready(Err(failure)) = poll(&mut future) else {
            panic!("not an error")
        };
        assert_eq!(
            (failure.kind, failure.message.as_str()),
            (kind::PANICKED, "a future panicked: from the poll")
        );
    }

    #[test]
    fn a_future_says_of_which_kind_its_answer_was_once_it_is_ready() {
        let code = Arc::new(AtomicU32::new(0));
        let set = Arc::clone(&code);
        let future = Box::pin(async move {
            set.store(7, Ordering::Release);
            Ok(Payload::new("x".into(), ""))
        });
        // SAFETY: a fresh future of this very program.
        let mut future = unsafe { ForeignFuture::from_raw(RawFuture::with_code(future, code)) };
        assert_eq!(future.code(), 0);
        assert!(poll(&mut future).is_ready());
        assert_eq!(future.code(), 7);
        let mut plain = foreign(async { Ok(Payload::new("x".into(), "")) });
        assert!(poll(&mut plain).is_ready());
        assert_eq!(plain.code(), 0);
    }

    #[test]
    fn dropping_a_future_drops_what_it_holds() {
        let held = Arc::new(());
        let copy = held.clone();
        let future = foreign(async move {
            let _held = copy;
            std::future::pending().await
        });
        drop(future);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

//! Streams in both directions: a Rust stream as the seam's, and the seam's as a Rust stream.
//!
//! Each item is asked for by a poll, so the reader sets the pace, and dropping the stream is how it says that it wants no more.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use abi_stable::prefix_type::WithMetadata;
use futures_core::Stream;

use crate::call::{RawNext, RawStream, StreamOps, StreamOpsRef};
use crate::waker::RawWaker;

use super::{Answer, Failure, Payload, catch, with_raw_waker, with_waker};

impl RawStream {
    /// Hands a stream over.
    pub fn new<S: Stream<Item = Answer> + Send + 'static>(stream: S) -> Self {
        Self {
            data: Box::into_raw(Box::new(Some(stream))).cast(),
            ops: Functions::<S>::OPS,
        }
    }
}

/// The functions for one type of stream. Their data is an `Option<S>` in a box: none after a panic.
struct Functions<S>(PhantomData<S>);

impl<S: Stream<Item = Answer> + Send + 'static> Functions<S> {
    const OPS: StreamOpsRef = StreamOpsRef(
        const {
            &WithMetadata::new(StreamOps {
                poll_next: Self::poll_next,
                release: Self::release,
            })
        }
        .static_as_prefix(),
    );

    unsafe extern "C" fn poll_next(data: *mut (), waker: *const RawWaker) -> RawNext {
        // SAFETY: `data` is the box from `RawStream::new`, which never moves; the caller polls from one thread at a time.
        let mut slot = unsafe { Pin::new_unchecked(&mut *data.cast::<Option<S>>()) };
        let polled = catch(|| match slot.as_mut().as_pin_mut() {
            // SAFETY: the caller lends the waker for this poll.
            Some(stream) => unsafe {
                with_waker(waker, |waker| {
                    stream.poll_next(&mut Context::from_waker(waker))
                })
            },
            None => Poll::Ready(None),
        });
        match polled {
            Ok(Poll::Pending) => RawNext::Pending,
            Ok(Poll::Ready(Some(Ok(payload)))) => RawNext::Item(payload.into_raw()),
            Ok(Poll::Ready(Some(Err(failure)))) => RawNext::Err(failure.into()),
            Ok(Poll::Ready(None)) => RawNext::End,
            Err(message) => {
                // What panicked is not polled again.
                let _ = catch(|| slot.set(None));
                RawNext::Err(Failure::panicked("a stream", &message).into())
            }
        }
    }

    unsafe extern "C" fn release(data: *mut ()) {
        // SAFETY: the one release of the box from `RawStream::new`.
        let stream = unsafe { Box::from_raw(data.cast::<Option<S>>()) };
        let _ = catch(|| drop(stream));
    }
}

/// A stream of the other side. After its end it stays ended.
pub struct ForeignStream {
    raw: RawStream,
    ended: bool,
}

// SAFETY: the seam's streams are `Send` by their makers' bounds, and `&mut` keeps polls apart.
unsafe impl Send for ForeignStream {}
// SAFETY: a shared one offers nothing.
unsafe impl Sync for ForeignStream {}

impl ForeignStream {
    /// Takes over a stream that crossed.
    ///
    /// # Safety
    /// `raw` must be a stream that nobody else polls or releases, and its maker must stay loaded as long as this lives.
    #[must_use]
    pub unsafe fn from_raw(raw: RawStream) -> Self {
        Self { raw, ended: false }
    }

    /// Takes over the stream that a call handed over, if it did.
    ///
    /// # Safety
    /// `handed` must be null, or point at a stream as for [`from_raw`](Self::from_raw) that nobody takes a second time.
    #[inline]
    #[must_use]
    pub unsafe fn taken(handed: *mut RawStream) -> Option<Self> {
        // SAFETY: the caller's promise.
        (!handed.is_null()).then(|| unsafe { Self::from_raw(handed.read()) })
    }
}

impl Stream for ForeignStream {
    type Item = Answer;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // SAFETY: `from_raw`'s promise; `&mut self` keeps polls apart.
        let polled = with_raw_waker(Some(cx.waker()), |waker| unsafe {
            (self.raw.ops.poll_next())(self.raw.data, waker)
        });
        Poll::Ready(match polled {
            RawNext::Pending => return Poll::Pending,
            // SAFETY: a payload that crosses holds what the seam promises.
            RawNext::Item(raw) => Some(Ok(unsafe { Payload::from_raw(raw) })),
            RawNext::Err(error) => Some(Err(error.into())),
            RawNext::End => {
                self.ended = true;
                None
            }
        })
    }
}

impl Drop for ForeignStream {
    fn drop(&mut self) {
        // SAFETY: the one release.
        unsafe { (self.raw.ops.release())(self.raw.data) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use super::*;
    use crate::error::kind;

    /// A stream that is as the function says, and holds the guard.
    struct Scripted<F, G> {
        next: F,
        _guard: G,
    }

    impl<F: FnMut() -> Poll<Option<Answer>> + Unpin, G: Unpin> Stream for Scripted<F, G> {
        type Item = Answer;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Answer>> {
            (self.next)()
        }
    }

    fn foreign<G: Send + Unpin + 'static>(
        next: impl FnMut() -> Poll<Option<Answer>> + Send + Unpin + 'static,
        guard: G,
    ) -> ForeignStream {
        let stream = Scripted {
            next,
            _guard: guard,
        };
        // SAFETY: a fresh stream of this very program.
        unsafe { ForeignStream::from_raw(RawStream::new(stream)) }
    }

    fn poll(stream: &mut ForeignStream) -> Poll<Option<Answer>> {
        Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
    }

    fn item(text: &'static str) -> Poll<Option<Answer>> {
        Poll::Ready(Some(Ok(Payload::new(text.into(), ""))))
    }

    #[test]
    fn items_failures_and_the_end_cross_the_seam_in_order() {
        let mut turn = 0;
        let mut stream = foreign(
            move || {
                turn += 1;
                match turn {
                    1 => item("one"),
                    2 => Poll::Pending,
                    3 => Poll::Ready(Some(Err(Failure::new(kind::NOT_FOUND, "no second")))),
                    4 => item("three"),
                    5 => Poll::Ready(None),
                    _ => panic!("polled after its end"),
                }
            },
            (),
        );
        let Poll::Ready(Some(Ok(one))) = poll(&mut stream) else {
            panic!("no item")
        };
        assert_eq!(one.as_slice(), b"one");
        assert!(poll(&mut stream).is_pending());
        let Poll::Ready(Some(Err(failure))) = poll(&mut stream) else {
            panic!("no failure")
        };
        assert_eq!(failure, Failure::new(kind::NOT_FOUND, "no second"));
        assert!(matches!(poll(&mut stream), Poll::Ready(Some(Ok(_)))));
        assert!(matches!(poll(&mut stream), Poll::Ready(None)));
        assert!(matches!(poll(&mut stream), Poll::Ready(None)));
    }

    #[test]
    fn a_panic_in_a_poll_is_an_item_and_the_end_and_drops_what_the_stream_holds() {
        let held = Arc::new(());
        let mut stream = foreign(|| panic!("from the poll"), held.clone());
        let Poll::Ready(Some(Err(failure))) = poll(&mut stream) else {
            panic!("not an error")
        };
        assert_eq!(
            (failure.kind, failure.message.as_str(), failure.poisoned),
            (kind::PANICKED, "a stream panicked: from the poll", true)
        );
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(matches!(poll(&mut stream), Poll::Ready(None)));
    }

    #[test]
    fn a_panic_in_a_drop_is_caught() {
        struct PanicsWhenDropped;
        impl Drop for PanicsWhenDropped {
            fn drop(&mut self) {
                panic!("from the drop");
            }
        }
        drop(foreign(|| Poll::Pending, PanicsWhenDropped));
        let mut stream = foreign(|| panic!("from the poll"), PanicsWhenDropped);
        assert!(matches!(poll(&mut stream), Poll::Ready(Some(Err(_)))));
        assert!(matches!(poll(&mut stream), Poll::Ready(None)));
    }

    #[test]
    fn dropping_a_stream_drops_what_it_holds() {
        let held = Arc::new(());
        drop(foreign(|| Poll::Pending, held.clone()));
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_stream_that_a_call_handed_over_is_taken_and_nothing_where_it_handed_over_none() {
        // SAFETY: null.
        assert!(unsafe { ForeignStream::taken(std::ptr::null_mut()) }.is_none());
        let held = Arc::new(());
        let scripted = Scripted {
            next: || Poll::Ready(None),
            _guard: held.clone(),
        };
        let mut raw = RawStream::new(scripted);
        // SAFETY: a fresh stream, taken once.
        let mut taken = unsafe { ForeignStream::taken(&mut raw) }.unwrap();
        assert!(matches!(poll(&mut taken), Poll::Ready(None)));
        drop(taken);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

//! A stream from an async body: what a generator would be.
//!
//! The body hands out one item and goes on when the next one is asked for, so it may hold what it likes across its items: loops, borrows, open files.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use agentsys_abi::bridge::Payload;
use futures_core::Stream;

use crate::error::{Error, Result};
use crate::payload::IntoPayload;

/// A stream whose items an async body hands out, for handlers that answer one:
///
/// ```
/// use agentsys_plugin::prelude::*;
/// # struct Counter { step: u32 }
/// # impl Counter {
/// fn count(&self, to: u32) -> impl Stream<Item = Result<u32>> {
///     produce(move |mut out| async move {
///         for number in 1..=to {
///             out.send(number * self.step).await;
///         }
///         Ok(())
///     })
/// }
/// # }
/// ```
///
/// The body runs while an item is asked for, and rests in `send` until the next one is. It is dropped there when nobody wants more. An error that it returns is the last item.
pub fn produce<T, F, Fut>(body: F) -> Produced<T, Fut>
where
    F: FnOnce(Out<T>) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let slot = Arc::new(Slot::default());
    let out = Out(Arc::clone(&slot));
    Produced {
        body: Some(body(out)),
        slot,
    }
}

/// The way out of [`produce`]'s body. Its functions are awaited in the body itself: what wakes parts of a future apart, as `FuturesUnordered` does, does not know
/// when the next item is asked for.
pub struct Out<T>(Arc<Slot<T>>);

/// The item on its way from the body to the reader: one at most.
struct Slot<T>(Mutex<Option<Result<T>>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, Option<Result<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Out<T> {
    /// Hands an item out, and comes back when the next one is asked for.
    pub async fn send(&mut self, item: T) {
        self.put(Ok(item)).await;
    }

    /// Hands a failure out as an item, after which others may follow. What ends the stream is the error that the body returns.
    pub async fn fail(&mut self, error: impl Into<Error>) {
        self.put(Err(error.into())).await;
    }

    fn put(&mut self, item: Result<T>) -> impl Future<Output = ()> {
        let mut item = Some(item);
        poll_fn(move |_| {
            let mut slot = self.0.lock();
            match item.take() {
                Some(item) if slot.is_none() => {
                    *slot = Some(item);
                    Poll::Pending
                }
                // The slot still has what a `send` left that was dropped before its end.
                Some(kept) => {
                    item = Some(kept);
                    Poll::Pending
                }
                None => Poll::Ready(()),
            }
        })
    }
}

impl Out<Payload> {
    /// For the macros: hands out all items of a stream, as payloads.
    ///
    /// # Errors
    /// None, so that it can stand at a body's end.
    #[doc(hidden)]
    pub async fn all_of<S, T, E, Kind>(mut self, stream: S) -> Result<()>
    where
        S: Stream<Item = Result<T, E>>,
        T: IntoPayload<Kind>,
        Error: From<E>,
    {
        let mut stream = pin!(stream);
        loop {
            let next = poll_fn(|cx| {
                let next = stream.as_mut().poll_next(cx);
                next.map(|next| next.map(|item| item.map_err(Error::from)?.into_payload()))
            });
            match next.await {
                Some(item) => self.put(item).await,
                None => return Ok(()),
            }
        }
    }
}

impl<T> fmt::Debug for Out<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Out")
    }
}

/// See [`produce`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct Produced<T, Fut> {
    /// None once it has ended. Pinned with the stream.
    body: Option<Fut>,
    slot: Arc<Slot<T>>,
}

impl<T, Fut: Future<Output = Result<()>>> Stream for Produced<T, Fut> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        // SAFETY: `body` is pinned with `self` and never moved out, only dropped in place by `set(None)`.
        let (mut body, slot) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.body), &this.slot)
        };
        // What a body left that ended right after it.
        let left = || slot.lock().take();
        let Some(running) = body.as_mut().as_pin_mut() else {
            return Poll::Ready(left());
        };
        match running.poll(cx) {
            Poll::Pending => left().map_or(Poll::Pending, |item| Poll::Ready(Some(item))),
            Poll::Ready(ended) => {
                body.set(None);
                let item = left();
                match (item, ended) {
                    (Some(item), Ok(())) => Poll::Ready(Some(item)),
                    (Some(item), Err(error)) => {
                        *slot.lock() = Some(Err(error));
                        Poll::Ready(Some(item))
                    }
                    (None, Err(error)) => Poll::Ready(Some(Err(error))),
                    (None, Ok(())) => Poll::Ready(None),
                }
            }
        }
    }
}

impl<T, Fut> fmt::Debug for Produced<T, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Produced(ended: {})", self.body.is_none())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Waker;

    use super::*;

    fn next<S: Stream>(stream: Pin<&mut S>) -> Poll<Option<S::Item>> {
        stream.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn nothing_is_made_that_was_not_asked_for() {
        let made = AtomicU32::new(0);
        let mut stream = pin!(produce(|mut out| {
            let made = &made;
            async move {
                for number in 1_u32..=2 {
                    made.fetch_add(1, Ordering::Relaxed);
                    out.send(number).await;
                }
                Ok(())
            }
        }));
        let count = || made.load(Ordering::Relaxed);
        assert_eq!(count(), 0);
        assert_eq!(next(stream.as_mut()), Poll::Ready(Some(Ok(1))));
        assert_eq!(count(), 1);
        assert_eq!(next(stream.as_mut()), Poll::Ready(Some(Ok(2))));
        assert_eq!(next(stream.as_mut()), Poll::Ready(None));
        assert_eq!(next(stream.as_mut()), Poll::Ready(None));
    }

    #[test]
    fn a_body_waits_for_others_between_its_items() {
        let mut turn = 0;
        let mut stream = pin!(produce(|mut out| async move {
            poll_fn(|_| {
                turn += 1;
                if turn == 1 {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            })
            .await;
            out.send("late").await;
            Ok(())
        }));
        assert_eq!(next(stream.as_mut()), Poll::Pending);
        assert_eq!(next(stream.as_mut()), Poll::Ready(Some(Ok("late"))));
    }

    #[test]
    fn a_failure_between_items_does_not_end_the_stream_and_the_bodys_error_does() {
        let mut stream = pin!(produce(|mut out| async move {
            out.fail(Error::failed("row 1")).await;
            out.send(2).await;
            Err(Error::failed("the disk is gone"))
        }));
        let failure = |text: &str| Poll::Ready(Some(Err(Error::failed(text))));
        assert_eq!(next(stream.as_mut()), failure("row 1"));
        assert_eq!(next(stream.as_mut()), Poll::Ready(Some(Ok(2))));
        assert_eq!(next(stream.as_mut()), failure("the disk is gone"));
        assert_eq!(next(stream.as_mut()), Poll::Ready(None));
    }

    /// Polls it once.
    async fn give_up(send: impl Future<Output = ()>) {
        let mut send = pin!(send);
        let polled = poll_fn(|cx| Poll::Ready(send.as_mut().poll(cx)));
        assert!(polled.await.is_pending());
    }

    #[test]
    fn an_item_whose_send_was_given_up_is_not_lost_and_neither_is_the_next_one() {
        let mut stream = pin!(produce(|mut out| async move {
            give_up(out.send(1)).await;
            out.send(2).await;
            give_up(out.send(3)).await;
            Err(Error::failed("the end"))
        }));
        for number in 1..=3 {
            assert_eq!(next(stream.as_mut()), Poll::Ready(Some(Ok(number))));
        }
        assert!(matches!(next(stream.as_mut()), Poll::Ready(Some(Err(_)))));
        assert_eq!(next(stream.as_mut()), Poll::Ready(None));
    }
}

//! What a handler takes item by item, and what comes so from other agents.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use agentsys_abi::bridge::{ForeignStream, Payload};
use futures_core::Stream;

use crate::error::{Error, Result};
use crate::panics;
use crate::payload::FromPayload;

/// A stream of items, as they come: an argument of a handler that takes one, or another agent's answer.
///
/// Items are made as they are asked for, so who reads slowly has its sender go slowly. To drop it is to say that no more are wanted. An item that does not fit
/// `T` comes as an error, and others may follow.
pub struct Items<T> {
    /// None where the caller sent none.
    source: Option<ForeignStream>,
    read: fn(Payload) -> Result<T>,
}

impl<T> Items<T> {
    pub(crate) fn new<Kind>(source: Option<ForeignStream>) -> Self
    where
        T: FromPayload<Kind>,
    {
        Self {
            source,
            read: T::from_payload,
        }
    }

    /// For the macros: the items that came with a call.
    #[doc(hidden)]
    #[must_use]
    pub fn of_call<Kind>(source: Source) -> Self
    where
        T: FromPayload<Kind>,
    {
        Self::new(source.0)
    }

    /// The next item; none at the end.
    pub async fn next(&mut self) -> Option<Result<T>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Items<Payload> {
    /// The same items, read as typed values: text, bytes, or what serde reads from JSON.
    #[must_use]
    pub fn typed<T, Kind>(mut self) -> Items<T>
    where
        T: FromPayload<Kind>,
    {
        Items::new(self.source.take())
    }
}

impl<T> Stream for Items<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let Some(source) = &mut self.source else {
            return Poll::Ready(None);
        };
        // The host's code, and that of others whom it calls.
        let next = panics::of_others(|| Pin::new(source).poll_next(cx));
        next.map(|next| match next? {
            Ok(payload) => Some((self.read)(payload)),
            Err(failure) => Some(Err(Error::from_failure(failure))),
        })
    }
}

impl<T> Drop for Items<T> {
    fn drop(&mut self) {
        let source = self.source.take();
        panics::of_others(|| drop(source));
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Items")
    }
}

/// The items of one call, on their way to a handler.
pub struct Source(pub(crate) Option<ForeignStream>);

/// What takes items, so that the macros can name the type of one.
pub trait Itemized {
    /// The type of an item.
    type Item;
}

impl<T> Itemized for Items<T> {
    type Item = T;
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use agentsys_abi::bridge::Failure;
    use agentsys_abi::call::RawStream;
    use agentsys_abi::error::kind;

    use super::*;
    use crate::produce::produce;
    use crate::{ErrorKind, IntoPayload};

    fn items<T: FromPayload<Kind>, Kind>(texts: &'static [&'static str]) -> Items<T> {
        struct Answers<S>(S);
        impl<S: Stream<Item = Result<Payload>> + Unpin> Stream for Answers<S> {
            type Item = agentsys_abi::bridge::Answer;

            fn poll_next(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Option<Self::Item>> {
                let next = Pin::new(&mut self.0).poll_next(cx);
                next.map(|next| next.map(|item| item.map_err(Error::into_failure)))
            }
        }
        let stream = Box::pin(produce(move |mut out| async move {
            for text in texts {
                out.send((*text).into_payload()?).await;
            }
            Err(Error::from_failure(Failure::panicked("it", "no way")))
        }));
        // SAFETY: a fresh stream of this very program.
        let stream = unsafe { ForeignStream::from_raw(RawStream::new(Answers(stream))) };
        Items::new(Some(stream))
    }

    fn next<T>(items: &mut Items<T>) -> Option<Result<T>> {
        match Pin::new(items).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => next,
            Poll::Pending => panic!("nothing is awaited"),
        }
    }

    #[test]
    fn items_are_read_as_their_type_and_one_that_does_not_fit_does_not_end_them() {
        let mut items = items::<u32, _>(&["1", "two", "3"]);
        assert_eq!(next(&mut items).unwrap().unwrap(), 1);
        let error = next(&mut items).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(next(&mut items).unwrap().unwrap(), 3);
    }

    #[test]
    fn a_panic_of_who_sends_items_does_not_poison_who_reads_them() {
        let mut items = items::<Payload, _>(&[]).typed::<String, _>();
        let failure = next(&mut items).unwrap().unwrap_err().into_failure();
        assert_eq!((failure.kind, failure.poisoned), (kind::PANICKED, false));
        assert!(next(&mut items).is_none());
    }

    #[test]
    fn a_call_without_items_has_none() {
        let mut items = Items::<u32>::of_call(Source(None));
        assert!(next(&mut items).is_none());
    }
}

//! What a host answers: one frame, or one for each item of a stream.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use super::message::Response;

/// Items as they come. The next one is asked for when the one before has been sent, and the rest is dropped when the peer hangs up.
pub(crate) type Items = Pin<Box<dyn Stream<Item = (Response, Bytes)> + Send>>;

/// The answer to one request.
pub(crate) enum Answer {
    /// This is all of it.
    One(Response, Bytes),
    /// Each in a frame of its own, between [`Response::Opened`] and [`Response::End`], which the connection sends.
    Items(Items),
}

impl From<(Response, Bytes)> for Answer {
    fn from((response, body): (Response, Bytes)) -> Self {
        Self::One(response, body)
    }
}

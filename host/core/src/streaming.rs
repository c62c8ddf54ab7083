//! Answers that come item by item, between the router and the loader.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use agentsys_loader::{CallStream, DataStream};
use agentsys_router::{ErrorKind, Payload, PayloadStream, Reply, TaskError};
use futures_util::{Stream, StreamExt, stream};
use tokio::runtime::Handle;

use crate::convert;
use crate::finish::Finish;
use crate::form;

/// What a plugin's handler answers with, for the router. The call is counted at its end, and has failed once if any item was an error.
pub(crate) struct PluginItems {
    items: CallStream,
    /// None once it was counted.
    finish: Option<Finish>,
}

impl PluginItems {
    pub(crate) fn new(items: CallStream, finish: Finish) -> Self {
        Self {
            items,
            finish: Some(finish.later()),
        }
    }
}

impl Stream for PluginItems {
    type Item = Result<Payload, TaskError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(Pin::new(&mut self.items).poll_next(cx));
        Poll::Ready(match item {
            None => {
                if let Some(finish) = self.finish.take() {
                    finish.finish_items();
                }
                None
            }
            Some(Ok(data)) => Some(Ok(convert::payload(data))),
            Some(Err(failure)) => Some(match self.finish.take() {
                Some(finish) => finish.finish(Err(failure)),
                None => Err(convert::task_error(failure)),
            }),
        })
    }
}

/// The one answer that was asked for.
///
/// # Errors
/// Where it comes item by item.
pub(crate) async fn one(reply: Reply) -> Result<Payload, TaskError> {
    match reply {
        Reply::Ready(answer) => answer,
        Reply::Pending(future) => future.await,
        Reply::Stream(items) => {
            drop(items);
            let message = "the handler answers a stream of items, where one answer was asked for";
            Err(TaskError::new(ErrorKind::InvalidInput, message))
        }
    }
}

/// A reply as items, one where it is one.
pub(crate) fn of_reply(reply: Reply) -> PayloadStream {
    match reply {
        Reply::Stream(items) => items,
        reply => Box::pin(stream::once(one(reply))),
    }
}

/// Items for a plugin's handler.
pub(crate) fn to_plugin(items: PayloadStream) -> DataStream {
    Box::pin(items.map(|item| {
        item.map(convert::data)
            .map_err(|error| convert::failure(&error))
    }))
}

/// Items that a plugin sends.
pub(crate) fn from_plugin(items: DataStream) -> PayloadStream {
    Box::pin(items.map(|item| item.map(convert::payload).map_err(convert::task_error)))
}

/// A stream of the host's that a plugin polls from threads of its own: within the runtime in which an embedder's agent expects to run.
pub(crate) struct Entered<S> {
    pub(crate) stream: S,
    pub(crate) workers: Handle,
}

impl<S: Stream + Unpin> Stream for Entered<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { stream, workers } = &mut *self;
        let _entered = workers.enter();
        form::of_another(|| Pin::new(stream).poll_next(cx))
    }
}

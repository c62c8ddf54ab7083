//! Answers that come item by item, between the router and the loader.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use agentsys_loader::{CallStream, DataStream};
use agentsys_router::{Payload, PayloadStream, TaskError};
use futures_util::{Stream, StreamExt};
use tokio::runtime::Handle;

use crate::convert;
use crate::finish::Finish;

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

/// A future or a stream of the host's that a plugin polls from threads of its own, which are in no runtime of the host's: within the one in which an embedder's agent expects to run.
pub(crate) struct Entered<T> {
    pub(crate) of_host: T,
    pub(crate) workers: Handle,
}

impl<F: Future + Unpin> Future for Entered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { of_host, workers } = &mut *self;
        let _entered = workers.enter();
        Pin::new(of_host).poll(cx)
    }
}

impl<S: Stream + Unpin> Stream for Entered<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { of_host, workers } = &mut *self;
        let _entered = workers.enter();
        Pin::new(of_host).poll_next(cx)
    }
}

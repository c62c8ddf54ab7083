//! Tasks of a test: with options, with items, answered item by item.

use std::fmt;
use std::time::Instant;

use agentsys_host::{PayloadStream, TaskOptions as HostOptions, TaskStream};
use futures_core::Stream;
use futures_util::StreamExt;

use super::TestHost;
use super::host::{from_host, from_task_error, task_error, to_host};
use crate::error::Result;
use crate::options::TaskOptions;
use crate::payload::{IntoPayload, Payload};

impl TestHost {
    /// As [`call`](Self::call), with a key, labels, a deadline.
    ///
    /// # Errors
    /// What the handler failed with.
    pub async fn call_with<Kind>(
        &self,
        route: &str,
        data: impl IntoPayload<Kind>,
        options: TaskOptions,
    ) -> Result<Payload> {
        let data = to_host(data.into_payload()?);
        let task = self
            .host()
            .router()
            .route_task_with(route, data, options.into_host());
        let answer = task.await;
        answer
            .map(from_host)
            .map_err(|error| from_task_error(&error))
    }

    /// Calls a route whose handler answers item by item.
    ///
    /// # Errors
    /// Where the data is none. What the handler fails with is an item.
    pub fn stream<Kind>(&self, route: &str, data: impl IntoPayload<Kind>) -> Result<TestItems> {
        let data = to_host(data.into_payload()?);
        Ok(TestItems(self.host().router().route_stream(route, data)))
    }

    /// The same with items for a handler that takes some.
    ///
    /// # Errors
    /// Where the data is none. What the handler fails with is an item.
    pub fn stream_with<Kind, ItemKind, T>(
        &self,
        route: &str,
        data: impl IntoPayload<Kind>,
        options: TaskOptions,
        items: impl Stream<Item = Result<T>> + Send + 'static,
    ) -> Result<TestItems>
    where
        T: IntoPayload<ItemKind> + 'static,
    {
        let data = to_host(data.into_payload()?);
        let items = items.map(|item| {
            let item = item.and_then(IntoPayload::into_payload);
            item.map(to_host).map_err(task_error)
        });
        let (router, options) = (self.host().router(), options.into_host());
        let items = Some(Box::pin(items) as PayloadStream);
        Ok(TestItems(
            router.route_stream_with(route, data, options, items),
        ))
    }
}

/// The items of an answer, from [`TestHost::stream`]. Dropping it cancels the handler.
pub struct TestItems(TaskStream);

impl TestItems {
    /// The next item; none after the last. [`read`](crate::ReadPayload::read) makes a typed value of it.
    ///
    /// # Errors
    /// What the handler failed with; it may go on after that.
    pub async fn next(&mut self) -> Option<Result<Payload>> {
        let item = self.0.next().await?;
        Some(item.map(from_host).map_err(|error| from_task_error(&error)))
    }

    /// All that are still to come.
    ///
    /// # Errors
    /// The first error that there is.
    pub async fn collect(mut self) -> Result<Vec<Payload>> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await {
            items.push(item?);
        }
        Ok(items)
    }
}

impl fmt::Debug for TestItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestItems").field(&self.0).finish()
    }
}

impl TaskOptions {
    fn into_host(self) -> HostOptions {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        let mut options = HostOptions::default();
        options.deadline = self
            .deadline
            .map(|deadline| tokio::time::Instant::now() + left(deadline));
        options.key = self.key.map(Into::into);
        options.idempotent = self.idempotent;
        self.labels
            .into_iter()
            .fold(options, |all, (name, value)| all.label(name, value))
    }
}

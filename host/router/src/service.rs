//! A route as a `tower` service, so that whatever is made of those can be put round it, and the route behind whatever calls them.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use crate::{Payload, Router, TaskError, TaskOptions};

/// A route as a service, from [`Router::service`](crate::Router::service). It is always ready: a task waits for its place after it was sent, in the order of all tasks, and one that
/// finds the queue full fails as [`Overloaded`](crate::ErrorKind::Overloaded).
#[derive(Clone)]
pub struct RouteService {
    router: Router,
    route: Arc<str>,
    options: TaskOptions,
}

impl RouteService {
    pub(crate) fn new(router: &Router, route: &str) -> Self {
        Self {
            router: router.clone(),
            route: route.into(),
            options: TaskOptions::default(),
        }
    }

    /// Sends each task with these options.
    #[must_use]
    pub fn options(mut self, options: TaskOptions) -> Self {
        self.options = options;
        self
    }
}

impl<P: Into<Payload>> Service<P> for RouteService {
    type Response = Payload;
    type Error = TaskError;
    type Future = Pin<Box<dyn Future<Output = Result<Payload, TaskError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TaskError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, data: P) -> Self::Future {
        let (service, data) = (self.clone(), data.into());
        Box::pin(async move {
            let Self {
                router,
                route,
                options,
            } = service;
            router.route_task_with(&route, data, options).await
        })
    }
}

impl fmt::Debug for RouteService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteService({:?})", self.route)
    }
}

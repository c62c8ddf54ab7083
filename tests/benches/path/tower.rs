//! The same policies from `tower`, round plain functions: in the cheapest form, where one caller owns the whole stack, and with the buffer before the
//! balancer that calls from several tasks need, since a balancer cannot be shared.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Runtime;
use tower::balance::p2c::Balance;
use tower::buffer::Buffer;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, Load, PeakEwma, PendingRequests};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

use crate::ours::{batches, runtime};
use crate::rounds::Row;
use crate::{AGENTS, SIZE, policy};

/// Answers its input.
#[derive(Debug, Clone)]
pub(crate) struct Echo;

impl Service<Bytes> for Echo {
    type Response = Bytes;
    type Error = Infallible;
    type Future = Ready<Result<Bytes, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, data: Bytes) -> Self::Future {
        ready(Ok(data))
    }
}

pub(crate) fn pending() -> Vec<PendingRequests<Echo>> {
    let measured = |_| PendingRequests::new(Echo, CompleteOnResponse::default());
    (0..AGENTS).map(measured).collect()
}

pub(crate) fn peak_ewma() -> Vec<PeakEwma<Echo>> {
    // It asks the clock of the runtime that it is made in.
    let runtime = runtime();
    let _inside = runtime.enter();
    let (first, decay) = (Duration::from_millis(30), Duration::from_secs(10));
    let measured = |_| {
        let completion = CompleteOnResponse::default();
        PeakEwma::new(Echo, first, decay.as_nanos() as f64, completion)
    };
    (0..AGENTS).map(measured).collect()
}

pub(crate) fn balanced<S>(name: &str, services: Vec<S>) -> Row
where
    S: Service<Bytes, Response = Bytes, Error = Infallible> + Load + 'static,
    S::Metric: Debug,
{
    row(name, Balance::new(ServiceList::new(services)))
}

/// The same where tasks share the balancer.
pub(crate) fn buffered<S>(name: &str, services: Vec<S>) -> Row
where
    S: Service<Bytes, Response = Bytes, Error = Infallible> + Load + Send + 'static,
    S::Metric: Debug,
    S::Future: Send,
{
    let runtime = runtime();
    let balance = Balance::new(ServiceList::new(services));
    let (buffer, worker) = Buffer::pair(balance, policy::MAX_CONCURRENT);
    runtime.spawn(worker);
    row_in(runtime, name, buffer)
}

pub(crate) fn alone(name: &str) -> Row {
    row(name, Echo)
}

fn row<S>(name: &str, service: S) -> Row
where
    S: Service<Bytes, Response = Bytes> + 'static,
    S::Error: Into<BoxError>,
{
    row_in(runtime(), name, service)
}

fn row_in<S>(runtime: Rc<Runtime>, name: &str, service: S) -> Row
where
    S: Service<Bytes, Response = Bytes> + 'static,
    S::Error: Into<BoxError>,
{
    let mut service = ServiceBuilder::new()
        .timeout(policy::TIMEOUT)
        .concurrency_limit(policy::MAX_CONCURRENT)
        .service(service);
    let input = Bytes::from(vec![7; SIZE]);
    let run = move |calls| {
        runtime.block_on(batches(calls, &input, async |data| {
            let ready = service.ready().await.expect("a place");
            let answer = ready.call(data).await.expect("an answer");
            black_box(answer.as_ptr());
        }))
    };
    Row {
        name: name.to_owned(),
        run: Box::new(run),
    }
}

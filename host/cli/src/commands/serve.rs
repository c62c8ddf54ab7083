//! What a running host answers on its control socket.
//!
//! The socket is served on the control runtime, where no plugin code runs; each call runs on a thread of its own.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use agentsys_host::{
    Answer as HostAnswer, ContentType, Host, HostError, ItemsApart, Payload, TaskError, TaskOptions,
};
use bytes::Bytes;
use futures_util::stream;
use tokio::time::Instant;

use crate::control::{Answer, Request, Response};

use super::snapshot;

type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The answers of a host that serves from now on.
pub(super) fn handler(host: &Host) -> impl Fn(Request, Bytes) -> Answering + Send + Sync + 'static {
    let host = host.clone();
    let since = SystemTime::now();
    move |request, body| {
        let host = host.clone();
        Box::pin(async move {
            let answer = match request {
                Request::Call {
                    route,
                    content_type,
                    timeout,
                    streams,
                } => {
                    let data = Payload::new(body, ContentType::new(&content_type));
                    if streams {
                        return call(&host, &route, data, timeout).await;
                    }
                    reply(call_once(&host, &route, data, timeout).await)
                }
                Request::Plugins => (Response::Plugins(json(&host.plugins())), Bytes::new()),
                Request::Routes => (Response::Routes(json(&host.routes())), Bytes::new()),
                Request::Status => report(&snapshot::status(&host, since)),
                Request::Metrics => report(&snapshot::metrics(&host)),
                Request::Prometheus => report(&host.metrics().to_prometheus().into()),
                Request::Errors => report(&snapshot::errors(&host)),
                Request::Events => report(&snapshot::events(&host)),
                Request::Reload {
                    plugin,
                    to_previous,
                } => {
                    let reloaded = if to_previous {
                        host.reload_previous(&plugin).await
                    } else {
                        host.reload(&plugin).await
                    };
                    done(&host, &plugin, reloaded.map(drop))
                }
                Request::Enable { plugin } => done(&host, &plugin, host.enable(&plugin).await),
                Request::Disable { plugin } => done(&host, &plugin, host.disable(&plugin).await),
            };
            answer.into()
        })
    }
}

/// Routes a task, which may be answered item by item; `timeout` may shorten its time.
pub(super) async fn call(
    host: &Host,
    route: &str,
    data: Payload,
    timeout: Option<Duration>,
) -> Answer {
    let answer = host.route_stream_apart(route, data, options(timeout), None);
    match answer.await {
        Ok(HostAnswer::Items(items)) => {
            Answer::Items(Box::pin(stream::unfold(items, async |mut items| {
                Some((next(&mut items).await?, items))
            })))
        }
        Ok(HostAnswer::One(answer)) => reply(Ok(answer)).into(),
        Err(error) => reply(Err(error)).into(),
    }
}

/// As [`call`], of a handler that answers once.
pub(super) async fn call_once(
    host: &Host,
    route: &str,
    data: Payload,
    timeout: Option<Duration>,
) -> Result<Payload, TaskError> {
    host.route_apart(route, data, options(timeout)).await
}

async fn next(items: &mut ItemsApart) -> Option<(Response, Bytes)> {
    Some(match items.next().await? {
        Ok(item) => {
            let (bytes, content_type) = item.into_parts();
            let content_type = content_type.to_string();
            (Response::Item { content_type }, bytes)
        }
        Err(error) => {
            let error = (&error).into();
            (Response::ItemFailed { error }, Bytes::new())
        }
    })
}

fn options(timeout: Option<Duration>) -> TaskOptions {
    match timeout.and_then(|timeout| Instant::now().checked_add(timeout)) {
        Some(deadline) => TaskOptions::default().deadline(deadline),
        None => TaskOptions::default(),
    }
}

fn done(host: &Host, plugin: &str, result: Result<(), HostError>) -> (Response, Bytes) {
    let response = match result {
        Ok(()) => {
            let mut all = host.plugins().into_iter();
            Response::Done(json(&all.find(|known| known.name == plugin)))
        }
        Err(error) => Response::Refused {
            message: error.to_string(),
        },
    };
    (response, Bytes::new())
}

fn reply(answer: Result<Payload, TaskError>) -> (Response, Bytes) {
    match answer {
        Ok(payload) => {
            let (bytes, content_type) = payload.into_parts();
            let content_type = content_type.to_string();
            (Response::Reply { content_type }, bytes)
        }
        Err(error) => {
            let error = (&error).into();
            (Response::Failed { error }, Bytes::new())
        }
    }
}

fn report(report: &serde_json::Value) -> (Response, Bytes) {
    (Response::Report, report.to_string().into())
}

fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

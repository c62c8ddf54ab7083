//! What a running host answers on its control socket.
//!
//! The socket is served on the control runtime, where no plugin code runs; each call runs on a thread of its own.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use agentsys_host::{ContentType, Host, HostError, Payload, TaskError, TaskOptions};
use bytes::Bytes;
use tokio::time::Instant;

use crate::control::{Request, Response};

use super::snapshot;

type Answer = Pin<Box<dyn Future<Output = (Response, Bytes)> + Send>>;

/// The answers of a host that serves from now on.
pub(super) fn handler(host: &Host) -> impl Fn(Request, Bytes) -> Answer + Send + Sync + 'static {
    let host = host.clone();
    let since = SystemTime::now();
    move |request, body| {
        let host = host.clone();
        Box::pin(async move {
            match request {
                Request::Call {
                    route,
                    content_type,
                    timeout,
                } => {
                    let data = Payload::new(body, ContentType::new(&content_type));
                    reply(call(&host, &route, data, timeout).await)
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
            }
        })
    }
}

/// Routes a task; `timeout` may shorten its time.
pub(super) async fn call(
    host: &Host,
    route: &str,
    data: Payload,
    timeout: Option<Duration>,
) -> Result<Payload, TaskError> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let options = match deadline {
        Some(deadline) => TaskOptions::default().deadline(deadline),
        None => TaskOptions::default(),
    };
    host.route_apart(route, data, options).await
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

//! The control socket as its two ends see it, over real sockets; what needs a clock, or bytes
//! that no client of ours would send, over a pipe in memory.

#![allow(clippy::unwrap_used, reason = "tests")]

mod address;
mod connection;
mod exchange;
mod frame;
mod items;
mod message;
mod server;

use std::{path::Path, time::Duration};

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::error::ControlError;
use super::frame::FrameLimits;
use super::lock::StateLock;
use super::{
    Answer, ClientError, ControlClient, ControlServer, Request, Response, ServerLimits, WireError,
};

/// A server with a handler, in a task of its own.
struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<Result<StateLock, ControlError>>,
}

impl Running {
    fn start<H, F>(state_dir: &Path, handler: H) -> Self
    where
        H: Fn(Request, Bytes) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        Self::start_with(state_dir, ServerLimits::default(), handler)
    }

    fn start_with<H, F>(state_dir: &Path, limits: ServerLimits, handler: H) -> Self
    where
        H: Fn(Request, Bytes) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let server = ControlServer::bind(state_dir).unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(server.serve(handler, limits, shutdown.clone()));
        Self { shutdown, task }
    }

    async fn stop(self) -> StateLock {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap()
    }
}

/// Answers a call with its own payload, and says the route in place of the content type.
async fn echo(request: Request, body: Bytes) -> Answer {
    let answer = match request {
        Request::Call { route, .. } => (
            Response::Reply {
                content_type: route,
            },
            body,
        ),
        Request::Plugins => (
            Response::Plugins(serde_json::json!([{"name": "echo"}])),
            body,
        ),
        Request::Routes => (Response::Routes(serde_json::json!([])), body),
        Request::Status
        | Request::Metrics
        | Request::Prometheus
        | Request::Errors
        | Request::Events => (Response::Report, Bytes::from_static(b"[]")),
        Request::Reload { plugin, .. }
        | Request::Enable { plugin }
        | Request::Disable { plugin } => (Response::Done(plugin.into()), body),
    };
    answer.into()
}

fn call(route: &str) -> Request {
    Request::Call {
        route: route.into(),
        content_type: "text/plain".into(),
        timeout: None,
        streams: true,
    }
}

fn reply(route: &str) -> Response {
    Response::Reply {
        content_type: route.into(),
    }
}

async fn connect(state_dir: &Path) -> ControlClient {
    ControlClient::connect(state_dir).await.unwrap()
}

/// Turns what would hang into a failure; it is never waited for in a test that passes.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), event)
        .await
        .unwrap()
}

/// The message of a refusal.
fn refusal(response: Response) -> String {
    match response {
        Response::Refused { message } => message,
        other => panic!("not a refusal: {other:?}"),
    }
}

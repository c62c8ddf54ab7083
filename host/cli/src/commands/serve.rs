//! What a running host answers on its control socket.
//!
//! The socket is served on the control runtime, where no plugin code runs. Calls run on the workers, and are given up
//! here a moment after their own time is over, since a worker that a plugin never gives back cannot say so itself.

use std::future::Future;
use std::time::Duration;

use agentsys_host::{ContentType, ErrorKind, Host, Payload, TaskError, TaskOptions};
use bytes::Bytes;
use tokio_util::task::AbortOnDropHandle;

use crate::control::{Request, Response};

/// How long after a task's time its worker may take to say that it is over.
const GRACE: Duration = Duration::from_secs(1);

pub(super) fn handler(
    host: &Host,
) -> impl Fn(Request, Bytes) -> std::pin::Pin<Box<dyn Future<Output = (Response, Bytes)> + Send>>
+ Send
+ Sync
+ 'static {
    let host = host.clone();
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
                    reply(call(&host, route, data, timeout).await)
                }
                Request::Plugins => (Response::Plugins(json(&host.plugins())), Bytes::new()),
                Request::Routes => (Response::Routes(json(&host.routes())), Bytes::new()),
            }
        })
    }
}

/// Routes a task on the workers.
pub(super) async fn call(
    host: &Host,
    route: String,
    data: Payload,
    timeout: Option<Duration>,
) -> Result<Payload, TaskError> {
    let limit = host.router().policy(&route).map(|policy| policy.timeout);
    let limit = match (limit, timeout) {
        (Some(policy), Some(asked)) => policy.min(asked),
        (policy, asked) => policy.or(asked).unwrap_or_default(),
    };
    let mut options = TaskOptions::default();
    if let Some(deadline) =
        timeout.and_then(|timeout| tokio::time::Instant::now().checked_add(timeout))
    {
        options = options.deadline(deadline);
    }
    let (router, name) = (host.router().clone(), route.clone());
    let task = host
        .workers()
        .spawn(async move { router.route_task_with(&name, data, options).await });
    match tokio::time::timeout(limit.saturating_add(GRACE), AbortOnDropHandle::new(task)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(lost)) => Err(TaskError::new(
            ErrorKind::Internal,
            format!("the task was lost: {lost}"),
        )),
        Err(_) => {
            let message = format!(
                "no answer from route `{route}` within {limit:?}; a handler does not return"
            );
            Err(TaskError::new(ErrorKind::Timeout, message).with_route(route))
        }
    }
}

fn reply(answer: Result<Payload, TaskError>) -> (Response, Bytes) {
    match answer {
        Ok(payload) => {
            let (bytes, content_type) = payload.into_parts();
            (
                Response::Reply {
                    content_type: content_type.to_string(),
                },
                bytes,
            )
        }
        Err(error) => (
            Response::Failed {
                error: (&error).into(),
            },
            Bytes::new(),
        ),
    }
}

fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

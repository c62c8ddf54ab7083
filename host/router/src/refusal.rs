//! What the router itself answers in place of an agent: every such message, in one place, so that
//! they read alike.

use std::sync::Arc;
use std::time::Duration;

use crate::directory::{Directory, Namesakes};
use crate::table::Table;
use crate::{ErrorKind, Task, TaskError, suggest};

/// A name may be on as many routes as it likes; an error is one line.
const MAX_LISTED: usize = 5;

#[cold]
pub(crate) fn not_running() -> TaskError {
    TaskError::new(
        ErrorKind::NotRunning,
        "the router is not running: it takes no tasks before its start and after its stop",
    )
    .retryable(true)
}

#[cold]
pub(crate) fn no_such_route(route: &str, table: &Table) -> TaskError {
    let hint = suggest::did_you_mean(route, table.names());
    TaskError::new(
        ErrorKind::NotFound,
        format!("no route is named {route:?}{hint}"),
    )
    .with_route(route)
}

#[cold]
pub(crate) fn route_gone(route: &str) -> TaskError {
    TaskError::new(
        ErrorKind::Unavailable,
        format!("route {route:?} lost its last agent while the task waited"),
    )
    .with_route(route)
    .retryable(true)
}

#[cold]
pub(crate) fn no_such_agent(address: &str, directory: &Directory) -> TaskError {
    let addresses = |places: &[Namesakes]| {
        let listed = suggest::alternatives(places.iter().take(MAX_LISTED).map(Namesakes::address));
        match places.len().checked_sub(MAX_LISTED) {
            None | Some(0) => listed,
            Some(more) => format!("{listed} (and {more} more)"),
        }
    };
    let places = directory.routes_of(address);
    if !places.is_empty() {
        return TaskError::new(
            ErrorKind::InvalidInput,
            format!(
                "agents on several routes are named {address:?}: write {}",
                addresses(places)
            ),
        );
    }
    let message = match directory.elsewhere(address) {
        Some(places) => format!(
            "no agent is at {address:?}: one of that name is at {}",
            addresses(places)
        ),
        None => {
            let name = address.rsplit_once('/').map_or(address, |(name, _)| name);
            let hint = suggest::did_you_mean(name, directory.names());
            format!("no agent is named {address:?}{hint}")
        }
    };
    TaskError::new(ErrorKind::NotFound, message)
}

#[cold]
pub(crate) fn agent_gone(agent: &str, route: &str) -> TaskError {
    TaskError::new(
        ErrorKind::Unavailable,
        format!("agent {agent:?} left route {route:?} while the task waited"),
    )
    .with_route(route)
    .with_agent(agent)
    .retryable(true)
}

#[cold]
pub(crate) fn deadline_passed(route: &str) -> TaskError {
    TaskError::new(
        ErrorKind::Timeout,
        format!("the task's deadline had passed before route {route:?} began it"),
    )
    .with_route(route)
}

/// The task never reached an agent, so that another try does nothing twice.
#[cold]
pub(crate) fn no_place_in_time(task: &Task) -> TaskError {
    let after = shown(task.limit());
    TaskError::new(
        ErrorKind::Timeout,
        format!(
            "route {:?} timed out after {after} (waiting for a free place)",
            task.route()
        ),
    )
    .with_route(task.route())
    .retryable(true)
}

#[cold]
pub(crate) fn no_answer_in_time(route: &Arc<str>, agent: &Arc<str>, limit: Duration) -> TaskError {
    let after = shown(limit);
    TaskError::new(
        ErrorKind::Timeout,
        format!("agent {agent:?} on route {route:?} timed out after {after}"),
    )
    .at(route, agent)
}

#[cold]
pub(crate) fn no_item_in_time(route: &Arc<str>, agent: &Arc<str>, limit: Duration) -> TaskError {
    let after = shown(limit);
    TaskError::new(
        ErrorKind::Timeout,
        format!("agent {agent:?} on route {route:?} sent no further item within {after}"),
    )
    .at(route, agent)
}

#[cold]
pub(crate) fn stream_too_long(route: &Arc<str>, agent: &Arc<str>) -> TaskError {
    TaskError::new(
        ErrorKind::Timeout,
        format!("agent {agent:?} on route {route:?} still sent items at the task's deadline"),
    )
    .at(route, agent)
}

#[cold]
pub(crate) fn no_stream_wanted(route: &Arc<str>, agent: &Arc<str>) -> TaskError {
    TaskError::new(
        ErrorKind::InvalidInput,
        format!("agent {agent:?} on route {route:?} answers a stream of items: call it with `route_stream`"),
    )
    .at(route, agent)
}

/// The task never reached an agent, so that another try does nothing twice.
#[cold]
pub(crate) fn queue_full(route: &str, most: usize) -> TaskError {
    TaskError::new(
        ErrorKind::Overloaded,
        match most {
            0 => format!("route {route:?} is overloaded: all places are taken, and no task may wait (max_queue = 0)"),
            _ => format!("route {route:?} is overloaded: {most} tasks wait for a free place already (limit: max_queue)"),
        },
    )
    .with_route(route)
    .retryable(true)
}

#[cold]
pub(crate) fn one_agent_gone(route: &str) -> TaskError {
    TaskError::new(
        ErrorKind::Unavailable,
        format!("the agent has left route {route:?}"),
    )
    .with_route(route)
    .retryable(true)
}

#[cold]
pub(crate) fn deadline_in_interceptors(route: &str) -> TaskError {
    TaskError::new(
        ErrorKind::Timeout,
        format!("the task's deadline passed while interceptors had it, for route {route:?}"),
    )
    .with_route(route)
}

#[cold]
pub(crate) fn interceptor_too_slow(interceptor: &str, limit: Duration) -> TaskError {
    let after = shown(limit);
    TaskError::new(
        ErrorKind::Timeout,
        format!("interceptor {interceptor:?} did not let the task through within {after}"),
    )
}

#[cold]
pub(crate) fn interceptor_panicked(interceptor: &str, message: &str) -> TaskError {
    TaskError::new(
        ErrorKind::Panicked,
        format!("interceptor {interceptor:?} panicked: {message}"),
    )
}

/// A layer's own error, of a kind that nobody knows.
#[cold]
pub(crate) fn layer_failed(error: &(dyn std::error::Error + 'static)) -> TaskError {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let message = format!("a layer round the task refused it: {error}");
    TaskError::new(ErrorKind::Unavailable, message).with_causes(causes.map(ToString::to_string))
}

#[cold]
pub(crate) fn cut_off(route: &str) -> TaskError {
    TaskError::new(
        ErrorKind::Cancelled,
        format!("the router stopped before route {route:?} had answered"),
    )
    .with_route(route)
    .retryable(true)
}

#[cold]
pub(crate) fn replaced(route: &Arc<str>, agent: &Arc<str>) -> TaskError {
    TaskError::new(
        ErrorKind::Cancelled,
        format!("agent {agent:?} on route {route:?} was replaced, and did not finish within the time to drain"),
    )
    .at(route, agent)
    .retryable(true)
}

#[cold]
pub(crate) fn panicked(route: &Arc<str>, agent: &Arc<str>, message: &str) -> TaskError {
    TaskError::new(
        ErrorKind::Panicked,
        format!("agent {agent:?} on route {route:?} panicked: {message}"),
    )
    .at(route, agent)
}

#[cold]
pub(crate) fn too_many_hops(route: &str, parent: &Task, max_hops: u32) -> TaskError {
    let mut path = parent.path();
    let again = path.iter().rposition(|earlier| earlier == route);
    path.push(route.to_owned());
    let message = match again {
        Some(start) => format!(
            "agents call each other in a circle: {} (limit: {max_hops} hops)",
            path[start..].join(" -> ")
        ),
        None => format!(
            "tasks nested too deeply: {} (limit: {max_hops} hops)",
            path.join(" -> ")
        ),
    };
    TaskError::new(ErrorKind::LoopDetected, message).with_route(route)
}

#[cold]
pub(crate) fn no_timer(route: &str) -> TaskError {
    TaskError::new(
        ErrorKind::Internal,
        "no tokio runtime to keep the task's time: call within one, or give the router one",
    )
    .with_route(route)
}

/// A person reads it: whole milliseconds, unless there is less than one.
fn shown(limit: Duration) -> String {
    let millis = Duration::from_millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
    format!("{:?}", if millis.is_zero() { limit } else { millis })
}

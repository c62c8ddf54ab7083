//! Telling a watcher which tasks failed: for a log, for metrics. Only failures are told, since
//! nothing is added to the path of a task that is answered.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::panics::message_of;
use crate::router::Shared;
use crate::{Task, TaskError, TraceId};

/// Is told of tasks that failed.
pub trait TaskObserver: Send + Sync + 'static {
    /// Called once for each task that failed, after its last attempt and before its caller gets the
    /// error, on the caller's thread; it must not block. Tasks that the router refuses have failed
    /// too; one whose caller dropped its future has not. A panic in here is caught and logged.
    fn failed(&self, failed: &FailedTask<'_>);
}

impl fmt::Debug for dyn TaskObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskObserver")
    }
}

/// A task that failed.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedTask<'a> {
    /// The route that was called. Where there is none of that name, the name that was called, which
    /// may be any text.
    pub route: &'a str,
    /// Whether there is such a route: what metrics may use as a label.
    pub known_route: bool,
    /// The task's number, which no other task of this process has.
    pub task_id: u64,
    /// What it has in common with those it was nested in.
    pub trace_id: TraceId,
    /// How many tasks it was nested in.
    pub hops: u32,
    /// The size of its data.
    pub input_bytes: usize,
    /// How often it was tried; 0 for one that the router refused at once. The error's own count is
    /// that of a nested task, where that one's failure is handed on.
    pub attempts: u32,
    /// Why it failed.
    pub error: &'a TaskError,
}

/// Tells the observer, if there is one, of a task that came to a route.
pub(crate) fn tell_of(
    shared: &Shared,
    task: &Task,
    input_bytes: usize,
    attempts: u32,
    error: &TaskError,
) {
    let Some(observer) = &shared.observer else {
        return;
    };
    let failed = FailedTask {
        route: task.route(),
        known_route: true,
        task_id: task.id(),
        trace_id: task.trace_id(),
        hops: task.hops(),
        input_bytes,
        attempts,
        error,
    };
    tell(observer, &failed);
}

pub(crate) fn tell(observer: &Arc<dyn TaskObserver>, failed: &FailedTask<'_>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| observer.failed(failed))) {
        tracing::error!(
            route = %failed.route,
            "the observer of failed tasks panicked: {}",
            message_of(&*panic),
        );
    }
}

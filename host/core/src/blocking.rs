//! The bounded pool of threads on which one plugin's `blocking` handlers run.
//!
//! A handler that blocks cannot be stopped. When its caller gives up, it is told so, and keeps its place and its lease until it returns: so a
//! plugin that hangs uses up its own places, and nobody else's.

use std::sync::Arc;

use agentsys_loader::{Data, Failure, Instance, Invoked, Outcome, failure_kind, may_block};
use agentsys_router::{ErrorKind, Payload, Reply, Task, TaskError};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::task::KeptTask;

/// However many threads a plugin or a config asks for.
const MOST_THREADS: usize = 512;

pub(crate) struct BlockingPool {
    places: Arc<Semaphore>,
    size: usize,
    workers: Handle,
}

impl BlockingPool {
    pub(crate) fn new(size: usize, workers: Handle) -> Self {
        let size = size.clamp(1, MOST_THREADS);
        Self {
            places: Arc::new(Semaphore::new(size)),
            size,
            workers,
        }
    }

    /// Calls a handler on a thread of the pool. `finish` sees its outcome, also when nobody waits for that any more.
    pub(crate) fn call<F>(
        &self,
        instance: Arc<Instance>,
        handler: u32,
        task: &Task,
        data: Data,
        finish: F,
    ) -> Reply
    where
        F: FnOnce(Outcome) -> Result<Payload, TaskError> + Send + 'static,
    {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let message = format!(
                "all {} threads for the plugin's blocking handlers are in use",
                self.size
            );
            let failure = Failure::new(failure_kind::OVERLOADED, message);
            return Reply::Ready(finish(Err(Failure {
                retryable: true,
                ..failure
            })));
        };
        let caller_gone = CancellationToken::new();
        let on_drop = caller_gone.clone().drop_guard();
        let kept = KeptTask {
            task: Arc::new(task.clone()),
            caller_gone: Some(caller_gone),
        };
        let handle = self.workers.clone();
        let running = self.workers.spawn_blocking(move || {
            let _may_block = may_block();
            let outcome = match instance.invoke(handler, &kept, data, None) {
                Invoked::Ready(outcome) => outcome,
                invoked => handle.block_on(invoked.outcome()),
            };
            let answer = finish(outcome);
            drop(instance);
            drop(place);
            answer
        });
        Reply::pending(async move {
            let _on_drop = on_drop;
            running.await.unwrap_or_else(|error| {
                let message = format!("the thread of the blocking handler ended: {error}");
                Err(TaskError::new(ErrorKind::Internal, message))
            })
        })
    }
}

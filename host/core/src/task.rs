//! The router's tasks, as the loader hands them to plugins.

use std::sync::Arc;
use std::time::Duration;

use agentsys_loader::{SharedTask, Task};
use agentsys_router::Task as RouterTask;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A task for the length of a call.
pub(crate) struct BorrowedTask<'a>(pub(crate) &'a RouterTask);

/// A task that outlives its call.
pub(crate) struct KeptTask {
    pub(crate) task: Arc<RouterTask>,
    /// Whether its caller is gone, where nobody can drop its future: on a thread that blocks.
    pub(crate) caller_gone: Option<CancellationToken>,
}

impl Task for BorrowedTask<'_> {
    fn id(&self) -> u64 {
        self.0.id()
    }

    fn hops(&self) -> u32 {
        self.0.hops()
    }

    fn remaining(&self) -> Option<Duration> {
        remaining(self.0)
    }

    fn is_cancelled(&self) -> bool {
        remaining(self.0).is_some_and(|left| left.is_zero())
    }

    fn key(&self) -> Option<&[u8]> {
        self.0.key().map(|key| &**key)
    }

    fn label(&self, name: &str) -> Option<&str> {
        self.0.labels().get(name)
    }

    fn label_at(&self, place: usize) -> Option<(&str, &str)> {
        self.0.labels().iter().nth(place)
    }

    fn traceparent(&self) -> Option<String> {
        Some(self.0.traceparent().to_string())
    }

    fn share(&self) -> Arc<dyn SharedTask> {
        Arc::new(KeptTask {
            task: Arc::new(self.0.clone()),
            caller_gone: None,
        })
    }
}

impl Task for KeptTask {
    fn id(&self) -> u64 {
        self.task.id()
    }

    fn hops(&self) -> u32 {
        self.task.hops()
    }

    fn remaining(&self) -> Option<Duration> {
        remaining(&self.task)
    }

    fn is_cancelled(&self) -> bool {
        self.caller_gone
            .as_ref()
            .is_some_and(CancellationToken::is_cancelled)
            || remaining(&self.task).is_some_and(|left| left.is_zero())
    }

    fn key(&self) -> Option<&[u8]> {
        self.task.key().map(|key| &**key)
    }

    fn label(&self, name: &str) -> Option<&str> {
        self.task.labels().get(name)
    }

    fn label_at(&self, place: usize) -> Option<(&str, &str)> {
        self.task.labels().iter().nth(place)
    }

    fn traceparent(&self) -> Option<String> {
        Some(self.task.traceparent().to_string())
    }

    fn share(&self) -> Arc<dyn SharedTask> {
        Arc::new(Self {
            task: Arc::clone(&self.task),
            caller_gone: self.caller_gone.clone(),
        })
    }
}

fn remaining(task: &RouterTask) -> Option<Duration> {
    task.deadline()
        .map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

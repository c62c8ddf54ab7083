//! How the end of a task is counted and told, once for each task, whatever its end is.

use std::sync::Arc;

use tokio::time::Instant;

use crate::defeat::Defeat;
use crate::gate::Gate;
use crate::observer;
use crate::router::Shared;
use crate::under_way::Output;
use crate::{ErrorKind, Task, TaskError};

/// What is owed for a task until its end.
pub(crate) struct Account {
    gate: Arc<Gate>,
    input_bytes: usize,
    pub(crate) began: Instant,
    /// Whether its end is counted.
    settled: bool,
}

impl Account {
    pub(crate) fn new(gate: &Arc<Gate>, input_bytes: usize, began: Option<Instant>) -> Self {
        Self {
            gate: gate.clone(),
            input_bytes,
            began: began.unwrap_or_else(Instant::now),
            settled: false,
        }
    }

    /// For what is a part of a task with an account of its own.
    pub(crate) fn of_nobody(gate: &Arc<Gate>) -> Self {
        let mut account = Self::new(gate, 0, None);
        account.settled = true;
        account
    }

    /// What is answered item by item is timed at its end.
    pub(crate) fn succeed(&mut self, answer: &Output) {
        self.settled = true;
        if matches!(answer, Output::One(_)) {
            self.gate.meter.took(self.began.elapsed());
        }
    }

    /// The last word on a task: counts it, tells the observer.
    #[cold]
    pub(crate) fn fail(&mut self, task: &Task, shared: &Shared, defeat: Defeat) -> TaskError {
        self.settled = true;
        let attempts = defeat.attempts;
        let error = defeat.into_error();
        self.gate.meter.failed(error.kind());
        self.gate.meter.took(self.began.elapsed());
        observer::tell_of(shared, task, self.input_bytes, attempts, &error);
        error
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if !self.settled {
            // Its caller went away.
            self.gate.meter.failed(ErrorKind::Cancelled);
        }
    }
}

//! The end of a call of a plugin's: it is counted, and an instance that panicked is replaced.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use agentsys_loader::{Instance, Outcome};
use agentsys_router::{ErrorKind, Payload, Task, TaskError};
use tokio::time::Instant;

use crate::convert;
use crate::metrics::{CallMeter, PluginMeters, Timer};
use crate::serving::Serving;
use crate::slot::Slot;

/// What is done with an outcome. One that is dropped before its outcome was given up.
pub(crate) struct Finish {
    slot: Arc<Slot>,
    instance: Weak<Instance>,
    serving: Weak<Serving>,
    task: u64,
    count: Count,
}

impl Finish {
    /// Counts a call that begins.
    pub(crate) fn new(
        slot: &Arc<Slot>,
        serving: &Weak<Serving>,
        instance: &Arc<Instance>,
        meters: &Arc<PluginMeters>,
        task: &Task,
    ) -> Self {
        let timer = meters.calls.begin();
        Self::timed(slot, serving, instance, meters, task, timer)
    }

    pub(crate) fn timed(
        slot: &Arc<Slot>,
        serving: &Weak<Serving>,
        instance: &Arc<Instance>,
        meters: &Arc<PluginMeters>,
        task: &Task,
        timer: Timer,
    ) -> Self {
        Self {
            slot: Arc::clone(slot),
            instance: Arc::downgrade(instance),
            serving: Weak::clone(serving),
            task: task.id(),
            count: Count {
                meters: Arc::clone(meters),
                timer,
                deadline: task.deadline(),
                counted: false,
                shared: None,
            },
        }
    }

    /// The answer will come later, so the call is timed.
    pub(crate) fn later(mut self) -> Self {
        self.count.timer = CallMeter::later(self.count.timer);
        self
    }

    /// For who waits for the call, where that may go on without anybody: dropped before the end, the call was given up.
    pub(crate) fn awaited(&mut self) -> Count {
        let shared = Arc::new(AtomicBool::new(false));
        self.count.shared = Some(Arc::clone(&shared));
        Count {
            meters: Arc::clone(&self.count.meters),
            shared: Some(shared),
            ..self.count
        }
    }

    /// All items of the answer were there.
    pub(crate) fn finish_items(mut self) {
        self.count.end(None);
    }

    pub(crate) fn finish(mut self, outcome: Outcome) -> Result<Payload, TaskError> {
        match outcome {
            Ok(data) => {
                self.count.end(None);
                Ok(convert::payload(data))
            }
            Err(failure) => {
                if failure.poisoned
                    && let Some(instance) = self.instance.upgrade()
                    && let Some(serving) = self.serving.upgrade()
                {
                    serving.poisoned(&self.slot, &instance, self.task, &failure);
                }
                let error = convert::task_error(failure);
                self.count.end(Some(error.kind()));
                Err(error)
            }
        }
    }
}

/// Counts the end of one call, once.
pub(crate) struct Count {
    meters: Arc<PluginMeters>,
    timer: Timer,
    deadline: Option<Instant>,
    counted: bool,
    /// Whether it is counted, where two may do so.
    shared: Option<Arc<AtomicBool>>,
}

impl Count {
    fn end(&mut self, failed: Option<ErrorKind>) {
        let before = match &self.shared {
            Some(shared) => shared.swap(true, Ordering::Relaxed),
            None => self.counted,
        };
        self.counted = true;
        match failed {
            _ if before => {}
            None => self.meters.calls.answered(self.timer),
            Some(kind) => self.meters.calls.failed(self.timer, kind),
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        if !self.counted {
            let late = self
                .deadline
                .is_some_and(|deadline| deadline <= Instant::now());
            let kind = if late {
                ErrorKind::Timeout
            } else {
                ErrorKind::Cancelled
            };
            self.end(Some(kind));
        }
    }
}

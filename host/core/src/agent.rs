//! A plugin's handler as a member of a route.

use std::sync::{Arc, Weak};

use agentsys_loader::{Instance, Invoked, Outcome};
use agentsys_router::{Agent, AgentInfo, ErrorKind, Payload, Reply, Task, TaskError};
use tokio::time::Instant;

use crate::blocking::BlockingPool;
use crate::convert;
use crate::metrics::{CallMeter, PluginMeters, Timer};
use crate::serving::Serving;
use crate::slot::Slot;
use crate::task::{BorrowedTask, KeptTask};

/// One handler of one instance.
#[derive(Clone)]
pub(crate) struct PluginAgent {
    pub(crate) info: AgentInfo,
    pub(crate) handler: u32,
    pub(crate) blocking: Option<Arc<BlockingPool>>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) meters: Arc<PluginMeters>,
    pub(crate) serving: Weak<Serving>,
}

impl Agent for PluginAgent {
    fn info(&self) -> &AgentInfo {
        &self.info
    }

    fn call(&self, task: &Task, data: Payload) -> Reply {
        let instance = self.slot.get();
        let Some(instance) = instance.as_ref() else {
            return self.call_later(task, data);
        };
        let data = convert::data(data);
        if let Some(pool) = &self.blocking {
            let finish = self.finish(&self.slot, instance, task).later();
            return pool.call(Arc::clone(instance), self.handler, task, data, |outcome| {
                finish.finish(outcome)
            });
        }
        let timer = self.meters.calls.begin();
        match instance.invoke(self.handler, &BorrowedTask(task), data, None) {
            Invoked::Ready(Ok(data)) => {
                self.meters.calls.answered(timer);
                Reply::Ready(Ok(convert::payload(data)))
            }
            invoked => reply(
                invoked,
                self.finish_timed(&self.slot, instance, task, timer),
            ),
        }
    }
}

/// The router's reply from a plugin's.
pub(crate) fn reply(invoked: Invoked, finish: Finish) -> Reply {
    match invoked {
        Invoked::Ready(outcome) => Reply::Ready(finish.finish(outcome)),
        Invoked::Pending(call) => {
            let finish = finish.later();
            Reply::pending(async move { finish.finish(call.await) })
        }
    }
}

impl PluginAgent {
    /// Calls another instance of the plugin, or waits for the one that is to come: a lazy plugin's first, or the fresh one that takes a poisoned one's place.
    fn call_later(&self, task: &Task, data: Payload) -> Reply {
        let other = self.serving.upgrade().and_then(|serving| {
            if self.slot.claim_first() {
                serving.fill_first(Arc::clone(&self.slot));
            }
            serving.another()
        });
        let (this, task) = (self.clone(), Arc::new(task.clone()));
        Reply::pending(async move {
            let (slot, instance) = match other {
                Some(other) => other,
                None => {
                    let instance = this.slot.wait().await.map_err(convert::task_error)?;
                    (Arc::clone(&this.slot), instance)
                }
            };
            let data = convert::data(data);
            let finish = this.finish(&slot, &instance, &task).later();
            let invoked = match &this.blocking {
                Some(pool) => {
                    let finish = |outcome| finish.finish(outcome);
                    return match pool.call(instance, this.handler, &task, data, finish) {
                        Reply::Ready(answer) => answer,
                        Reply::Pending(future) => future.await,
                    };
                }
                None => {
                    let kept = KeptTask {
                        task,
                        caller_gone: None,
                    };
                    instance.invoke(this.handler, &kept, data, None)
                }
            };
            drop(instance);
            finish.finish(invoked.outcome().await)
        })
    }

    fn finish(&self, slot: &Arc<Slot>, instance: &Arc<Instance>, task: &Task) -> Finish {
        Finish::new(slot, &self.serving, instance, &self.meters, task)
    }

    fn finish_timed(
        &self,
        slot: &Arc<Slot>,
        instance: &Arc<Instance>,
        task: &Task,
        timer: Timer,
    ) -> Finish {
        Finish::timed(slot, &self.serving, instance, &self.meters, task, timer)
    }
}

/// What is done with an outcome: it is counted, and an instance that panicked is replaced. One that is dropped before its outcome was given up.
pub(crate) struct Finish {
    slot: Arc<Slot>,
    instance: Weak<Instance>,
    serving: Weak<Serving>,
    meters: Arc<PluginMeters>,
    timer: Timer,
    deadline: Option<Instant>,
    ended: bool,
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

    fn timed(
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
            meters: Arc::clone(meters),
            timer,
            deadline: task.deadline(),
            ended: false,
        }
    }

    /// The answer will come later, so the call is timed.
    fn later(mut self) -> Self {
        self.timer = CallMeter::later(self.timer);
        self
    }

    fn finish(mut self, outcome: Outcome) -> Result<Payload, TaskError> {
        self.ended = true;
        match outcome {
            Ok(data) => {
                self.meters.calls.answered(self.timer);
                Ok(convert::payload(data))
            }
            Err(failure) => {
                if failure.poisoned
                    && let Some(instance) = self.instance.upgrade()
                    && let Some(serving) = self.serving.upgrade()
                    && let Some(delay) = self.slot.poison(&instance)
                {
                    serving.replace_poisoned(Arc::clone(&self.slot), instance, delay, &failure);
                }
                let error = convert::task_error(failure);
                self.meters.calls.failed(self.timer, error.kind());
                Err(error)
            }
        }
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        if !self.ended {
            let late = self
                .deadline
                .is_some_and(|deadline| deadline <= Instant::now());
            let kind = if late {
                ErrorKind::Timeout
            } else {
                ErrorKind::Cancelled
            };
            self.meters.calls.failed(self.timer, kind);
        }
    }
}

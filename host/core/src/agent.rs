//! A plugin's handler as a member of a route.

use std::sync::{Arc, Weak};

use agentsys_loader::{Instance, Invoked, Outcome};
use agentsys_router::{Agent, AgentInfo, Payload, Reply, Task, TaskError};

use crate::blocking::BlockingPool;
use crate::convert;
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
            let finish = Finish::new(&self.slot, &self.serving, instance);
            return pool.call(Arc::clone(instance), self.handler, task, data, |outcome| {
                finish.finish(outcome)
            });
        }
        match instance.invoke(self.handler, &BorrowedTask(task), data, None) {
            Invoked::Ready(Ok(data)) => Reply::Ready(Ok(convert::payload(data))),
            Invoked::Ready(outcome) => {
                Reply::Ready(Finish::new(&self.slot, &self.serving, instance).finish(outcome))
            }
            Invoked::Pending(call) => {
                let finish = Finish::new(&self.slot, &self.serving, instance);
                Reply::pending(async move { finish.finish(call.await) })
            }
        }
    }
}

impl PluginAgent {
    /// Calls another instance of the plugin, or waits for the fresh one that takes a poisoned one's place.
    fn call_later(&self, task: &Task, data: Payload) -> Reply {
        let other = self.serving.upgrade().and_then(|serving| serving.another());
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
            let finish = Finish::new(&slot, &this.serving, &instance);
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
}

/// What is done with an outcome: an instance that panicked is replaced.
struct Finish {
    slot: Arc<Slot>,
    instance: Weak<Instance>,
    serving: Weak<Serving>,
}

impl Finish {
    fn new(slot: &Arc<Slot>, serving: &Weak<Serving>, instance: &Arc<Instance>) -> Self {
        Self {
            slot: Arc::clone(slot),
            instance: Arc::downgrade(instance),
            serving: Weak::clone(serving),
        }
    }

    fn finish(self, outcome: Outcome) -> Result<Payload, TaskError> {
        match outcome {
            Ok(data) => Ok(convert::payload(data)),
            Err(failure) => {
                if failure.poisoned
                    && let Some(instance) = self.instance.upgrade()
                    && let Some(serving) = self.serving.upgrade()
                    && let Some(delay) = self.slot.poison(&instance)
                {
                    serving.replace_poisoned(self.slot, instance, delay, &failure);
                }
                Err(convert::task_error(failure))
            }
        }
    }
}

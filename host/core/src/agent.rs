//! A plugin's handler as a member of a route.

use std::sync::{Arc, Weak};

use agentsys_loader::{Data, Instance, Invoked};
use agentsys_router::{Agent, AgentInfo, ErrorKind, Payload, Reply, Task, TaskError};

use crate::blocking::BlockingPool;
use crate::convert;
use crate::finish::Finish;
use crate::metrics::{PluginMeters, Timer};
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
            return self.call_on(pool, &self.slot, Arc::clone(instance), task, data);
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

/// A future is of one answer.
#[cold]
fn stream_for_one_answer() -> TaskError {
    TaskError::new(
        ErrorKind::Internal,
        "the handler answered a stream where one answer was awaited",
    )
}

/// The router's reply from a plugin's.
pub(crate) fn reply(invoked: Invoked, finish: Finish) -> Reply {
    match invoked {
        Invoked::Ready(outcome) => Reply::Ready(finish.finish(outcome)),
        // A stream too, for which the router has no place yet: it is refused.
        invoked => {
            let finish = finish.later();
            Reply::pending(async move { finish.finish(invoked.outcome().await) })
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
            if let Some(pool) = &this.blocking {
                return match this.call_on(pool, &slot, instance, &task, data) {
                    Reply::Ready(answer) => answer,
                    Reply::Pending(future) => future.await,
                    Reply::Stream(_) => Err(stream_for_one_answer()),
                };
            }
            let finish = this.finish(&slot, &instance, &task).later();
            let kept = KeptTask {
                task,
                caller_gone: None,
            };
            let invoked = instance.invoke(this.handler, &kept, data, None);
            drop(instance);
            finish.finish(invoked.outcome().await)
        })
    }

    /// Calls a handler that blocks. The call is counted when it ends or is given up, whichever comes first: it may go on for long after that.
    fn call_on(
        &self,
        pool: &BlockingPool,
        slot: &Arc<Slot>,
        instance: Arc<Instance>,
        task: &Task,
        data: Data,
    ) -> Reply {
        let mut finish = self.finish(slot, &instance, task).later();
        let awaited = finish.awaited();
        let finish = |outcome| finish.finish(outcome);
        match pool.call(instance, self.handler, task, data, finish) {
            Reply::Pending(future) => Reply::pending(async move {
                let _awaited = awaited;
                future.await
            }),
            reply => reply,
        }
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

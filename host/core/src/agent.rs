//! A plugin's handler as a member of a route.

use std::sync::{Arc, Weak};

use agentsys_loader::{Data, Instance, Invoked};
use agentsys_router::{Agent, AgentInfo, Payload, PayloadStream, Reply, Task};
use futures_util::TryFutureExt;

use crate::blocking::BlockingPool;
use crate::convert;
use crate::finish::Finish;
use crate::form::{self, Form};
use crate::metrics::{PluginMeters, Timer};
use crate::serving::Serving;
use crate::slot::Slot;
use crate::streaming::{self, PluginItems, one};
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
            return self.call_later(task, data, None);
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
                task,
                self.finish_timed(&self.slot, instance, task, timer),
            ),
        }
    }

    fn call_with_items(&self, task: &Task, data: Payload, items: PayloadStream) -> Reply {
        let instance = self.slot.get();
        let Some(instance) = instance.as_ref() else {
            return self.call_later(task, data, Some(items));
        };
        let finish = self.finish(&self.slot, instance, task);
        invoke_with_items(instance, self.handler, task, data, items, finish)
    }
}

/// Calls a handler that may take items. One that blocks takes none, and says so before it does anything else.
pub(crate) fn invoke_with_items(
    instance: &Arc<Instance>,
    handler: u32,
    task: &Task,
    data: Payload,
    items: PayloadStream,
    finish: Finish,
) -> Reply {
    let (data, items) = (convert::data(data), streaming::to_plugin(items));
    let invoked = instance.invoke_with_items(handler, &BorrowedTask(task), data, items, None);
    reply(invoked, task, finish)
}

/// The router's reply from a plugin's.
pub(crate) fn reply(invoked: Invoked, task: &Task, finish: Finish) -> Reply {
    match invoked {
        Invoked::Ready(outcome) => Reply::Ready(finish.finish(outcome)),
        Invoked::Stream(items) => {
            form::tell(task, Form::Items);
            Reply::stream(PluginItems::new(items, finish))
        }
        Invoked::Pending(call) => {
            let finish = finish.later();
            Reply::pending(async move { finish.finish(call.await) })
        }
    }
}

impl PluginAgent {
    /// Calls another instance of the plugin, or waits for the one that is to come: a lazy plugin's first, or the fresh one that takes a poisoned one's place.
    fn call_later(&self, task: &Task, data: Payload, items: Option<PayloadStream>) -> Reply {
        let other = self.serving.upgrade().and_then(|serving| {
            if self.slot.claim_first() {
                serving.fill_first(Arc::clone(&self.slot));
            }
            serving.another()
        });
        let (this, streams, task) = (self.clone(), task.streams(), Arc::new(task.clone()));
        let asked = Arc::clone(&task);
        let call = async move {
            let (slot, instance) = match other {
                Some(other) => other,
                None => {
                    let instance = this.slot.wait().await.map_err(convert::task_error)?;
                    (Arc::clone(&this.slot), instance)
                }
            };
            Ok(this.call_instance(&slot, instance, task, data, items))
        };
        if !streams {
            return Reply::pending(async move { one(call.await?).await });
        }
        let items = move |reply| {
            if !matches!(reply, Reply::Stream(_)) {
                form::tell(&asked, Form::One);
            }
            streaming::of_reply(reply)
        };
        Reply::stream(call.map_ok(items).try_flatten_stream())
    }

    fn call_instance(
        &self,
        slot: &Arc<Slot>,
        instance: Arc<Instance>,
        task: Arc<Task>,
        data: Payload,
        items: Option<PayloadStream>,
    ) -> Reply {
        if let (Some(pool), None) = (&self.blocking, &items) {
            return self.call_on(pool, slot, instance, &task, convert::data(data));
        }
        let finish = self.finish(slot, &instance, &task);
        if let Some(items) = items {
            return invoke_with_items(&instance, self.handler, &task, data, items, finish);
        }
        let kept = KeptTask {
            task: Arc::clone(&task),
            caller_gone: None,
        };
        let invoked = instance.invoke(self.handler, &kept, convert::data(data), None);
        reply(invoked, &task, finish)
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

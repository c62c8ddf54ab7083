//! What a plugin asks of its host: its log, other agents, its namespace in the storage, its metrics.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;

use agentsys_loader::{
    AddedRoute, AgentAnswer, AgentAnswers, CallThreads, Data, DataStream, Failure, Instance,
    LogLine, MetricKind, MetricUpdate, Routed, SendOptions, Services, StorageAnswer,
    StorageOperation, Stored, Target, Task, failure_kind,
};
use agentsys_router::{Payload, Router, TaskError, TaskOptions};
use agentsys_storage::{Namespace, Scan, StorageError};
use arc_swap::ArcSwap;
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::added::AddedRoutes;
use crate::convert;
use crate::ground::{Ground, Settings};
use crate::metrics::PluginMeters;
use crate::runtimes::ComeBy;
use crate::serving::PROCESS;
use crate::streaming::{self, Entered};
use crate::task::KeptTask;

/// The host's services, for one generation of one plugin.
pub(crate) struct PluginServices {
    plugin: Arc<str>,
    router: Router,
    workers: Handle,
    storage: Result<Namespace, StorageError>,
    come_by: ComeBy,
    meters: Arc<PluginMeters>,
    added: AddedRoutes,
    settings: Arc<ArcSwap<Settings>>,
    /// How many metrics were refused.
    refused: AtomicU32,
}

/// However many names a plugin makes up, so many refusals are logged.
const REFUSALS_TOLD: u32 = 10;

impl PluginServices {
    pub(crate) fn new(ground: &Ground, plugin: &Arc<str>) -> Self {
        let meters = ground.metrics.plugin(plugin);
        Self {
            plugin: Arc::clone(plugin),
            router: ground.router.clone(),
            workers: ground.runtimes.workers().clone(),
            come_by: ground.runtimes.come_by().clone(),
            storage: ground.storage.namespace(plugin),
            added: AddedRoutes::new(ground.router.clone(), Arc::clone(&meters)),
            meters,
            settings: ground.settings(),
            refused: AtomicU32::new(0),
        }
    }

    /// The routes that the plugin's instances added.
    pub(crate) fn added(&self) -> &AddedRoutes {
        &self.added
    }
}

/// The most detailed level of the program's log: 0 none, 1 error, to 5 trace.
pub(crate) fn max_log_level() -> u32 {
    match LevelFilter::current().into_level() {
        None => 0,
        Some(Level::ERROR) => 1,
        Some(Level::WARN) => 2,
        Some(Level::INFO) => 3,
        Some(Level::DEBUG) => 4,
        Some(Level::TRACE) => 5,
    }
}

impl Services for PluginServices {
    fn max_log_level(&self) -> u32 {
        max_log_level()
    }

    fn log(&self, line: LogLine<'_>) {
        let LogLine {
            plugin,
            generation,
            level,
            target,
            message,
            fields,
        } = line;
        let fields = if fields == "{}" {
            None
        } else {
            Some(tracing::field::display(fields))
        };
        // The level of an event is part of the program's text, hence five of them.
        macro_rules! log {
            ($macro:ident) => {
                tracing::$macro!(target: "agentsys::plugin", plugin, generation, module = target, fields, "{message}")
            };
        }
        match level {
            1 => log!(error),
            2 => log!(warn),
            3 => log!(info),
            4 => log!(debug),
            _ => log!(trace),
        }
    }

    fn send(
        &self,
        parent: Option<&dyn Task>,
        target: Target,
        name: &str,
        data: Data,
        asked: SendOptions,
    ) -> Routed {
        let options = match self.options(parent, asked) {
            Ok(options) => options,
            Err(failure) => return failed(failure),
        };
        let (router, name) = (self.router.clone(), name.to_owned());
        let data = convert::payload(data);
        let task = Box::pin(async move {
            let answer = match target {
                Target::Agent => router.send_with(&name, data, options).await,
                Target::Plugin => process(&router, &name, data, options).await,
                Target::Route => router.route_task_with(&name, data, options).await,
            };
            let answer = answer.map_err(|error| convert::failure(&error))?;
            Ok(convert::data(answer).into_payload())
        });
        Box::pin(self.entered(task))
    }

    fn stream(
        &self,
        parent: Option<&dyn Task>,
        target: Target,
        name: &str,
        data: Data,
        asked: SendOptions,
        items: Option<DataStream>,
    ) -> Result<DataStream, Failure> {
        let options = self.options(parent, asked)?;
        let (router, data) = (&self.router, convert::payload(data));
        let items = items.map(streaming::from_plugin);
        let stream = match target {
            Target::Route => router.route_stream_with(name, data, options, items),
            Target::Agent => router.send_stream_with(name, data, options, items),
            Target::Plugin => {
                router.route_stream_with(&format!("{PROCESS}{name}"), data, options, items)
            }
        };
        Ok(streaming::to_plugin(Box::pin(self.entered(stream))))
    }

    fn broadcast(
        &self,
        parent: Option<&dyn Task>,
        name: &str,
        data: Data,
        asked: SendOptions,
    ) -> Result<AgentAnswers, Failure> {
        let options = self.options(parent, asked)?;
        let answers = self
            .router
            .broadcast_with(name, convert::payload(data), options);
        let answers = answers.map_err(|error| convert::failure(&error))?;
        Ok(Box::pin(self.entered(answers).map(|answer| {
            AgentAnswer {
                agent: answer.agent.get(),
                name: answer.name,
                answer: answer
                    .answer
                    .map(convert::data)
                    .map_err(|error| convert::failure(&error)),
            }
        })))
    }

    fn add_route(&self, instance: &Weak<Instance>, route: AddedRoute) -> Result<(), Failure> {
        self.added.add(instance, route)
    }

    fn remove_route(&self, instance: &Weak<Instance>, handler: u32) -> bool {
        self.added.remove(instance, handler)
    }

    fn storage(&self, operation: StorageOperation) -> Stored {
        let namespace = match &self.storage {
            Ok(namespace) => namespace.clone(),
            Err(error) => {
                let failure = convert::storage_failure(error);
                return Box::pin(std::future::ready(Err(failure)));
            }
        };
        let mut work = Box::pin(async move {
            let done = run(&namespace, operation).await;
            done.map_err(|error| convert::storage_failure(&error))
        });
        let workers = self.workers.clone();
        Box::pin(async move {
            let first = poll_fn(|cx| {
                let _entered = workers.enter();
                Poll::Ready(work.as_mut().poll(cx))
            });
            match first.await {
                Poll::Ready(done) => done,
                // What waits may have a place in a queue that others stand in too, so it must go on whether or not the plugin polls it.
                Poll::Pending => AbortOnDropHandle::new(workers.spawn(work))
                    .await
                    .unwrap_or_else(|error| Err(lost(&error))),
            }
        })
    }

    fn register_metric(&self, kind: MetricKind, name: &str) -> u64 {
        match self.meters.own.register(kind, name) {
            Ok(number) => number,
            Err(refused) => {
                let plugin = &self.plugin;
                match self.refused.fetch_add(1, Ordering::Relaxed) {
                    ..REFUSALS_TOLD => {
                        tracing::warn!(plugin = %plugin, "{plugin} measures in vain: {refused}");
                    }
                    REFUSALS_TOLD => {
                        tracing::warn!(plugin = %plugin, "{plugin} measures in vain by still more names, which are not logged");
                    }
                    _ => {}
                }
                0
            }
        }
    }

    fn update_metric(&self, metric: u64, update: MetricUpdate) {
        self.meters.own.update(metric, update);
    }

    fn caller_of_threads(&self) -> Option<CallThreads> {
        let come_by = self.come_by.clone();
        Some(Box::new(move || come_by.ask()))
    }
}

impl PluginServices {
    /// What a task of the plugin's is sent with.
    fn options(
        &self,
        parent: Option<&dyn Task>,
        asked: SendOptions,
    ) -> Result<TaskOptions, Failure> {
        let mut options = match parent.map(nested_in) {
            None => TaskOptions::default(),
            Some(Some(options)) => options,
            Some(None) => {
                let plugin = &self.plugin;
                let message =
                    format!("plugin {plugin} nests a task in one that is not this host's");
                return Err(Failure::new(failure_kind::INTERNAL, message));
            }
        };
        let deadline = |time| Instant::now().checked_add(time);
        options.deadline = asked.time.and_then(deadline);
        options.idempotent = asked.idempotent;
        options.key = asked.key;
        let labels = asked.labels.into_iter();
        options.labels = labels.fold(options.labels, |all, (name, value)| all.with(name, value));
        // Only interceptors are asked by it, and a task without is cheaper.
        if self.settings.load().policies.intercepts(&self.plugin) {
            options.sender = Some(Arc::clone(&self.plugin));
        }
        Ok(options)
    }

    fn entered<T>(&self, of_host: T) -> Entered<T> {
        Entered {
            of_host,
            workers: self.workers.clone(),
        }
    }
}

/// A task within the other; none where the other is of another host.
fn nested_in(parent: &dyn Task) -> Option<TaskOptions> {
    let shared: Arc<dyn Any + Send + Sync> = parent.share();
    let kept = shared.downcast::<KeptTask>().ok()?;
    Some(TaskOptions::default().parent(Arc::clone(&kept.task)))
}

/// Has a plugin's own `process` take data in.
pub(crate) async fn process(
    router: &Router,
    plugin: &str,
    data: Payload,
    options: TaskOptions,
) -> Result<Payload, TaskError> {
    let route = format!("{PROCESS}{plugin}");
    let answer = router.route_task_with(&route, data, options).await;
    answer.map_err(|error| convert::no_process(error, plugin, &route))
}

fn lost(error: &JoinError) -> Failure {
    let message = format!("the storage's work was lost: {error}");
    Failure::new(failure_kind::UNAVAILABLE, message)
}

fn failed(failure: Failure) -> Routed {
    Box::pin(std::future::ready(Err(failure)))
}

async fn run(
    namespace: &Namespace,
    operation: StorageOperation,
) -> Result<StorageAnswer, StorageError> {
    Ok(match operation {
        StorageOperation::Get { key } => {
            let value = namespace.get(&key).await?;
            StorageAnswer::Value(value.map(convert::stored))
        }
        StorageOperation::Put { key, value } => {
            namespace.put(&key, convert::to_store(value)).await?;
            StorageAnswer::Done
        }
        StorageOperation::Delete { key } => StorageAnswer::Removed(namespace.delete(&key).await?),
        StorageOperation::Scan {
            prefix,
            after,
            limit,
        } => {
            let scan = Scan::prefix(prefix).after(after).limit(limit);
            let page = namespace.scan(scan).await?;
            let entries = page.entries.into_iter();
            StorageAnswer::Page {
                entries: entries
                    .map(|(key, value)| (key, convert::stored(value)))
                    .collect(),
                more: page.more,
            }
        }
    })
}

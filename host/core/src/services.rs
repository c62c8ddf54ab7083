//! What a plugin asks of its host: its log, other agents, its namespace in the storage, its metrics.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;

use agentsys_loader::{
    AddedRoute, AgentAnswers, CallThreads, Data, DataStream, Failure, Instance, LogLine,
    MetricKind, MetricUpdate, Routed, SendOptions, Services, StorageAnswer, StorageOperation,
    Stored, Target, Task, failure_kind,
};
use agentsys_router::{Payload, Router, TaskError, TaskOptions};
use agentsys_storage::{Namespace, Scan, StorageError};
use tokio::runtime::Handle;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::added::AddedRoutes;
use crate::convert;
use crate::ground::Ground;
use crate::metrics::PluginMeters;
use crate::runtimes::ComeBy;
use crate::serving::PROCESS;
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
        if asked != SendOptions::default() {
            return failed(not_yet("a plugin's tasks have no options"));
        }
        let options = match parent.map(nested_in) {
            None => TaskOptions::default(),
            Some(Some(options)) => options,
            Some(None) => {
                let plugin = &self.plugin;
                let message =
                    format!("plugin {plugin} nests a task in one that is not this host's");
                return failed(Failure::new(failure_kind::INTERNAL, message));
            }
        };
        let (router, name) = (self.router.clone(), name.to_owned());
        let data = convert::payload(data);
        let mut task = Box::pin(async move {
            let answer = match target {
                Target::Agent => router.send_with(&name, data, options).await,
                Target::Plugin => process(&router, &name, data, options).await,
                Target::Route => router.route_task_with(&name, data, options).await,
            };
            let answer = answer.map_err(|error| convert::failure(&error))?;
            Ok(convert::data(answer).into_payload())
        });
        // A plugin's own threads are not in a runtime of the host's, where an embedder's agent expects to run.
        let workers = self.workers.clone();
        Box::pin(poll_fn(move |cx| {
            let _entered = workers.enter();
            task.as_mut().poll(cx)
        }))
    }

    fn stream(
        &self,
        _: Option<&dyn Task>,
        _: Target,
        _: &str,
        _: Data,
        _: SendOptions,
        _: Option<DataStream>,
    ) -> Result<DataStream, Failure> {
        Err(not_yet("a plugin cannot open a stream"))
    }

    fn broadcast(
        &self,
        _: Option<&dyn Task>,
        _: &str,
        _: Data,
        _: SendOptions,
    ) -> Result<AgentAnswers, Failure> {
        Err(not_yet("a plugin cannot broadcast"))
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

/// What this host's router has no way for.
fn not_yet(what: &str) -> Failure {
    let message = format!("{what} on this host");
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

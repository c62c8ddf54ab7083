//! One plugin that serves: its generation, its instances and its agents, from opening to closing.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use agentsys_loader::{
    Candidate, CopyStore, Failure, Generation, Instance, LeaseKind, Mode, RouteRecord, Services,
    Source, failure_kind, read_and_inspect,
};
use agentsys_router::{Agent, AgentInfo};
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::agent::PluginAgent;
use crate::blocking::BlockingPool;
use crate::error::PluginError;
use crate::options::PluginOptions;
use crate::runtimes::{Runtimes, after, on_own_thread, within};
use crate::slot::Slot;

/// How many blocking handlers run at once where neither plugin nor config says.
const BLOCKING_THREADS: usize = 32;

pub(crate) struct Serving {
    name: Arc<str>,
    generation: Arc<Generation>,
    slots: Vec<Arc<Slot>>,
    options: PluginOptions,
    runtimes: Arc<Runtimes>,
}

/// What a plugin needs from its host to serve.
pub(crate) struct Ground {
    pub(crate) copies: Arc<CopyStore>,
    pub(crate) services: Arc<dyn Services>,
    pub(crate) runtimes: Arc<Runtimes>,
}

/// The agents to register, by route; and what tells that the generation has been closed.
pub(crate) struct Started {
    pub(crate) serving: Arc<Serving>,
    pub(crate) agents: Vec<(String, Arc<dyn Agent>)>,
    pub(crate) closed: oneshot::Receiver<()>,
}

/// Opens a plugin, makes its instances and initializes them. What fails leaves nothing serving behind.
pub(crate) async fn start(
    ground: &Ground,
    candidate: &Candidate,
    number: u64,
    options: PluginOptions,
) -> Result<Started, PluginError> {
    let runtimes = &ground.runtimes;
    let name: Arc<str> = candidate.inspected.metadata.plugin.name.as_str().into();
    let (on_closed, closed) = oneshot::channel();
    let opening = {
        let (path, name) = (candidate.path.clone(), Arc::clone(&name));
        let (copies, services) = (Arc::clone(&ground.copies), Arc::clone(&ground.services));
        runtimes
            .workers()
            .spawn_blocking(move || open(&path, &copies, name, number, services, on_closed))
    };
    let limit = options.initialize_timeout;
    let opened = within(runtimes.control(), limit, opening).await;
    let opened = opened.ok_or_else(|| PluginError::LoadTimeout {
        path: candidate.path.clone(),
        within: limit,
    })?;
    let (generation, routes) =
        opened.map_err(|error| PluginError::Internal(error.to_string()))??;
    let generation = Arc::new(generation);

    let mut slots: Vec<Arc<Slot>> = Vec::new();
    for _ in 0..options.instances.max(1) {
        match instance(&generation, &options, runtimes).await {
            Ok(instance) => slots.push(Arc::new(Slot::new(instance))),
            Err(error) => {
                let begun = Serving::new(name, generation, slots, options, runtimes);
                begun.stop(begun.options.cleanup_timeout).await;
                return Err(error);
            }
        }
    }
    let serving = Arc::new(Serving::new(name, generation, slots, options, runtimes));
    let agents = serving.agents(&routes);
    Ok(Started {
        serving,
        agents,
        closed,
    })
}

fn open(
    path: &Path,
    copies: &CopyStore,
    plugin: Arc<str>,
    number: u64,
    services: Arc<dyn Services>,
    on_closed: oneshot::Sender<()>,
) -> Result<(Generation, Vec<RouteRecord>), PluginError> {
    // Read again, and copied from these very bytes: what is opened is what was inspected.
    let (inspected, bytes) = read_and_inspect(path)?;
    if *inspected.metadata.plugin.name != *plugin {
        let reason = format!(
            "it held plugin {plugin} a moment ago, and now {}",
            inspected.metadata.plugin.name
        );
        return Err(PluginError::Changed {
            path: path.to_owned(),
            reason,
        });
    }
    let copy = copies.copy(&bytes, &inspected.content_hash)?;
    let source = Source {
        path,
        inspected: &inspected,
        copy,
        plugin,
        number,
    };
    let generation = Generation::open(source, services, move || {
        let _ = on_closed.send(());
    })?;
    Ok((generation, inspected.metadata.routes))
}

/// A fresh, initialized instance.
async fn instance(
    generation: &Arc<Generation>,
    options: &PluginOptions,
    runtimes: &Arc<Runtimes>,
) -> Result<Arc<Instance>, PluginError> {
    let limit = options.initialize_timeout;
    let config = Bytes::from(options.config.to_string());
    let generation = Arc::clone(generation);
    let making = on_own_thread(runtimes.workers(), || async move {
        let instance = Instance::create(&generation)?;
        drop(generation);
        instance.initialize(config).outcome().await?;
        Ok(instance)
    });
    match within(runtimes.control(), limit, making).await {
        Some(Ok(made)) => made.map_err(PluginError::Initialize),
        Some(Err(lost)) => Err(PluginError::Internal(lost)),
        None => Err(PluginError::InitializeTimeout(limit)),
    }
}

impl Serving {
    fn new(
        name: Arc<str>,
        generation: Arc<Generation>,
        slots: Vec<Arc<Slot>>,
        options: PluginOptions,
        runtimes: &Arc<Runtimes>,
    ) -> Self {
        Self {
            name,
            generation,
            slots,
            options,
            runtimes: Arc::clone(runtimes),
        }
    }

    fn agents(self: &Arc<Self>, records: &[RouteRecord]) -> Vec<(String, Arc<dyn Agent>)> {
        let asked = self
            .options
            .blocking_threads
            .or_else(|| self.generation.blocking_threads());
        let threads = asked.unwrap_or(BLOCKING_THREADS);
        let pool = Arc::new(BlockingPool::new(threads, self.runtimes.workers().clone()));
        let mut agents: Vec<(String, Arc<dyn Agent>)> = Vec::new();
        for (handler, described) in (0..).zip(&self.generation.description().handlers) {
            let record = records.iter().find(|record| record.name == described.route);
            let mut info =
                AgentInfo::new(&*self.name, record.map_or("", |record| &record.description))
                    .owner(Arc::clone(&self.name));
            if let Some(schema) = &described.input_schema {
                info = info.input_schema(schema.to_string());
            }
            if let Some(schema) = &described.output_schema {
                info = info.output_schema(schema.to_string());
            }
            let blocks = record.is_some_and(|record| record.mode == Mode::Blocking);
            for slot in &self.slots {
                let agent = PluginAgent {
                    info: info.clone(),
                    handler,
                    blocking: blocks.then(|| Arc::clone(&pool)),
                    slot: Arc::clone(slot),
                    serving: Arc::downgrade(self),
                };
                agents.push((described.route.clone(), Arc::new(agent)));
            }
        }
        agents
    }

    /// An instance that can be called now, and its place.
    pub(crate) fn another(&self) -> Option<(Arc<Slot>, Arc<Instance>)> {
        let ready = |slot: &Arc<Slot>| Some((Arc::clone(slot), slot.get_full()?));
        self.slots.iter().find_map(ready)
    }

    /// Why calls are refused, and whether all of them are.
    pub(crate) fn trouble(&self) -> Option<(String, bool)> {
        let failures: Vec<Failure> = self
            .slots
            .iter()
            .filter_map(|slot| slot.failure())
            .collect();
        let first = failures.first()?;
        Some((first.message.clone(), failures.len() == self.slots.len()))
    }

    /// Puts a fresh instance into the place of a poisoned one, and destroys that when its calls have ended.
    pub(crate) fn replace_poisoned(
        self: &Arc<Self>,
        slot: Arc<Slot>,
        poisoned: Arc<Instance>,
        mut delay: Duration,
        why: &Failure,
    ) {
        tracing::warn!(plugin = %self.name, "{}: an instance is replaced, since {}", self.name, why.message);
        let this = Arc::downgrade(self);
        let workers = self.runtimes.workers().clone();
        // On the control runtime, since this only waits; the plugin's own code runs on threads of its own.
        self.runtimes.control().spawn(async move {
            // Not cleaned up: nobody knows what state it is in. Its `Drop` still runs, with its last call.
            workers.spawn_blocking(move || drop(poisoned));
            loop {
                tokio::time::sleep(delay).await;
                let Some(this) = Weak::upgrade(&this) else {
                    return;
                };
                match instance(&this.generation, &this.options, &this.runtimes).await {
                    Ok(fresh) => {
                        if let Some(unwanted) = slot.fill(fresh) {
                            workers.spawn_blocking(move || drop(unwanted));
                        }
                        return;
                    }
                    Err(error) => match slot.fail(this.unavailable(&error)) {
                        Some(next) => delay = next,
                        None => return,
                    },
                }
            }
        });
    }

    fn unavailable(&self, error: &PluginError) -> Failure {
        let name = &self.name;
        tracing::error!(plugin = %name, "{name}: no fresh instance can take the place of one that panicked: {error}");
        let message =
            format!("{name} panicked, and no fresh instance can take its place yet: {error}");
        let failure = Failure::new(failure_kind::UNAVAILABLE, message);
        Failure {
            retryable: true,
            ..failure
        }
    }

    /// Cleans every instance up and destroys it, each step within the cleanup's time, all within `limit`. What does not
    /// end in time is left behind and logged.
    pub(crate) async fn stop(&self, limit: Duration) -> Vec<PluginError> {
        let end = after(limit);
        let left = || {
            let left = end.saturating_duration_since(Instant::now());
            left.min(self.options.cleanup_timeout)
        };
        let stopping = self.take_instances().into_iter().map(|instance| async {
            let (control, workers) = (self.runtimes.control(), self.runtimes.workers());
            let limit = left();
            let cleaning = Arc::clone(&instance);
            let cleaning = on_own_thread(workers, || async move { cleaning.cleanup().outcome().await });
            let result = match within(control, limit, cleaning).await {
                Some(Ok(Ok(_))) => Ok(()),
                Some(Ok(Err(failure))) => Err(PluginError::Cleanup(failure)),
                Some(Err(lost)) => Err(PluginError::Internal(lost)),
                None => Err(PluginError::CleanupTimeout(limit)),
            };
            // The author's `Drop`, which may block.
            let dropping = workers.spawn_blocking(move || drop(instance));
            if within(control, left(), dropping).await.is_none() {
                tracing::warn!(plugin = %self.name, "{}: dropping an instance takes too long; the host does not wait", self.name);
            }
            result
        });
        let results = futures_util::future::join_all(stopping).await;
        results.into_iter().filter_map(Result::err).collect()
    }

    /// Takes the instances out of their places, for good.
    pub(crate) fn take_instances(&self) -> Vec<Arc<Instance>> {
        self.slots.iter().filter_map(|slot| slot.empty()).collect()
    }

    /// What still keeps the generation open, for a log.
    pub(crate) fn outstanding(&self) -> String {
        let kinds = self.generation.outstanding();
        let others = kinds.iter().filter(|(kind, _)| *kind != LeaseKind::Host);
        others
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    pub(crate) fn set_log_level(&self, level: u32) {
        self.generation.set_log_level(level);
    }

    pub(crate) fn number(&self) -> u64 {
        self.generation.number()
    }
}

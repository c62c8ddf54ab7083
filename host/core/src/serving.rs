//! One generation that serves: its instances in their places, its agents, and its end.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use agentsys_loader::{ConfigIssue, Failure, Generation, Instance, failure_kind};
use agentsys_router::AgentId;
use bytes::Bytes;

use crate::error::PluginError;
use crate::ground::Ground;
use crate::lifecycle::Driver;
use crate::opening::Opened;
use crate::options::PluginOptions;
use crate::panics::PanicStreak;
use crate::posts::Stands;
use crate::runtimes::{after, within};
use crate::services::PluginServices;
use crate::slot::Slot;

/// The prefix of the routes by which plugins' own `process` is called. No plugin's route can have such a name.
pub(crate) const PROCESS: &str = "plugin:";

pub(crate) struct Serving {
    pub(crate) name: Arc<str>,
    pub(crate) generation: Arc<Generation>,
    services: Arc<PluginServices>,
    pub(crate) slots: Vec<Arc<Slot>>,
    pub(crate) options: PluginOptions,
    pub(crate) ground: Ground,
    /// Who calls it through its post.
    pub(crate) stands: Arc<Stands>,
    /// Who is told when there is no instance to call any more, and when there is one again.
    driver: Weak<Driver>,
    /// The routes that have their policy from its options.
    pub(crate) policed: Mutex<BTreeSet<String>>,
    streak: Mutex<PanicStreak>,
}

impl Serving {
    /// Makes all instances and initializes them, or only as many places, to be filled at the first calls. What fails leaves none behind.
    pub(crate) async fn start(
        name: &Arc<str>,
        opened: &Opened,
        options: &PluginOptions,
        ground: &Ground,
        driver: Weak<Driver>,
        lazily: bool,
    ) -> Result<Arc<Self>, PluginError> {
        let mut serving = Self {
            name: Arc::clone(name),
            generation: Arc::clone(&opened.generation),
            services: Arc::clone(&opened.services),
            slots: Vec::new(),
            options: options.clone(),
            ground: ground.clone(),
            stands: Arc::default(),
            driver,
            policed: Mutex::default(),
            streak: Mutex::new(PanicStreak::new(
                ground.loaded().config.host.quarantine_after,
            )),
        };
        serving.check_config().await?;
        for _ in 0..options.instances.max(1) {
            let slot = if lazily {
                Slot::lazy()
            } else {
                match serving.instance().await {
                    Ok(instance) => Slot::new(instance),
                    Err(error) => {
                        serving.stop(options.cleanup_timeout).await;
                        return Err(error);
                    }
                }
            };
            serving.slots.push(Arc::new(slot));
        }
        Ok(Arc::new(serving))
    }

    /// Has the routes serve that its instances added so far, as those that they add later will.
    pub(crate) fn serve_added(self: &Arc<Self>) {
        for slot in &self.slots {
            if let Some(instance) = slot.get_full() {
                self.services.added().serve(&instance, slot, self);
            }
        }
    }

    /// The instances that can be called now.
    pub(crate) fn instances(&self) -> Vec<Arc<Instance>> {
        self.slots
            .iter()
            .filter_map(|slot| slot.get_full())
            .collect()
    }

    async fn check_config(&self) -> Result<(), PluginError> {
        let issues = config_issues(&self.ground, &self.generation, &self.options).await?;
        if issues.is_empty() {
            return Ok(());
        }
        Err(PluginError::config(
            &self.ground.loaded(),
            &self.name,
            &issues,
        ))
    }

    /// A fresh, initialized instance.
    async fn instance(&self) -> Result<Arc<Instance>, PluginError> {
        let limit = self.options.initialize_timeout;
        let (generation, config) = (Arc::clone(&self.generation), config_of(&self.options));
        let making = self.ground.runtimes.on_own_thread(|| async move {
            let instance = Instance::create(&generation)?;
            drop(generation);
            instance.initialize(config).outcome().await?;
            Ok(instance)
        });
        match within(self.ground.runtimes.control(), limit, making).await {
            Some(Ok(made)) => made.map_err(PluginError::Initialize),
            Some(Err(lost)) => Err(PluginError::Internal(lost)),
            None => Err(PluginError::InitializeTimeout(limit)),
        }
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

    /// Fills the place of a lazy plugin, which its first caller has claimed.
    pub(crate) fn fill_first(self: &Arc<Self>, slot: Arc<Slot>) {
        let this = Arc::clone(self);
        self.tell(|driver| driver.begins(&self.name, self.generation.number()));
        self.ground.runtimes.control().spawn(async move {
            match this.instance().await {
                // Told before the callers go on, who may look at the plugin's state.
                Ok(fresh) => {
                    this.tell(|driver| driver.ready(&this.name, this.generation.number()));
                    this.fill(&slot, fresh);
                }
                Err(error) => {
                    this.tell(|driver| {
                        driver.failed_lazily(&this.name, this.generation.number(), &error)
                    });
                    let why = format!("{} cannot be initialized: {error}", this.name);
                    slot.fail(unavailable(why));
                }
            }
        });
    }

    /// An instance panicked on that task. After so many in a row, the content is not served any more.
    pub(crate) fn note_panic(&self, task: u64, why: &Failure) {
        let successes = self.ground.metrics.plugin(&self.name).calls.successes();
        let mut streak = self.streak.lock().unwrap_or_else(PoisonError::into_inner);
        if streak.panicked(task, successes) {
            // Once is enough.
            streak.reset();
            let most = self.ground.loaded().config.host.quarantine_after;
            let cause = format!(
                "its instances panicked on {most} different tasks in a row, the last time: {}",
                why.message
            );
            self.tell(|driver| driver.quarantine(&self.name, self.generation.number(), &cause));
        }
    }

    /// An instance panicked on that task: it is replaced, unless that is under way already.
    pub(crate) fn poisoned(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        instance: &Arc<Instance>,
        task: u64,
        why: &Failure,
    ) {
        if let Some(delay) = slot.poison(instance) {
            self.note_panic(task, why);
            self.replace_poisoned(Arc::clone(slot), Arc::clone(instance), delay, why);
        }
    }

    /// From now on it is the one that its plugin's name stands for.
    pub(crate) fn stand_in(self: &Arc<Self>) {
        self.ground.policies().posts().of(&self.name).take(self);
    }

    /// Puts a fresh instance into the place of a poisoned one, and destroys that when its calls have ended.
    pub(crate) fn replace_poisoned(
        self: &Arc<Self>,
        slot: Arc<Slot>,
        poisoned: Arc<Instance>,
        mut delay: Duration,
        why: &Failure,
    ) {
        let name = &self.name;
        tracing::warn!(plugin = %name, "{name}: an instance is replaced, since {}", why.message);
        self.services.added().retire(&poisoned);
        let this = Arc::downgrade(self);
        let workers = self.ground.runtimes.workers().clone();
        // On the control runtime, since this only waits; the plugin's own code runs on threads of its own.
        self.ground.runtimes.control().spawn(async move {
            // Not cleaned up: nobody knows what state it is in. Its `Drop` still runs, with its last call.
            workers.spawn_blocking(move || drop(poisoned));
            loop {
                tokio::time::sleep(delay).await;
                let Some(this) = Weak::upgrade(&this) else {
                    return;
                };
                if slot.is_stopped() {
                    return;
                }
                match this.instance().await {
                    Ok(fresh) => {
                        if this.fill(&slot, fresh) {
                            let number = this.generation.number();
                            this.tell(|driver| driver.recovered(&this.name, number));
                        }
                        return;
                    }
                    Err(error) => match slot.fail(this.no_fresh_one(&error)) {
                        Some(next) => delay = next,
                        None => return,
                    },
                }
                if let Some((reason, true)) = this.trouble() {
                    this.tell(|driver| driver.lost(&this.name, this.generation.number(), &reason));
                }
            }
        });
    }

    /// Whether the instance was wanted.
    fn fill(self: &Arc<Self>, slot: &Arc<Slot>, fresh: Arc<Instance>) -> bool {
        self.services.added().serve(&fresh, slot, self);
        let unwanted = slot.fill(fresh);
        let wanted = unwanted.is_none();
        if let Some(unwanted) = unwanted {
            self.services.added().retire(&unwanted);
            // It came when its place was gone for good: it was initialized, so it is cleaned up.
            let this = Arc::clone(self);
            self.ground.runtimes.control().spawn(async move {
                let end = after(this.options.cleanup_timeout);
                if let Err(error) = this.end(unwanted, end).await {
                    tracing::warn!(plugin = %this.name, "{}: {error}", this.name);
                }
            });
        }
        wanted
    }

    fn no_fresh_one(&self, error: &PluginError) -> Failure {
        let name = &self.name;
        tracing::error!(plugin = %name, "{name}: no fresh instance can take the place of one that panicked: {error}");
        unavailable(format!(
            "{name} panicked, and no fresh instance can take its place yet: {error}"
        ))
    }

    fn tell(&self, what: impl FnOnce(&Arc<Driver>)) {
        if let Some(driver) = self.driver.upgrade() {
            what(&driver);
        }
    }

    /// Cleans every instance up and destroys it, each step within the cleanup's time, all within `limit`. What does not
    /// end in time is left behind and logged.
    pub(crate) async fn stop(&self, limit: Duration) -> Vec<PluginError> {
        let end = after(limit);
        self.stands.close();
        let instances = self.take_instances().into_iter();
        let most = self.options.cleanup_timeout.min(limit / 2);
        let control = self.ground.runtimes.control();
        if within(control, most, self.stands.idle()).await.is_none() {
            let (name, calls) = (&self.name, self.stands.count());
            tracing::warn!(plugin = %name, "{name} is cleaned up beside {calls} call(s) of its strategy or interceptor, which did not end within {most:?}");
        }
        let stopping = instances.map(|instance| self.end(instance, end));
        let results = futures_util::future::join_all(stopping).await;
        results.into_iter().filter_map(Result::err).collect()
    }

    /// Cleans one instance up and destroys it.
    async fn end(&self, instance: Arc<Instance>, end: Instant) -> Result<(), PluginError> {
        let left = || {
            let left = end.saturating_duration_since(Instant::now());
            left.min(self.options.cleanup_timeout)
        };
        let runtimes = &self.ground.runtimes;
        let (control, workers) = (runtimes.control(), runtimes.workers());
        let limit = left();
        let cleaning = Arc::clone(&instance);
        let cleaning = runtimes.on_own_thread(|| async move { cleaning.cleanup().outcome().await });
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
    }

    /// Takes the instances out of their places, for good, and the routes that they added away.
    pub(crate) fn take_instances(&self) -> Vec<Arc<Instance>> {
        // In this order: an instance that comes meanwhile finds its place gone, and takes its routes away itself.
        let instances = self.slots.iter().filter_map(|slot| slot.empty()).collect();
        self.services.added().retire_all();
        instances
    }

    /// Leaves the routes that its instances added in the router when these go: see [`AddedRoutes::leave_standing`](crate::added::AddedRoutes::leave_standing).
    pub(crate) fn leave_added_standing(&self) {
        self.services.added().leave_standing();
    }

    /// The routes that its instances added, in the router's numbers; they add no more, unless the generation goes on after all.
    pub(crate) fn close_added(&self) -> Vec<AgentId> {
        self.services.added().close()
    }

    /// The generation goes on.
    pub(crate) fn reopen_added(&self) {
        self.services.added().reopen();
    }

    pub(crate) fn set_log_level(&self, level: u32) {
        self.generation.set_log_level(level);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Where nobody did so before. Instances and their added routes hold each other.
        drop(self.take_instances());
        self.stands.tell();
    }
}

/// Has a plugin look at its config, before an instance is made of it.
pub(crate) async fn config_issues(
    ground: &Ground,
    generation: &Arc<Generation>,
    options: &PluginOptions,
) -> Result<Vec<ConfigIssue>, PluginError> {
    let (generation, config) = (Arc::clone(generation), config_of(options));
    let checking = ground
        .runtimes
        .on_own_thread(|| async move { generation.check_config(config) });
    let limit = options.initialize_timeout;
    match within(ground.runtimes.control(), limit, checking).await {
        Some(Ok(checked)) => Ok(checked.err().unwrap_or_default()),
        Some(Err(lost)) => Err(PluginError::Internal(lost)),
        None => Err(PluginError::InitializeTimeout(limit)),
    }
}

fn config_of(options: &PluginOptions) -> Bytes {
    serde_json::Value::Object(options.config.clone())
        .to_string()
        .into()
}

fn unavailable(message: String) -> Failure {
    let failure = Failure::new(failure_kind::UNAVAILABLE, message);
    Failure {
        retryable: true,
        ..failure
    }
}

//! All plugins of a host: which were found, which serve, and in what order they stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use agentsys_loader::{Candidate, Discovery, Rejected, Shadowed};
use agentsys_router::{AgentId, Router};
use tokio::sync::oneshot;

use crate::error::PluginError;
use crate::options::PluginOptions;
use crate::runtimes::{after, within};
use crate::serving::{self, Ground, Serving};
use crate::status::{PluginState, PluginStatus};

/// The plugins of a host.
pub(crate) struct Plugins {
    ground: Ground,
    router: Router,
    entries: Mutex<Vec<PluginStatus>>,
    /// In the order in which they began to serve.
    running: Mutex<Vec<Running>>,
}

struct Running {
    name: String,
    serving: Arc<Serving>,
    agents: Vec<AgentId>,
    closed: oneshot::Receiver<()>,
}

impl Plugins {
    pub(crate) fn new(ground: Ground, router: Router) -> Self {
        Self {
            ground,
            router,
            entries: Mutex::default(),
            running: Mutex::default(),
        }
    }

    /// Starts every plugin that was found, all at once; one that fails stops no other.
    pub(crate) async fn start(&self, found: Discovery, options: &HashMap<String, PluginOptions>) {
        for dir in &found.unreadable_dirs {
            tracing::warn!("{dir}");
        }
        let mut entries: Vec<PluginStatus> = Vec::new();
        entries.extend(found.rejected.iter().map(rejected));
        entries.extend(found.shadowed.iter().map(shadowed));
        for entry in &entries {
            let reason = entry.reason.as_deref().unwrap_or_default();
            match entry.state {
                PluginState::Discovered => tracing::info!("{reason}"),
                _ => tracing::warn!("{reason}"),
            }
        }
        let starting = found.plugins.iter().map(|candidate| {
            let name = &candidate.inspected.metadata.plugin.name;
            self.start_one(candidate, options.get(name).cloned().unwrap_or_default())
        });
        entries.extend(futures_util::future::join_all(starting).await);
        entries.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
        *lock(&self.entries) = entries;
    }

    async fn start_one(&self, candidate: &Candidate, options: PluginOptions) -> PluginStatus {
        let began = Instant::now();
        let name = candidate.inspected.metadata.plugin.name.clone();
        let version = &candidate.inspected.metadata.plugin.version;
        match self.serve(candidate, options).await {
            Ok((number, routes)) => {
                tracing::info!(plugin = %name, "{name} {version} serves {} in {:?}", count(routes.len(), "route"), began.elapsed());
                PluginStatus {
                    generation: Some(number),
                    routes,
                    ..status(candidate, PluginState::Running, None)
                }
            }
            Err(error) => {
                tracing::error!(plugin = %name, "{name} {version} does not run: {error}");
                if let PluginError::Load(load) = &error
                    && let Some(report) = load.report()
                {
                    tracing::debug!(plugin = %name, "{report}");
                }
                status(candidate, PluginState::Failed, Some(error.to_string()))
            }
        }
    }

    async fn serve(
        &self,
        candidate: &Candidate,
        options: PluginOptions,
    ) -> Result<(u64, Vec<String>), PluginError> {
        let started = serving::start(&self.ground, candidate, 1, options).await?;
        let mut routes: Vec<String> = started
            .agents
            .iter()
            .map(|(route, _)| route.clone())
            .collect();
        routes.dedup();
        let number = started.serving.number();
        let agents = self.router.register_agents(started.agents)?;
        lock(&self.running).push(Running {
            name: candidate.inspected.metadata.plugin.name.clone(),
            serving: started.serving,
            agents,
            closed: started.closed,
        });
        Ok((number, routes))
    }

    /// Stops every plugin, the last to serve first, within `limit` in all.
    pub(crate) async fn stop(&self, limit: Duration) {
        let end = after(limit);
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        let running = std::mem::take(&mut *lock(&self.running));
        let mut remaining = u32::try_from(running.len()).unwrap_or(u32::MAX);
        let mut closing = Vec::new();
        for Running {
            name,
            serving,
            agents,
            closed,
        } in running.into_iter().rev()
        {
            let _ = self.router.replace_agents(&agents, Vec::new());
            // One that hangs must leave the others a moment of their own.
            remaining -= 1;
            let left = left(end);
            let reserved = LEAST.saturating_mul(remaining).min(left / 2);
            let errors = serving.stop(left - reserved).await;
            for error in &errors {
                tracing::warn!(plugin = %name, "{name}: {error}");
            }
            self.set_stopped(&name, errors.first().map(ToString::to_string));
            closing.push((
                name,
                serving.outstanding(),
                Arc::downgrade(&serving),
                closed,
            ));
        }
        // After all of them: what keeps one plugin open must not cost another the time for its cleanup.
        let end = after(left(end).min(CLOSE_GRACE));
        for (name, held, serving, closed) in closing {
            if within(self.ground.runtimes.control(), left(end), closed)
                .await
                .is_some()
            {
                tracing::info!(plugin = %name, "{name} is stopped");
            } else {
                let held = serving
                    .upgrade()
                    .map_or(held, |serving| serving.outstanding());
                let held = if held.is_empty() {
                    "its own runtime or threads do not end".to_owned()
                } else {
                    format!("{held} left")
                };
                tracing::warn!(plugin = %name, "{name} is stopped, but could not be closed: {held}");
            }
        }
    }

    fn set_stopped(&self, name: &str, reason: Option<String>) {
        let mut entries = lock(&self.entries);
        if let Some(entry) = running(&mut entries, name) {
            entry.state = PluginState::Stopped;
            entry.reason = reason;
        }
    }

    pub(crate) fn status(&self) -> Vec<PluginStatus> {
        let mut entries = lock(&self.entries).clone();
        for plugin in lock(&self.running).iter() {
            let Some((reason, all)) = plugin.serving.trouble() else {
                continue;
            };
            if let Some(entry) = running(&mut entries, &plugin.name) {
                entry.reason = Some(reason);
                if all {
                    entry.state = PluginState::Failed;
                }
            }
        }
        entries
    }

    /// Tells each plugin the level of the log as it is now.
    pub(crate) fn set_log_level(&self) {
        let level = self.ground.services.max_log_level();
        let serving: Vec<Arc<Serving>> = lock(&self.running)
            .iter()
            .map(|plugin| Arc::clone(&plugin.serving))
            .collect();
        for plugin in serving {
            plugin.set_log_level(level);
        }
    }
}

/// Drops every instance, the last to serve first, without its cleanup: for a host that goes without a shutdown, or a build
/// that is given up.
impl Drop for Plugins {
    fn drop(&mut self) {
        // The router may outlive its host, in an embedder's hands. Its timers do not.
        self.router.halt();
        let running = std::mem::take(&mut *lock(&self.running));
        for Running {
            name,
            serving,
            agents,
            ..
        } in running.into_iter().rev()
        {
            tracing::warn!(plugin = %name, "{name} is dropped without its cleanup: its host was not shut down");
            // Through its agents the router would keep the instances.
            let _ = self.router.replace_agents(&agents, Vec::new());
            let (done, dropped) = mpsc::channel();
            // The author's `Drop`, which may block.
            self.ground.runtimes.workers().spawn_blocking(move || {
                drop(serving.take_instances());
                drop(serving);
                let _ = done.send(());
            });
            let _ = dropped.recv_timeout(CLOSE_GRACE);
        }
    }
}

/// How long each plugin may take to clean up, whatever the others did with the time.
const LEAST: Duration = Duration::from_millis(250);

/// How long a host waits for the plugins' own runtimes to end, once their instances are gone.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// The entry of the plugin of that name that serves; others of the name do not.
fn running<'a>(entries: &'a mut [PluginStatus], name: &str) -> Option<&'a mut PluginStatus> {
    entries
        .iter_mut()
        .find(|entry| entry.name == name && entry.state == PluginState::Running)
}

fn rejected(rejected: &Rejected) -> PluginStatus {
    let file = rejected
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    PluginStatus {
        name: file,
        version: None,
        state: PluginState::Failed,
        generation: None,
        path: rejected.path.clone(),
        reason: Some(rejected.error.to_string()),
        routes: Vec::new(),
    }
}

fn shadowed(shadowed: &Shadowed) -> PluginStatus {
    status(
        &shadowed.candidate,
        PluginState::Discovered,
        Some(shadowed.reason.clone()),
    )
}

fn status(candidate: &Candidate, state: PluginState, reason: Option<String>) -> PluginStatus {
    let plugin = &candidate.inspected.metadata.plugin;
    PluginStatus {
        name: plugin.name.clone(),
        version: Some(plugin.version.to_string()),
        state,
        generation: None,
        path: candidate.path.clone(),
        reason,
        routes: Vec::new(),
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

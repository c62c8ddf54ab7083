//! How plugins end: one alone, all of them in good order, or all at once when a host goes without having been shut down.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::Driver;
use super::driver::Book;
use super::entry::Running;
use super::machine::Event;
use super::needs::{self, Nodes};
use crate::runtimes::{after, within};
use crate::serving::Serving;

/// How long each plugin may take to clean up, whatever the others did with the time.
const LEAST: Duration = Duration::from_millis(250);

/// How long a host waits for the plugins' own runtimes to end, once their instances are gone.
pub(crate) const CLOSE_GRACE: Duration = Duration::from_secs(2);

impl Driver {
    /// Stops every plugin within `limit` in all: those that need others before these, and else the last to serve first.
    pub(crate) async fn stop(self: &Arc<Self>, limit: Duration) {
        let end = after(limit);
        self.change(|book| {
            book.ending = true;
            book.entries
                .values_mut()
                .for_each(|entry| entry.opened = None);
        });
        let mut closing = Vec::new();
        while let Some((name, running, remaining)) = self.change(|book| self.next_to_stop(book)) {
            let _ = self
                .ground
                .router
                .replace_agents(&running.agents, Vec::new());
            // One that hangs must leave the others a moment of their own.
            let left = left(end);
            let reserved = LEAST.saturating_mul(remaining).min(left / 2);
            self.clean_up(&name, &running.serving, left - reserved)
                .await;
            closing.push(Closing::new(name, running));
        }
        // One that was starting sees that it is unwanted, and ends by itself.
        let _ = within(self.ground.runtimes.control(), left(end), self.settled()).await;
        // After all of them: what keeps one plugin open must not cost another the time for its cleanup.
        let end = after(left(end).min(CLOSE_GRACE));
        for closing in closing {
            closing.wait(self, end).await;
        }
        self.events.end();
    }

    /// Stops one plugin, and forgets it: its tasks may finish for `drain`, its cleanup has its own time.
    pub(crate) async fn remove(self: &Arc<Self>, name: &str, drain: Duration) {
        // What is under way for it sees that it is unwanted, and ends first.
        let (name, running, cleanup_timeout) = loop {
            match self.change(|book| self.take_out(book, name)) {
                TakenOut::Nothing => return,
                TakenOut::Plugin(name, running, cleanup_timeout) => {
                    break (name, running, cleanup_timeout);
                }
                TakenOut::Busy => {}
            }
            let idle = |book: &Book| match book.entries.get(name) {
                Some(entry) if entry.busy => None,
                _ => Some(()),
            };
            self.wait_for(idle).await;
        };
        if let Some(running) = running {
            let mut agents = running.serving.added_agents();
            agents.extend(&running.agents);
            let left = self.ground.router.retire(&agents, drain).await;
            if left > 0 {
                tracing::warn!(plugin = %name, "{left} task(s) of {name} did not end within {drain:?}");
            }
            // Twice: the cleanup itself, and the author's `Drop`.
            self.clean_up(&name, &running.serving, cleanup_timeout.saturating_mul(2))
                .await;
            running.serving.forget_policies();
            Closing::new(Arc::clone(&name), running)
                .wait(self, after(CLOSE_GRACE))
                .await;
        }
        self.change(|book| {
            if book.of(&name).is_some() {
                book.entries.remove(&name);
            }
        });
    }

    /// Takes what serves of a plugin that is not wanted any more.
    fn take_out(&self, book: &mut Book, name: &str) -> TakenOut {
        let Some(entry) = book.entries.get_mut(name) else {
            return TakenOut::Nothing;
        };
        self.publish_some(entry.step(Event::Drain, None));
        if entry.busy {
            return TakenOut::Busy;
        }
        let running = entry.running.take();
        entry.busy = running.is_some();
        if running.is_none() {
            self.publish_some(entry.step(Event::CleanedUp, None));
        }
        let name = Arc::clone(&entry.name);
        TakenOut::Plugin(name, running, entry.options.cleanup_timeout)
    }

    /// Ends what began to serve when nobody wanted it any more.
    pub(super) async fn end_late(self: &Arc<Self>, name: &Arc<str>, running: Running) {
        let _ = self
            .ground
            .router
            .replace_agents(&running.agents, Vec::new());
        self.happened(name, Event::Drain, None);
        self.clean_up(name, &running.serving, CLOSE_GRACE).await;
        running.serving.forget_policies();
        Closing::new(Arc::clone(name), running)
            .wait(self, after(CLOSE_GRACE))
            .await;
    }

    async fn clean_up(self: &Arc<Self>, name: &Arc<str>, serving: &Serving, limit: Duration) {
        let errors = serving.stop(limit).await;
        for error in &errors {
            tracing::warn!(plugin = %name, "{name}: {error}");
        }
        self.change(|book| {
            if let Some(entry) = book.of(name) {
                entry.busy = false;
                let error = errors.first().map(ToString::to_string);
                self.publish_some(entry.step(Event::CleanedUp, error));
            }
        });
    }

    /// Takes the plugin out that is to stop next, and says how many are left.
    fn next_to_stop(&self, book: &mut Book) -> Option<(Arc<str>, Running, u32)> {
        let nodes: Nodes = book
            .entries
            .iter()
            .map(|(name, entry)| (name.to_string(), entry.node()))
            .collect();
        let runs = |name: &str| {
            book.entries
                .get(name)
                .is_some_and(|entry| entry.running.is_some())
        };
        let running = book
            .entries
            .values()
            .filter_map(|entry| Some((entry.running.as_ref()?.turn, &entry.name)));
        let mut running: Vec<(u64, Arc<str>)> = running
            .map(|(turn, name)| (turn, Arc::clone(name)))
            .collect();
        running.sort_by(|a, b| b.cmp(a));
        let free = |name: &str| !needs::dependents(&nodes, name).any(|other| runs(other));
        let next = running
            .iter()
            .find(|(_, name)| free(name))
            .or(running.first())?;
        let remaining = u32::try_from(running.len() - 1).unwrap_or(u32::MAX);
        let name = Arc::clone(&next.1);
        let entry = book.entries.get_mut(&name)?;
        self.publish_some(entry.step(Event::Drain, None));
        let running = entry.running.take()?;
        entry.busy = true;
        Some((name, running, remaining))
    }

    /// Drops every instance, the last to serve first, without its cleanup: for a host that goes without a shutdown, or a build
    /// that is given up.
    pub(crate) fn abandon(self: &Arc<Self>) {
        // The router may outlive its host, in an embedder's hands. Its timers do not.
        self.ground.router.halt();
        let mut running = self.change(|book| {
            book.ending = true;
            let entries = book.entries.values_mut();
            let taken = entries.filter_map(|entry| {
                entry.opened = None;
                Some((Arc::clone(&entry.name), entry.running.take()?))
            });
            taken.collect::<Vec<_>>()
        });
        running.sort_by_key(|(_, running)| std::cmp::Reverse(running.turn));
        for (
            name,
            Running {
                serving, agents, ..
            },
        ) in running
        {
            tracing::warn!(plugin = %name, "{name} is dropped without its cleanup: its host was not shut down");
            // Through its agents the router would keep the instances.
            let _ = self.ground.router.replace_agents(&agents, Vec::new());
            let (done, dropped) = mpsc::channel();
            // The author's `Drop`, which may block.
            self.ground.runtimes.workers().spawn_blocking(move || {
                drop(serving.take_instances());
                drop(serving);
                let _ = done.send(());
            });
            if !self.ground.runtimes.is_control_thread() {
                let _ = dropped.recv_timeout(CLOSE_GRACE);
            }
        }
        self.events.end();
    }
}

enum TakenOut {
    /// There is no such plugin.
    Nothing,
    /// A job is under way for it.
    Busy,
    /// Its very name, what serves of it, and how long its cleanup may take.
    Plugin(Arc<str>, Option<Running>, Duration),
}

/// A plugin that was cleaned up, until its generation is closed.
struct Closing {
    name: Arc<str>,
    serving: std::sync::Weak<Serving>,
    held: String,
    end: tokio::sync::watch::Receiver<Option<agentsys_loader::End>>,
}

impl Closing {
    fn new(name: Arc<str>, running: Running) -> Self {
        let Running { serving, end, .. } = running;
        Self {
            name,
            held: serving.outstanding(),
            serving: Arc::downgrade(&serving),
            end,
        }
    }

    async fn wait(self, driver: &Driver, end: Instant) {
        let Self {
            name,
            serving,
            held,
            end: mut ended,
        } = self;
        if within(
            driver.ground.runtimes.control(),
            left(end),
            ended.wait_for(Option::is_some),
        )
        .await
        .is_some()
        {
            tracing::info!(plugin = %name, "{name} is stopped");
            return;
        }
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

fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

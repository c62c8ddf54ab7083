//! How plugins end: one alone, all of them in good order, or all at once when a host goes without having been shut down.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use agentsys_loader::{End, LeaseWatch};

use super::driver::Book;
use super::entry::{Entry, Running};
use super::machine::Event;
use super::needs;
use super::retired::{CLOSE_GRACE, Retired, Retirement};
use super::{Driver, PluginState};
use crate::runtimes::{after, within};
use crate::serving::Serving;

/// How long each plugin may take to clean up, whatever the others did with the time.
const LEAST: Duration = Duration::from_millis(250);

impl Driver {
    /// Stops every plugin within `limit` in all: those that need others before these, and else the last to serve first.
    pub(crate) async fn stop(self: &Arc<Self>, limit: Duration) {
        let end = after(limit);
        self.change(|book| {
            book.ending = true;
            for entry in book.entries.values_mut() {
                entry.opened = None;
                entry.wanted = None;
                entry.previous.clear();
            }
        });
        let mut closing = Vec::new();
        while let Some(next) = self.change(|book| self.next_to_stop(book)) {
            let ToStop {
                name,
                running,
                busy,
                remaining,
            } = next;
            let _ = self
                .ground
                .router
                .replace_agents(&running.agents, Vec::new());
            // One that hangs must leave the others a moment of their own.
            let left = left(end);
            let reserved = LEAST.saturating_mul(remaining).min(left / 2);
            self.clean_up(&name, &running.serving, left - reserved, busy)
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
        let settled = |book: &Book| book.retired.iter().all(Retired::is_settled).then_some(());
        let _ = within(
            self.ground.runtimes.control(),
            left(end),
            self.wait_for(settled),
        )
        .await;
        self.events.end();
    }

    /// Stops one plugin, and forgets it: its tasks may finish within the time to drain, its cleanup has its own time.
    pub(crate) async fn remove(self: &Arc<Self>, name: &str) {
        if let Some(name) = self.end_one(name, "removed").await {
            self.change(|book| {
                let rests = |entry: &&mut Entry| !entry.busy && entry.running.is_none();
                if book.of(&name).filter(rests).is_some() {
                    book.entries.remove(&name);
                }
            });
        }
    }

    /// Stops one plugin, and waits until it is out of memory or known to be pinned. Its very name, if there is such a plugin.
    pub(super) async fn end_one(self: &Arc<Self>, name: &str, why: &str) -> Option<Arc<str>> {
        // What is under way for it sees that it is unwanted, and ends first.
        let (name, running) = loop {
            match self.change(|book| self.take_out(book, name)) {
                TakenOut::Nothing => return None,
                TakenOut::Plugin(name, running) => break (name, running),
                TakenOut::Busy => {}
            }
            let idle = |book: &Book| match book.entries.get(name) {
                Some(entry) if entry.busy => None,
                _ => Some(()),
            };
            self.wait_for(idle).await;
        };
        if let Some(running) = running
            && let Ok((_, leaving)) = self
                .ground
                .router
                .exchange(&running.all_agents(), Vec::new())
        {
            self.change(|book| book.begin_retirement(&name, &running, why));
            let retirement = Retirement {
                running: *running,
                leaving,
                drain: self.ground.drain_timeout(),
                with_plugin: true,
            };
            self.retire(&name, retirement).await;
            // One that is out of memory has said so.
            if self.state_of(&name) != Some(PluginState::Unloaded) {
                tracing::info!(plugin = %name, "{name} is stopped");
            }
        }
        Some(name)
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
        entry.opened = None;
        entry.wanted = None;
        let running = entry.running.take().map(Box::new);
        entry.busy = running.is_some();
        if running.is_none() {
            self.publish_some(entry.step(Event::CleanedUp, None));
        }
        let name = Arc::clone(&entry.name);
        TakenOut::Plugin(name, running)
    }

    /// Ends what began to serve when nobody wanted it any more.
    pub(super) async fn end_late(self: &Arc<Self>, name: &Arc<str>, running: Running) {
        let _ = self
            .ground
            .router
            .replace_agents(&running.agents, Vec::new());
        self.happened(name, Event::Drain, None);
        self.clean_up(name, &running.serving, CLOSE_GRACE, false)
            .await;
        running.serving.forget_policies();
        Closing::new(Arc::clone(name), running)
            .wait(self, after(CLOSE_GRACE))
            .await;
    }

    async fn clean_up(
        self: &Arc<Self>,
        name: &Arc<str>,
        serving: &Serving,
        limit: Duration,
        busy_still: bool,
    ) {
        let errors = serving.stop(limit).await;
        for error in &errors {
            tracing::warn!(plugin = %name, "{name}: {error}");
        }
        self.change(|book| {
            if let Some(entry) = book.of(name) {
                if !busy_still {
                    entry.busy = false;
                }
                let error = errors.first().map(ToString::to_string);
                self.publish_some(entry.step(Event::CleanedUp, error));
            }
        });
    }

    /// Takes the plugin out that is to stop next, and says how many are left.
    fn next_to_stop(&self, book: &mut Book) -> Option<ToStop> {
        let nodes = book.nodes();
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
        let busy = std::mem::replace(&mut entry.busy, true);
        Some(ToStop {
            name,
            running,
            busy,
            remaining,
        })
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

/// A plugin that is to stop before the host ends.
struct ToStop {
    name: Arc<str>,
    running: Running,
    /// Whether it is being replaced. What comes of that sees that it is unwanted, and ends by itself.
    busy: bool,
    /// How many are to stop after it.
    remaining: u32,
}

enum TakenOut {
    /// There is no such plugin.
    Nothing,
    /// A job is under way for it.
    Busy,
    /// Its very name, and what serves of it.
    Plugin(Arc<str>, Option<Box<Running>>),
}

/// A plugin that was cleaned up, until its generation is closed.
struct Closing {
    name: Arc<str>,
    leases: LeaseWatch,
    end: tokio::sync::watch::Receiver<Option<End>>,
}

impl Closing {
    fn new(name: Arc<str>, running: Running) -> Self {
        let Running { serving, end, .. } = running;
        Self {
            name,
            leases: serving.generation.watch(),
            end,
        }
    }

    async fn wait(self, driver: &Driver, end: Instant) {
        let Self {
            name,
            leases,
            end: mut ended,
        } = self;
        let ended = ended.wait_for(Option::is_some);
        match within(driver.ground.runtimes.control(), left(end), ended).await {
            Some(_) => tracing::info!(plugin = %name, "{name} is stopped"),
            None => {
                let held = leases.pin();
                tracing::warn!(plugin = %name, "{name} is stopped, but could not be closed: {held}");
            }
        }
    }
}

fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

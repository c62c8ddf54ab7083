//! The small loop: what happened to a plugin is written into the book, and whoever can take its next step then gets a job. Jobs run on the
//! control runtime and come back with what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentsys_loader::{Discovery, Linked};
use tokio::sync::watch;

use super::entry::{Entry, Origin};
use super::machine::Event;
use super::needs::{self, Nodes};
use super::retired::Retired;
use super::uses::Note;
use super::{PluginState, jobs, telling};
use crate::error::{HostError, PluginError};
use crate::events::{EventLog, PluginEvent};
use crate::ground::Ground;
use crate::opening::Source;
use crate::options::PluginOptions;
use crate::status::PluginStatus;

/// Drives the plugins of a host.
pub(crate) struct Driver {
    pub(super) ground: Ground,
    pub(super) events: Arc<EventLog>,
    book: Mutex<Book>,
    picture: Mutex<Picture>,
    /// What plugins can be made of, by the name that each library gives itself.
    libraries: Mutex<BTreeMap<String, Source>>,
    /// What is to be logged once the book is closed: a subscriber is the program's own code, and may ask the host.
    lines: Mutex<Vec<Line>>,
    /// Ticks with every change of the book.
    changed: watch::Sender<()>,
}

type Line = Box<dyn FnOnce() + Send>;

/// What plugins can be made of.
#[derive(Default)]
pub(super) struct Picture {
    /// The plugin directories, as they were found last.
    pub(super) found: Discovery,
    pub(super) linked: Vec<Linked>,
    /// How many looks there were.
    pub(super) looks: u64,
}

/// All that is known of the plugins.
#[derive(Default)]
pub(super) struct Book {
    pub(super) entries: BTreeMap<Arc<str>, Entry>,
    /// Files that are no plugins, or hold one that another file serves.
    pub(super) others: Vec<PluginStatus>,
    /// What the log was told of the directories.
    pub(super) told: BTreeSet<Note>,
    /// Generations that serve no more and are still in memory.
    pub(super) retired: Vec<Retired>,
    /// Which look it goes by.
    pub(super) looked: u64,
    /// How many began to serve so far.
    pub(super) turns: u64,
    /// Nothing starts any more.
    pub(super) ending: bool,
}

impl Book {
    /// The very plugin whose name that is a copy of, not a later one of the same name.
    pub(super) fn of(&mut self, name: &Arc<str>) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(name)?;
        Arc::ptr_eq(&entry.name, name).then_some(entry)
    }

    /// All plugins, as others that need them see them.
    pub(super) fn nodes(&self) -> Nodes {
        let entries = self.entries.iter();
        entries
            .map(|(name, entry)| (name.to_string(), entry.node()))
            .collect()
    }
}

impl Driver {
    pub(crate) fn new(ground: Ground, events: Arc<EventLog>, linked: Vec<Linked>) -> Arc<Self> {
        let picture = Picture {
            linked,
            ..Picture::default()
        };
        Arc::new(Self {
            ground,
            events,
            book: Mutex::default(),
            picture: Mutex::new(picture),
            libraries: Mutex::default(),
            lines: Mutex::default(),
            changed: watch::Sender::new(()),
        })
    }

    /// Takes one more plugin in, unless there is one of its name, or the host ends.
    pub(crate) fn add_one(self: &Arc<Self>, entry: Entry) -> Result<(), HostError> {
        self.change(|book| {
            let name = entry.name.to_string();
            if book.entries.contains_key(&entry.name) {
                return Err(HostError::NameTaken { name });
            }
            if book.ending {
                let reason = "its host is being shut down".to_owned();
                return Err(HostError::NotRunning { name, reason });
            }
            self.enter(book, entry);
            Ok(())
        })
    }

    pub(super) fn enter(&self, book: &mut Book, mut entry: Entry) {
        let discovered = entry.event(None, None);
        self.publish(&discovered);
        if !entry.options.enabled {
            let reason = "its config says `enabled = false`".to_owned();
            self.publish_some(entry.step(Event::Disable, Some(reason)));
        } else if let Origin::Missing(reason) = &entry.origin {
            let reason = reason.clone();
            self.publish_some(entry.step(Event::OpenFailed, Some(reason)));
        }
        book.entries.insert(Arc::clone(&entry.name), entry);
    }

    /// Whether there is a plugin of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.read(|book| book.entries.contains_key(name))
    }

    /// A plugin that has such a route and does not serve, and why.
    pub(crate) fn who_would_serve(&self, route: &str) -> Option<(String, String)> {
        self.read(|book| {
            let mut entries = book.entries.values();
            let entry = entries.find(|entry| entry.running.is_none() && entry.has_route(route))?;
            let state = entry.state();
            let why = match (&entry.node.reason, state) {
                (Some(reason), PluginState::Failed) => format!("failed: {reason}"),
                (Some(reason), PluginState::Discovered) => format!("does not start: it {reason}"),
                _ => format!("is {state}"),
            };
            Some((entry.name.to_string(), why))
        })
    }

    /// The names of all plugins.
    pub(crate) fn names(&self) -> Vec<String> {
        self.read(|book| book.entries.keys().map(ToString::to_string).collect())
    }

    /// Waits until nobody is on the way to somewhere.
    pub(crate) async fn settled(&self) {
        self.wait_for(|book| book.entries.values().all(|entry| !entry.busy).then_some(()))
            .await;
    }

    /// Waits until the book says so.
    pub(super) async fn wait_for<R>(&self, mut says: impl FnMut(&Book) -> Option<R>) -> R {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(result) = self.read(&mut says) {
                return result;
            }
            // The sender is ours.
            let _ = changed.changed().await;
        }
    }

    /// Waits until a plugin serves, or is at rest without serving; then why.
    pub(crate) async fn started(&self, name: &str) -> Result<(), String> {
        let outcome = |book: &Book| match book.entries.get(name) {
            None => Some(Err("it was removed".to_owned())),
            Some(entry) if entry.busy || !entry.state().is_rest() => None,
            Some(entry) => Some(match entry.state() {
                PluginState::Running => Ok(()),
                PluginState::Loaded if entry.node.lazy => Ok(()),
                state => Err(entry
                    .node
                    .reason
                    .clone()
                    .unwrap_or_else(|| format!("it is {state}"))),
            }),
        };
        self.wait_for(outcome).await
    }

    pub(crate) fn status(&self) -> Vec<PluginStatus> {
        let mut all: Vec<PluginStatus> = self.read(|book| {
            let plugins = book.entries.values().map(|entry| PluginStatus {
                retired: book.retired_of(&entry.name),
                ..entry.status()
            });
            plugins.chain(book.others.iter().cloned()).collect()
        });
        all.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
        all
    }

    /// The generation of a plugin that serves, or served last.
    pub(crate) fn generation_of(&self, name: &str) -> Option<u64> {
        self.read(|book| book.entries.get(name)?.current_generation())
    }

    pub(super) fn state_of(&self, name: &str) -> Option<PluginState> {
        self.read(|book| book.entries.get(name).map(Entry::state))
    }

    /// The options of a plugin that serves.
    pub(crate) fn options_of(&self, name: &str) -> Option<PluginOptions> {
        self.read(|book| {
            let running = book.entries.get(name)?.running.as_ref()?;
            Some(running.serving.options.clone())
        })
    }

    /// Tells each plugin the level of the log as it is now.
    pub(crate) fn set_log_level(&self) {
        let level = crate::services::max_log_level();
        let serving: Vec<_> = self.read(|book| {
            let running = book
                .entries
                .values()
                .filter_map(|entry| entry.running.as_ref());
            running
                .map(|running| Arc::clone(&running.serving))
                .collect()
        });
        serving
            .iter()
            .for_each(|serving| serving.set_log_level(level));
    }

    // What instances tell of themselves.

    /// The first call of a lazy plugin came.
    pub(crate) fn begins(self: &Arc<Self>, name: &Arc<str>, number: u64) {
        self.happened_to(name, number, &[Event::Begin], None);
    }

    /// A lazy plugin's instance is there; another one may have failed before.
    pub(crate) fn ready(self: &Arc<Self>, name: &Arc<str>, number: u64) {
        self.happened_to(name, number, &[Event::Ready, Event::Recovered], None);
    }

    /// A lazy plugin's instance could not be made; its next call tries again.
    pub(crate) fn failed_lazily(
        self: &Arc<Self>,
        name: &Arc<str>,
        number: u64,
        error: &PluginError,
    ) {
        let reason = Some(error.to_string());
        self.happened_to(name, number, &[Event::InitializeFailed], reason);
    }

    /// No instance is left to call, for that reason.
    pub(crate) fn lost(self: &Arc<Self>, name: &Arc<str>, number: u64, reason: &str) {
        self.happened_to(name, number, &[Event::Lost], Some(reason.to_owned()));
    }

    /// There is one again.
    pub(crate) fn recovered(self: &Arc<Self>, name: &Arc<str>, number: u64) {
        self.happened_to(name, number, &[Event::Recovered], None);
    }

    /// The first of these events that can, of the generation that serves: what comes late of one that was replaced is nobody's state any more.
    fn happened_to(
        self: &Arc<Self>,
        name: &Arc<str>,
        number: u64,
        events: &[Event],
        reason: Option<String>,
    ) {
        self.change(|book| {
            let of_it = |entry: &&mut Entry| entry.current_generation() == Some(number);
            if let Some(entry) = book.of(name).filter(of_it) {
                let mut events = events.iter();
                self.publish_some(events.find_map(|event| entry.step(*event, reason.clone())));
            }
        });
    }

    pub(super) fn happened(
        self: &Arc<Self>,
        name: &Arc<str>,
        event: Event,
        reason: Option<String>,
    ) {
        self.change(|book| {
            if let Some(entry) = book.of(name) {
                self.publish_some(entry.step(event, reason));
            }
        });
    }

    /// Changes the book, then gives whoever can go on a job.
    pub(super) fn change<R>(self: &Arc<Self>, change: impl FnOnce(&mut Book) -> R) -> R {
        let mut book = self.lock();
        let result = change(&mut book);
        let due = if book.ending {
            Vec::new()
        } else {
            self.due(&mut book)
        };
        if due.is_empty() && !book.ending {
            self.tell_who_waits(&mut book);
        }
        drop(book);
        let lines = std::mem::take(&mut *lock(&self.lines));
        for line in lines {
            // A subscriber that panics must not keep the plugins from going on.
            let _ = catch_unwind(AssertUnwindSafe(line));
        }
        for (name, job) in due {
            jobs::begin(self, name, job);
        }
        self.changed.send_replace(());
        result
    }

    pub(super) fn read<R>(&self, read: impl FnOnce(&Book) -> R) -> R {
        read(&self.lock())
    }

    /// Who can take the next step, which each is marked to be at from here on.
    fn due(&self, book: &mut Book) -> Vec<(Arc<str>, jobs::Job)> {
        let nodes = book.nodes();
        let idle = book.entries.iter_mut().filter(|(_, entry)| !entry.busy);
        let retired = &book.retired;
        let next = |entry: &mut Entry| match &entry.running {
            Some(_) => self.replacement(&nodes, retired, entry),
            None => next_job(&nodes, entry),
        };
        let due: Vec<_> = idle
            .filter_map(|(name, entry)| Some((Arc::clone(name), next(entry)?)))
            .collect();
        for (name, job) in &due {
            if let Some(entry) = book.entries.get_mut(name) {
                entry.busy = true;
                entry.retry_due = false;
                match job {
                    jobs::Job::Open => {
                        entry.begin_generation();
                        entry.tries();
                    }
                    jobs::Job::Initialize if !entry.node.lazy => {
                        self.publish_some(entry.step(Event::Begin, None));
                    }
                    jobs::Job::Initialize | jobs::Job::Replace => {}
                }
            }
        }
        due
    }

    pub(super) fn publish_some(&self, event: Option<PluginEvent>) {
        if let Some(event) = event {
            self.publish(&event);
        }
    }

    fn publish(&self, event: &PluginEvent) {
        self.events.push(event.clone());
        let event = event.clone();
        self.say(move || telling::log(&event));
    }

    /// Logs something once the book is closed.
    pub(super) fn say(&self, line: impl FnOnce() + Send + 'static) {
        lock(&self.lines).push(Box::new(line));
    }

    pub(super) fn picture(&self) -> MutexGuard<'_, Picture> {
        lock(&self.picture)
    }

    /// What plugins can be made of, by the name that each library gives itself.
    pub(crate) fn libraries(&self) -> MutexGuard<'_, BTreeMap<String, Source>> {
        lock(&self.libraries)
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }
}

/// What a plugin that does not serve can do next.
fn next_job(nodes: &Nodes, entry: &mut Entry) -> Option<jobs::Job> {
    match entry.state() {
        PluginState::Discovered => {
            entry.node.reason = needs::unmet(nodes, &entry.name);
            entry.node.reason.is_none().then_some(jobs::Job::Open)
        }
        PluginState::Loaded if entry.opened.is_some() => Some(jobs::Job::Initialize),
        PluginState::Failed if entry.retry_due && entry.opened.is_some() => {
            Some(jobs::Job::Initialize)
        }
        _ => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

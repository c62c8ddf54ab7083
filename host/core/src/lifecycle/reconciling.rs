//! What the plugin directories and the config hold now, against what the host knows: who comes, who goes, who is to be made of something else.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use agentsys_loader::Discovery;

use super::driver::Book;
use super::entry::{Entry, Origin};
use super::machine::Event;
use super::uses::{Broken, Note, Uses, uses};
use super::{Driver, PluginState};

/// A plugin that is to end.
enum Going {
    /// Nothing names it any more.
    Forgotten,
    /// Its section stays, and its file went, for this reason.
    Missing(String),
    /// Its section says so.
    Disabled,
}

impl Driver {
    /// Takes the plugin directories as they were just found, and the config as it is. None: the directories as they were found last.
    pub(crate) fn look(self: &Arc<Self>, found: Option<Discovery>) {
        let (number, uses) = {
            let mut picture = self.picture();
            if let Some(found) = found {
                picture.found = found;
            }
            picture.looks += 1;
            let loaded = self.ground.loaded();
            let uses = uses(
                picture.found.clone(),
                picture.linked.clone(),
                &loaded.config.plugins,
            );
            (picture.looks, uses)
        };
        let reconciled = self.change(|book| {
            // Another thread's look came later and was faster.
            if book.looked > number {
                return Vec::new();
            }
            book.looked = number;
            self.reconcile(book, uses)
        });
        for (name, going) in reconciled {
            let this = Arc::clone(self);
            self.ground.runtimes.control().spawn(async move {
                this.end_for(&name, going).await;
                // It may be wanted again by now.
                this.look(None);
            });
        }
    }

    async fn end_for(self: &Arc<Self>, name: &Arc<str>, going: Going) {
        match going {
            Going::Forgotten => self.remove(name).await,
            Going::Missing(reason) => drop(self.end_one(name, &reason).await),
            Going::Disabled => {
                let why = "its config says `enabled = false`";
                let _ = self.disable(name, why).await;
            }
        }
        self.change(|book| {
            if let Some(entry) = book.of(name) {
                entry.going = false;
            }
        });
    }

    fn reconcile(&self, book: &mut Book, uses: Uses) -> Vec<(Arc<str>, Going)> {
        let Uses {
            entries,
            others,
            libraries,
            broken,
            notes,
        } = uses;
        self.tell(book, notes);
        *self.libraries() = libraries;
        if book.ending {
            return Vec::new();
        }
        let there: BTreeSet<Arc<str>> = entries
            .iter()
            .map(|entry| Arc::clone(&entry.name))
            .collect();
        let mut going = Vec::new();
        for now in entries {
            match book.entries.get_mut(&now.name) {
                None => self.enter(book, now),
                // It is looked at again when it has ended.
                Some(entry) if entry.scoped || entry.going => {}
                Some(entry) => {
                    if let Some(end) = self.meet(entry, now, &broken) {
                        entry.going = true;
                        going.push((Arc::clone(&entry.name), end));
                    }
                }
            }
        }
        let known = book.entries.values_mut();
        for entry in
            known.filter(|entry| !there.contains(&entry.name) && !entry.scoped && !entry.going)
        {
            if entry.hold_on(&broken) {
                continue;
            }
            entry.going = true;
            going.push((Arc::clone(&entry.name), Going::Forgotten));
        }
        book.others = others;
        going
    }

    /// A plugin as it is known, and as it would be made now.
    fn meet(&self, entry: &mut Entry, now: Entry, broken: &Broken) -> Option<Going> {
        let was_broken = std::mem::take(&mut entry.broken);
        let reconfigured = entry.section != now.section;
        if reconfigured {
            entry.section.clone_from(&now.section);
            entry.options = now.section.clone();
            entry.node.lazy = entry.options.lazy;
            entry.node.library.clone_from(&now.node.library);
            if !entry.options.enabled {
                return (entry.state() != PluginState::Disabled).then_some(Going::Disabled);
            }
        }
        let source = match now.origin {
            Origin::Missing(_) if entry.hold_on(broken) => return None,
            Origin::Missing(reason) => return self.miss(entry, reason),
            Origin::Found(source) => source,
        };
        if entry.path_that_serves() != source.path() && entry.hold_on(broken) {
            return None;
        }
        let changed = entry.file_hash() != source.content_hash();
        if entry.running.is_none() {
            entry.describe(source.metadata());
        }
        let was_missing = matches!(entry.origin, Origin::Missing(_));
        entry.origin = Origin::Found(source);
        let up_to_date = entry.running.is_some() && entry.outdated().is_none();
        if changed || was_broken || up_to_date {
            entry.tried = None;
        }
        if entry.running.is_some() {
            if up_to_date {
                entry.held_back = None;
            }
            return None;
        }
        match entry.state() {
            PluginState::Failed if changed || was_missing || reconfigured => self.begin_anew(entry),
            PluginState::Stopped | PluginState::Unloaded if entry.options.enabled => {
                self.begin_anew(entry);
            }
            PluginState::Disabled if reconfigured => self.begin_anew(entry),
            _ => {}
        }
        None
    }

    /// Its file is there no more.
    fn miss(&self, entry: &mut Entry, reason: String) -> Option<Going> {
        entry.origin = Origin::Missing(reason.clone());
        entry.wanted = None;
        if entry.running.is_some() || entry.busy {
            return Some(Going::Missing(reason));
        }
        self.publish_some(entry.step(Event::OpenFailed, Some(reason)));
        None
    }

    /// Logs what was not told before.
    fn tell(&self, book: &mut Book, notes: BTreeSet<Note>) {
        for note in notes.difference(&book.told) {
            let note = note.clone();
            self.say(move || match note {
                Note::Info(text) => tracing::info!("{text}"),
                Note::Warning(text) => tracing::warn!("{text}"),
            });
        }
        book.told = notes;
    }
}

impl Entry {
    /// Whether what serves is to go on, since its file is there and holds what cannot be loaded; that is why it is not replaced then.
    fn hold_on(&mut self, broken: &Broken) -> bool {
        let reason = self
            .path_that_serves()
            .and_then(|path| broken.get(path))
            .cloned();
        if reason.is_some() {
            self.held_back = reason;
            self.broken = true;
            return true;
        }
        false
    }

    /// The file of what serves.
    fn path_that_serves(&self) -> Option<&Path> {
        Some(&self.running.as_ref()?.content.as_ref()?.path)
    }
}

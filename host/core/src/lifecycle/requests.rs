//! What is asked of one plugin while the host runs: to be replaced, started, stopped.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::driver::Book;
use super::entry::{Entry, Origin};
use super::machine::Event;
use super::{Driver, PluginState};
use crate::error::HostError;
use crate::opening::{Content, Source};
use crate::quarantine::QuarantineKind;

/// What a plugin is to be replaced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// What its file holds now.
    Newest,
    /// What it was made of before.
    Previous,
}

/// What came of a request, at once or later.
enum Begun {
    /// Its replacement is wanted.
    Replacing(oneshot::Receiver<Result<u64, String>>),
    /// It does not serve, and is being started.
    Starting,
}

impl Driver {
    /// Makes a new generation of a plugin, which takes the place of what serves. One that does not serve is started. Gives the generation's number.
    pub(crate) async fn reload(self: &Arc<Self>, name: &str, by: By) -> Result<u64, HostError> {
        let not_replaced = |reason| HostError::NotReplaced {
            name: name.to_owned(),
            reason,
        };
        let begun = self
            .once_idle(name, |book| self.begin_reload(book, name, by))
            .await;
        match begun.map_err(|reason| reason.map_or_else(|| self.no_such(name), not_replaced))? {
            Begun::Replacing(done) => {
                let lost = |_| "it is being stopped".to_owned();
                done.await
                    .unwrap_or_else(|error| Err(lost(error)))
                    .map_err(not_replaced)
            }
            Begun::Starting => {
                self.started(name).await.map_err(not_replaced)?;
                Ok(self.generation_of(name).unwrap_or_default())
            }
        }
    }

    fn begin_reload(&self, book: &mut Book, name: &str, by: By) -> Result<Begun, Option<String>> {
        let ending = book.ending;
        let entry = book.entries.get_mut(name).ok_or(None)?;
        if ending {
            return Err(Some("the host is being shut down".to_owned()));
        }
        let source = match (by, &entry.origin) {
            (By::Newest, Origin::Found(source)) => Source::clone(source),
            (By::Newest, Origin::Missing(reason)) => return Err(Some(reason.clone())),
            (By::Previous, _) => {
                let kept = entry.previous.front().cloned();
                let none = "nothing is kept of a generation before: see `host.keep_previous`";
                Source::Kept(kept.ok_or_else(|| Some(none.to_owned()))?)
            }
        };
        if entry.running.is_some() {
            let why = match by {
                By::Newest => "a reload was asked for",
                By::Previous => "the generation before was asked for",
            };
            let (done, hears) = oneshot::channel();
            entry.wanted = Some(entry.want(source, why, Some(done)));
            return Ok(Begun::Replacing(hears));
        }
        match entry.state() {
            PluginState::Disabled => Err(Some("it is disabled: enable it first".to_owned())),
            PluginState::Failed => {
                // What its file holds is no news after that.
                entry.instead = (by == By::Previous).then_some(source);
                self.begin_anew(entry);
                Ok(Begun::Starting)
            }
            PluginState::Discovered => Ok(Begun::Starting),
            state => Err(Some(format!("it is {state}"))),
        }
    }

    /// Has a plugin that failed, was stopped or was disabled start from the beginning.
    pub(super) fn begin_anew(&self, entry: &mut Entry) {
        entry.failures = 0;
        entry.retry_due = false;
        entry.opened = None;
        let step = entry.step(Event::Reopen, None);
        self.publish_some(step.or_else(|| entry.step(Event::Enable, None)));
    }

    /// Starts a plugin that was disabled.
    pub(crate) async fn enable(self: &Arc<Self>, name: &str) -> Result<(), HostError> {
        let enable = |book: &mut Book| {
            let entry = book.entries.get_mut(name)?;
            entry.options.enabled = true;
            if matches!(
                entry.state(),
                PluginState::Disabled | PluginState::Stopped | PluginState::Unloaded
            ) {
                self.begin_anew(entry);
            }
            if let (PluginState::Discovered, Origin::Missing(reason)) =
                (entry.state(), &entry.origin)
            {
                let reason = reason.clone();
                self.publish_some(entry.step(Event::OpenFailed, Some(reason)));
            }
            Some(())
        };
        let enabled = self.once_idle(name, enable).await;
        enabled.ok_or_else(|| self.no_such(name))?;
        self.started(name)
            .await
            .map_err(|reason| HostError::NotRunning {
                name: name.to_owned(),
                reason,
            })
    }

    /// Stops a plugin, and keeps it from being started. Waits until it is out of memory or known to be pinned.
    pub(crate) async fn disable(self: &Arc<Self>, name: &str, why: &str) -> Result<(), HostError> {
        let found = self.change(|book| {
            let entry = book.entries.get_mut(name)?;
            entry.options.enabled = false;
            Some(entry.state() == PluginState::Disabled)
        });
        if found.ok_or_else(|| self.no_such(name))? {
            return Ok(());
        }
        if let Some(name) = self.end_one(name, why).await {
            self.change(|book| {
                // It may have been enabled meanwhile.
                if let Some(entry) = book.of(&name).filter(|entry| !entry.options.enabled) {
                    self.publish_some(entry.step(Event::Disable, Some(why.to_owned())));
                }
            });
        }
        Ok(())
    }

    /// Has a generation served no more, and its content opened no more. One that is linked into the program has none, and goes on.
    pub(crate) fn quarantine(self: &Arc<Self>, name: &Arc<str>, number: u64, cause: &str) {
        let (this, name, cause) = (Arc::clone(self), Arc::clone(name), cause.to_owned());
        let control = self.ground.runtimes.control();
        control.spawn(async move {
            // Where it is being replaced, the next one is not to blame.
            let mark = |book: &mut Book| {
                let entry = book.of(&name)?;
                let running = entry
                    .running
                    .as_ref()
                    .filter(|running| running.number == number)?;
                let content = running.content.clone()?;
                entry.going = true;
                Some(content)
            };
            let content = this.once_idle(&name, mark).await;
            let (Some(content), Some(files)) = (content, &this.ground.files) else {
                return;
            };
            tracing::error!(plugin = %name, "{name} is put into quarantine: {cause}");
            let (files, why) = (Arc::clone(files), cause.clone());
            // Writes a file, and may be the last to have the private copy.
            let writing = tokio::task::spawn_blocking(move || {
                let Content {
                    path, inspected, ..
                } = &content;
                files
                    .admission
                    .quarantine(path, inspected, QuarantineKind::Panics, &why);
            });
            let _ = writing.await;
            this.end_one(&name, &cause).await;
            this.change(|book| {
                if let Some(entry) = book.of(&name) {
                    entry.going = false;
                    // To be refused, with the reason; another build may be there by now.
                    if entry.options.enabled {
                        this.begin_anew(entry);
                    }
                }
            });
            this.look(None);
        });
    }

    /// Changes the book when no job is under way for a plugin, nor its end.
    async fn once_idle<R>(
        self: &Arc<Self>,
        name: &str,
        mut change: impl FnMut(&mut Book) -> R,
    ) -> R {
        let is_busy = |book: &Book| matches!(book.entries.get(name), Some(entry) if entry.busy || entry.going);
        loop {
            if let Some(done) = self.change(|book| (!is_busy(book)).then(|| change(book))) {
                return done;
            }
            self.wait_for(|book| (!is_busy(book)).then_some(())).await;
        }
    }

    pub(crate) fn no_such(&self, name: &str) -> HostError {
        let names = self.names();
        HostError::no_such_plugin(name, names.iter().map(String::as_str))
    }
}

//! Generations that serve no more: their tasks finish or are given up, they are cleaned up and closed, and the host watches until they are out of memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agentsys_loader::{End, LeaseWatch, Pin};
use agentsys_router::Leaving;
use tokio::sync::watch;

use super::Driver;
use super::driver::Book;
use super::entry::Running;
use super::machine::Event;
use crate::history::GenerationRecord;
use crate::runtimes::within;
use crate::status::RetiredStatus;

/// How long a generation may take to be closed, once its instances are gone, before it is said to be pinned.
pub(crate) const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// A generation that serves no more, as long as it is in memory.
pub(super) struct Retired {
    plugin: Arc<str>,
    number: u64,
    version: String,
    pin: Option<Pin>,
}

/// How a generation is to be retired.
pub(super) struct Retirement {
    pub(super) running: Running,
    pub(super) leaving: Leaving,
    /// How long its tasks may take to finish.
    pub(super) drain: Duration,
    /// Whether its plugin ends with it, or another generation has taken its place.
    pub(super) with_plugin: bool,
}

impl Driver {
    /// Retires a generation, and waits until it is out of memory or known to be pinned.
    pub(super) async fn retire(self: &Arc<Self>, name: &Arc<str>, retirement: Retirement) {
        let Retirement {
            running,
            leaving,
            drain,
            with_plugin,
        } = retirement;
        let number = running.number;
        self.drain(name, &leaving, drain, number).await;
        drop(leaving);

        let Running {
            serving,
            end,
            content,
            ..
        } = running;
        drop(content);
        // Twice: the cleanup itself, and the author's `Drop`.
        let limit = serving.options.cleanup_timeout.saturating_mul(2);
        let began = Instant::now();
        let errors = serving.stop(limit).await;
        for error in &errors {
            tracing::warn!(plugin = %name, "{name}: {error}");
        }
        serving.forget_policies();
        self.change(|book| {
            note(book, name, number, |record| {
                record.took("cleanup", began.elapsed())
            });
            if let Some(entry) = book.of(name).filter(|_| with_plugin) {
                entry.busy = false;
                let error = errors.first().map(ToString::to_string);
                self.publish_some(entry.step(Event::CleanedUp, error));
            }
        });
        let leases = serving.generation.watch();
        drop(serving);
        let watched = Watched {
            name: Arc::clone(name),
            number,
            with_plugin,
            began: Instant::now(),
        };
        self.close(watched, end, leases).await;
    }

    async fn drain(
        self: &Arc<Self>,
        name: &Arc<str>,
        leaving: &Leaving,
        drain: Duration,
        number: u64,
    ) {
        let began = Instant::now();
        let left = leaving.drained(drain).await;
        if left > 0 {
            let stuck = leaving.cut_off().await;
            let end = match stuck {
                0 => String::new(),
                stuck => format!("; {stuck} of them cannot be, since their handlers do not return"),
            };
            tracing::warn!(plugin = %name, "{left} task(s) of {name} did not end within {drain:?} and were cut off{end}");
        }
        self.change(|book| {
            note(book, name, number, |record| {
                record.took("drain", began.elapsed())
            })
        });
    }

    async fn close(
        self: &Arc<Self>,
        watched: Watched,
        mut end: watch::Receiver<Option<End>>,
        leases: LeaseWatch,
    ) {
        let control = self.ground.runtimes.control();
        let told = within(control, CLOSE_GRACE, end.wait_for(Option::is_some)).await;
        let told = told.and_then(|told| told.ok()?.clone());
        let first = told.unwrap_or_else(|| End::Pinned(leases.pin()));
        if !self.ended(&watched, &first) {
            let this = Arc::downgrade(self);
            control.spawn(async move {
                while let Ok(()) = end.changed().await {
                    let ended = end.borrow_and_update().clone();
                    if let (Some(this), Some(ended)) = (this.upgrade(), ended)
                        && this.ended(&watched, &ended)
                    {
                        return;
                    }
                }
            });
        }
    }

    /// Watches how a generation ends that never came to serve: what pins it costs as much.
    pub(super) fn watch_failed(
        self: &Arc<Self>,
        book: &mut Book,
        name: &Arc<str>,
        number: u64,
        version: &str,
        end: watch::Receiver<Option<End>>,
        leases: LeaseWatch,
    ) {
        book.retired.push(Retired {
            plugin: Arc::clone(name),
            number,
            version: version.to_owned(),
            pin: None,
        });
        let watched = Watched {
            name: Arc::clone(name),
            number,
            with_plugin: false,
            began: Instant::now(),
        };
        let this = Arc::clone(self);
        let control = self.ground.runtimes.control();
        control.spawn(async move { this.close(watched, end, leases).await });
    }

    /// Takes note of how a generation ended; whether that is the last word.
    fn ended(self: &Arc<Self>, watched: &Watched, end: &End) -> bool {
        let Watched {
            name,
            number,
            with_plugin,
            began,
        } = watched;
        self.change(|book| {
            let is_it =
                |retired: &Retired| retired.number == *number && Arc::ptr_eq(&retired.plugin, name);
            let pin = match end {
                End::Pinned(pin) => Some(pin.clone()),
                _ => None,
            };
            let was_pinned = book
                .retired
                .iter()
                .any(|retired| is_it(retired) && retired.pin.is_some());
            match &pin {
                Some(_) => {
                    let mut retired = book.retired.iter_mut();
                    if let Some(retired) = retired.find(|retired| is_it(retired)) {
                        retired.pin.clone_from(&pin);
                    }
                }
                None => book.retired.retain(|retired| !is_it(retired)),
            }
            let told = match end {
                End::Unloaded => "unloaded".to_owned(),
                End::Linked => "linked".to_owned(),
                End::Pinned(pin) => format!("pinned: {pin}"),
                _ => "unknown".to_owned(),
            };
            note(book, name, *number, |record| {
                if record.end.is_none() {
                    record.took("close", began.elapsed());
                }
                record.end = Some(told);
            });
            if let Some(entry) = book.of(name).filter(|entry| {
                let latest = entry.current_generation() == Some(*number);
                *with_plugin && latest && *end == End::Unloaded
            }) {
                self.publish_some(entry.step(Event::Unmapped, None));
            }
            self.tell_end(name, *number, pin.as_ref(), was_pinned);
            pin.is_none_or(|pin| pin.is_for_good())
        })
    }

    fn tell_end(&self, name: &Arc<str>, number: u64, pin: Option<&Pin>, was_pinned: bool) {
        let (name, pin) = (Arc::clone(name), pin.map(ToString::to_string));
        self.say(move || match pin {
            Some(pin) => tracing::warn!(plugin = %name, generation = number, "generation {number} of {name} stays in memory, pinned: {pin}"),
            None if was_pinned => tracing::info!(plugin = %name, generation = number, "generation {number} of {name} is out of memory at last"),
            None => tracing::debug!(plugin = %name, generation = number, "generation {number} of {name} is out of memory"),
        });
    }
}

/// A generation that is being closed.
struct Watched {
    name: Arc<str>,
    number: u64,
    with_plugin: bool,
    began: Instant,
}

impl Book {
    /// Takes note that a generation serves no more, for that reason; it is to be retired.
    pub(super) fn begin_retirement(&mut self, name: &Arc<str>, running: &Running, why: &str) {
        note(self, name, running.number, |record| record.ends(why));
        self.retired.push(Retired {
            plugin: Arc::clone(name),
            number: running.number,
            version: running.version(),
            pin: None,
        });
    }

    /// The generations of a plugin that have not ended yet.
    pub(super) fn retired_of(&self, name: &str) -> Vec<RetiredStatus> {
        let of_it = self
            .retired
            .iter()
            .filter(|retired| *retired.plugin == *name);
        of_it.map(Retired::status).collect()
    }
}

/// What pins the generations of a plugin that are pinned.
pub(super) fn pins_of<'a>(retired: &'a [Retired], name: &str) -> Vec<&'a Pin> {
    let of_it = retired.iter().filter(|retired| *retired.plugin == *name);
    of_it.filter_map(|retired| retired.pin.as_ref()).collect()
}

impl Retired {
    fn status(&self) -> RetiredStatus {
        RetiredStatus {
            number: self.number,
            version: self.version.clone(),
            pinned: self.pin.as_ref().map(ToString::to_string),
        }
    }

    /// Whether it is known what becomes of it.
    pub(super) fn is_settled(&self) -> bool {
        self.pin.is_some()
    }
}

/// Writes into the record of a generation, if that is remembered.
pub(super) fn note(
    book: &mut Book,
    name: &Arc<str>,
    number: u64,
    note: impl FnOnce(&mut GenerationRecord),
) {
    if let Some(entry) = book.of(name) {
        entry.history.note(number, note);
    }
}

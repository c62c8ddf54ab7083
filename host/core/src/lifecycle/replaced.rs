//! What a replacement came to: written into the book, told, and the old generation sent on its way.

use std::sync::Arc;
use std::time::Duration;

use agentsys_router::Leaving;

use super::driver::Book;
use super::entry::{Entry, Running};
use super::machine::Event;
use super::replacing::{Outcome, Plan};
use super::retired::Retirement;
use super::{Driver, jobs, needs};

/// What is left to do when the book has it.
pub(super) enum Settled {
    Done(Result<u64, String>),
    /// The host ended meanwhile: to be ended as well.
    Unwanted(Box<Running>),
}

impl Plan {
    pub(super) fn settle(
        &mut self,
        driver: &Arc<Driver>,
        book: &mut Book,
        outcome: Outcome,
        took: Duration,
    ) -> Settled {
        let (turn, ending) = (book.turns, book.ending);
        let Some(entry) = book.of(&self.name) else {
            return Settled::Done(Err("it was removed meanwhile".to_owned()));
        };
        let (running, leaving, error) = match outcome {
            Outcome::Replaced(running, leaving) => (Some(running), Some(leaving), None),
            Outcome::Kept(error) => {
                self.old.serving.reopen_added();
                (None, None, Some(error))
            }
            Outcome::Restarted(running, leaving, error) => {
                (Some(running), Some(leaving), Some(error))
            }
            Outcome::Lost(leaving, error) => (None, Some(leaving), Some(error)),
        };
        let running = match running {
            // Busy until it is cleaned up.
            Some(running) if ending && entry.running.is_none() => {
                return Settled::Unwanted(Box::new(running));
            }
            running => running,
        };
        entry.busy = false;
        let told = error.as_ref().map(ToString::to_string);
        match &told {
            Some(told) => {
                entry.held_back = Some(format!("{}: {told}", self.not_replaced()));
                entry.history.note(self.number, |record| record.ends(told));
            }
            None => {
                entry.held_back = None;
                entry.failures = 0;
            }
        }
        let old = leaving.and_then(|leaving| Some((entry.running.take()?, leaving)));
        if let (Some((old, _)), None) = (&old, &told) {
            let keep = driver.ground.loaded().config.host.keep_previous;
            entry.keep(old.content.clone(), keep);
        }
        if let Some(running) = running {
            entry.serve(Running { turn, ..running });
            self.serves(driver, entry);
        } else if entry.running.is_none()
            && let Some(error) = &error
        {
            jobs::failed(driver, entry, Event::Lost, error);
        }
        if let Some((old, leaving)) = old {
            self.retire(driver, book, old, leaving, told.is_none());
        }
        if told.is_some()
            && let Some((end, leases)) = self.opened.take()
        {
            driver.watch_failed(book, &self.name, self.number, &self.version, end, leases);
        }
        book.turns += 1;
        self.tell(driver, told.as_deref(), took);
        if told.is_none() {
            self.tell_dependents(driver, book);
        }
        Settled::Done(told.map_or(Ok(self.number), Err))
    }

    /// A generation serves in the old one's place.
    fn serves(&self, driver: &Driver, entry: &mut Entry) {
        let mut steps = vec![Event::Recovered];
        if !self.lazily {
            // One that was to be initialized at its first call, and is now.
            steps.extend([Event::Begin, Event::Ready]);
        }
        let mut steps = steps
            .into_iter()
            .filter_map(|event| entry.step(event, None))
            .collect::<Vec<_>>();
        if steps.is_empty() {
            steps.push(entry.event(Some(entry.state()), Some(self.why.clone())));
        }
        for step in steps {
            driver.publish_some(Some(step));
        }
    }

    fn retire(
        &self,
        driver: &Arc<Driver>,
        book: &mut Book,
        old: Running,
        leaving: Leaving,
        replaced: bool,
    ) {
        let why = if replaced {
            format!("replaced by generation {}: {}", self.number, self.why)
        } else {
            "stopped for a replacement that failed".to_owned()
        };
        book.begin_retirement(&self.name, &old, &why);
        let retirement = Retirement {
            running: old,
            leaving,
            drain: self.drain,
            with_plugin: false,
        };
        let (driver, name) = (Arc::clone(driver), Arc::clone(&self.name));
        let control = driver.ground.runtimes.control().clone();
        control.spawn(async move { driver.retire(&name, retirement).await });
    }

    fn not_replaced(&self) -> String {
        let (old, new) = (&self.old.version, &self.version);
        let place = self
            .source
            .path()
            .map(|path| format!(" of {}", path.display()));
        format!("{new}{} did not replace {old}", place.unwrap_or_default())
    }

    fn tell(&self, driver: &Driver, error: Option<&str>, took: Duration) {
        let (name, error) = (Arc::clone(&self.name), error.map(str::to_owned));
        let (number, before) = (self.number, self.old.number);
        let (old, new) = (self.old.version.clone(), self.version.clone());
        let (why, failed) = (self.why.clone(), self.not_replaced());
        driver.say(move || match error {
            None => tracing::info!(plugin = %name, generation = number, "{name} {new} serves in place of {old} after {took:?} (generation {number} for {before}): {why}"),
            Some(error) => tracing::error!(plugin = %name, "{name}: {failed}: {error}"),
        });
    }

    /// Names those that run and need another version than that which serves now.
    fn tell_dependents(&self, driver: &Driver, book: &Book) {
        let nodes = book.nodes();
        let runs = |name: &str| {
            let entry = book.entries.get(name);
            entry.is_some_and(|entry| entry.running.is_some())
        };
        let dependents = needs::dependents(&nodes, &self.name).filter(|other| runs(other));
        for other in dependents {
            if let Some(reason) = needs::unmet(&nodes, other) {
                let other = other.clone();
                driver.say(
                    move || tracing::warn!(plugin = %other, "{other} runs on, though it {reason}"),
                );
            }
        }
    }
}

//! Replacing a generation under traffic.
//!
//! As a rule the new one serves before the old one stops: it is opened and initialized, takes the old one's place in the router as one change, and the old one drains. Two
//! exceptions are declared. *Hand-over*, for a plugin with a state: calls wait while the old one finishes what it has and saves, and the new one restores. *Stop first*,
//! where two generations cannot coexist: calls wait while the old one ends and the new one is initialized; where that fails, the old content is started again.
//!
//! Whatever fails before the new one serves leaves the old one serving.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agentsys_loader::{Failure, Instance};
use agentsys_router::{AgentId, Hold, Leaving};

use super::driver::Book;
use super::entry::{Running, Wanted};
use super::machine::Event;
use super::retired::{Retirement, note};
use super::{Driver, PluginState};
use crate::config::Reload;
use crate::error::PluginError;
use crate::ground::Ground;
use crate::opening::{self, Opened, Source};
use crate::options::PluginOptions;
use crate::runtimes::within;
use crate::serving::{self, Serving};

/// Replaces what serves of a plugin by what is wanted.
pub(super) async fn replace(driver: &Arc<Driver>, name: &Arc<str>) {
    let began = Instant::now();
    let (plan, done) = match driver.change(|book| Plan::make(driver, book, name)) {
        Some((Ok(plan), done)) => (plan, done),
        Some((Err(refused), Some(done))) => return drop(done.send(Err(refused))),
        Some((Err(_), None)) | None => return,
    };
    let outcome = plan.carry_out(driver).await;
    let result = driver.change(|book| plan.settle(driver, book, outcome, began.elapsed()));
    if let Some(done) = done {
        let _ = done.send(result);
    }
}

type Done = tokio::sync::oneshot::Sender<Result<u64, String>>;

/// Why a plugin is replaced no more, where so many of its earlier generations are pinned: each costs memory.
fn too_many_pinned(driver: &Driver, book: &Book, name: &str) -> Option<String> {
    let most = driver.ground.loaded().config.host.max_pinned;
    let pins = book.pins_of(name);
    let latest = pins.last().filter(|_| pins.len() >= most)?;
    let count = pins.len();
    Some(format!(
        "{count} earlier generation(s) are pinned in memory, and host.max_pinned is {most}; the latest by: {latest}. End what pins them, start the host again, or raise max_pinned"
    ))
}

/// A replacement, and what it begins from.
struct Plan {
    name: Arc<str>,
    source: Source,
    options: PluginOptions,
    why: String,
    /// The number of the generation to come.
    number: u64,
    old: Old,
    /// Whether the new instances are made at their first calls, as the old ones were to be.
    lazily: bool,
    drain: Duration,
}

/// What serves.
struct Old {
    serving: Arc<Serving>,
    agents: Vec<AgentId>,
    number: u64,
    version: String,
    hands_over: bool,
    /// What it was made of, to be started again.
    source: Option<Source>,
}

/// What a replacement came to.
enum Outcome {
    Replaced(Running, Leaving),
    /// The old one serves on.
    Kept(PluginError),
    /// The old one had been stopped, and was started again.
    Restarted(Running, Leaving, PluginError),
    /// Neither serves.
    Lost(Leaving, PluginError),
}

impl Plan {
    /// Takes what is wanted: a plan, or why there will be none; and who hears of it.
    fn make(
        driver: &Driver,
        book: &mut Book,
        name: &Arc<str>,
    ) -> Option<(Result<Self, String>, Option<Done>)> {
        let ending = book.ending;
        let refused = too_many_pinned(driver, book, name);
        let entry = book.of(name)?;
        let (Some(wanted), Some(running), false) = (entry.wanted.take(), &entry.running, ending)
        else {
            entry.busy = false;
            return None;
        };
        let Wanted {
            source,
            options,
            why,
            done,
        } = wanted;
        if let Some(refused) = refused {
            entry.busy = false;
            entry.held_back = Some(refused.clone());
            let name = Arc::clone(name);
            let said = refused.clone();
            driver.say(move || tracing::error!(plugin = %name, "{name} is not replaced: {said}"));
            return Some((Err(refused), done));
        }
        let old = Old {
            serving: Arc::clone(&running.serving),
            agents: running.agents.clone(),
            number: running.number,
            version: running.version(),
            hands_over: running.hands_over,
            source: match &running.content {
                Some(content) => Some(Source::Kept(content.clone())),
                None => Some(source.clone()).filter(|source| source.path().is_none()),
            },
        };
        let lazily = options.lazy && old.serving.instances().is_empty();
        let plan = Self {
            name: Arc::clone(name),
            source,
            options,
            why,
            number: entry.begin_generation(),
            old,
            lazily,
            drain: driver.ground.drain_timeout(),
        };
        Some((Ok(plan), done))
    }

    async fn carry_out(&self, driver: &Arc<Driver>) -> Outcome {
        let opened = match self.open(driver, &self.source, &self.options).await {
            Ok(opened) => opened,
            Err(error) => return Outcome::Kept(error),
        };
        match self.options.reload {
            Reload::StopFirst => self.stop_first(driver, opened).await,
            Reload::Swap => match self.swap(driver, opened).await {
                Ok((running, leaving)) => Outcome::Replaced(running, leaving),
                Err(error) => Outcome::Kept(error),
            },
        }
    }

    async fn open(
        &self,
        driver: &Arc<Driver>,
        source: &Source,
        options: &PluginOptions,
    ) -> Result<Opened, PluginError> {
        let began = Instant::now();
        let opened =
            opening::open(&driver.ground, &self.name, source, self.number, options).await?;
        driver.change(|book| {
            note(book, &self.name, self.number, |record| {
                record.is_of(&opened);
                record.took("open", began.elapsed());
            });
        });
        Ok(opened)
    }

    /// The new one first.
    async fn swap(
        &self,
        driver: &Arc<Driver>,
        opened: Opened,
    ) -> Result<(Running, Leaving), PluginError> {
        let serving = self
            .start(driver, &opened, &self.options, self.lazily)
            .await?;
        let hold = if self.old.hands_over && opened.hands_over && !self.lazily {
            match self.hand_over(driver, &serving).await {
                Ok(hold) => Some(hold),
                Err(error) => {
                    serving.stop(self.options.cleanup_timeout).await;
                    return Err(error);
                }
            }
        } else {
            None
        };
        let exchanged = self.exchange(driver, opened, serving).await;
        drop(hold);
        exchanged
    }

    async fn start(
        &self,
        driver: &Arc<Driver>,
        opened: &Opened,
        options: &PluginOptions,
        lazily: bool,
    ) -> Result<Arc<Serving>, PluginError> {
        let began = Instant::now();
        let weak = Arc::downgrade(driver);
        let serving =
            Serving::start(&self.name, opened, options, &driver.ground, weak, lazily).await?;
        self.took(driver, "initialize", began);
        Ok(serving)
    }

    /// Puts the new one in the old one's place, as one change.
    async fn exchange(
        &self,
        driver: &Arc<Driver>,
        opened: Opened,
        serving: Arc<Serving>,
    ) -> Result<(Running, Leaving), PluginError> {
        serving.serve_added();
        let agents = serving.agents(&opened);
        agents
            .iter()
            .for_each(|(route, _)| serving.set_policy(route));
        match driver.ground.router.exchange(&self.all_agents(), agents) {
            Ok((agents, leaving)) => {
                let running = Running::new(opened, serving, agents, self.number);
                Ok((running, leaving))
            }
            Err(error) => {
                serving.forget_policies();
                serving.stop(self.options.cleanup_timeout).await;
                Err(error.into())
            }
        }
    }

    /// Has the new instances take over what the old ones saved. Calls wait from here until the hold is dropped.
    async fn hand_over(
        &self,
        driver: &Arc<Driver>,
        serving: &Serving,
    ) -> Result<Hold, PluginError> {
        let began = Instant::now();
        let hold = self.hold(driver).await?;
        let (old, new) = (self.old.serving.instances(), serving.instances());
        for (old, new) in old.iter().zip(&new) {
            self.hand_over_one(&driver.ground, old, new).await?;
        }
        self.took(driver, "hand_over", began);
        Ok(hold)
    }

    async fn hand_over_one(
        &self,
        ground: &Ground,
        old: &Arc<Instance>,
        new: &Arc<Instance>,
    ) -> Result<(), PluginError> {
        let (runtimes, old) = (&ground.runtimes, Arc::clone(old));
        let saving = runtimes.on_own_thread(move || async move {
            match old.save_state() {
                Some(saving) => saving.outcome().await.map(Some),
                None => Ok(None),
            }
        });
        let limit = self.old.serving.options.cleanup_timeout;
        let saved = within(runtimes.control(), limit, saving).await;
        let Some(state) = told("save_state", saved)? else {
            return Ok(());
        };
        let (new, from) = (Arc::clone(new), self.old.version.clone());
        let restoring = runtimes.on_own_thread(move || async move {
            match new.restore_state(state, &from) {
                Some(restoring) => restoring.outcome().await.map(drop),
                None => Ok(()),
            }
        });
        let limit = self.options.initialize_timeout;
        told(
            "restore_state",
            within(runtimes.control(), limit, restoring).await,
        )
    }

    /// Has calls wait, and the old one finish what it has.
    async fn hold(&self, driver: &Arc<Driver>) -> Result<Hold, PluginError> {
        let hold = driver.ground.router.hold(&self.all_agents());
        let left = hold.drained(self.drain).await;
        if left == 0 {
            return Ok(hold);
        }
        let stuck = hold.cut_off().await;
        tracing::warn!(plugin = %self.name, "{left} task(s) of {} did not end within {:?} and were cut off", self.name, self.drain);
        match stuck {
            0 => Ok(hold),
            stuck => Err(PluginError::Stuck(stuck)),
        }
    }

    /// The old one ends before the new one begins; calls wait meanwhile.
    async fn stop_first(&self, driver: &Arc<Driver>, opened: Opened) -> Outcome {
        let (ground, old) = (&driver.ground, &self.old);
        match serving::config_issues(ground, &opened.generation, &self.options).await {
            Ok(issues) if issues.is_empty() => {}
            Ok(issues) => {
                return Outcome::Kept(PluginError::config(&ground.loaded(), &self.name, &issues));
            }
            Err(error) => return Outcome::Kept(error),
        }
        let hold = match self.hold(driver).await {
            Ok(hold) => hold,
            Err(error) => return Outcome::Kept(error),
        };
        for error in old
            .serving
            .stop(old.serving.options.cleanup_timeout.saturating_mul(2))
            .await
        {
            tracing::warn!(plugin = %self.name, "{}: {error}", self.name);
        }
        let started = match self.start(driver, &opened, &self.options, false).await {
            Ok(serving) => self.exchange(driver, opened, serving).await,
            Err(error) => Err(error),
        };
        let outcome = match started {
            Ok((running, leaving)) => Outcome::Replaced(running, leaving),
            Err(error) => match self.restart(driver).await {
                Ok((running, leaving)) => Outcome::Restarted(running, leaving, error),
                Err(again) => {
                    tracing::error!(plugin = %self.name, "{}: what served before cannot be started again either: {again}", self.name);
                    match ground.router.exchange(&self.all_agents(), Vec::new()) {
                        Ok((_, leaving)) => Outcome::Lost(leaving, error),
                        Err(_) => Outcome::Kept(error),
                    }
                }
            },
        };
        drop(hold);
        outcome
    }

    /// Starts the old content again.
    async fn restart(&self, driver: &Arc<Driver>) -> Result<(Running, Leaving), PluginError> {
        let nothing = || PluginError::Internal("nothing was kept of it".to_owned());
        let source = self.old.source.as_ref().ok_or_else(nothing)?;
        let options = &self.old.serving.options;
        let opened = self.open(driver, source, options).await?;
        let serving = self.start(driver, &opened, options, false).await?;
        self.exchange(driver, opened, serving).await
    }

    fn all_agents(&self) -> Vec<AgentId> {
        let mut agents = self.old.serving.added_agents();
        agents.extend(&self.old.agents);
        agents
    }

    fn took(&self, driver: &Arc<Driver>, step: &'static str, began: Instant) {
        driver.change(|book| {
            note(book, &self.name, self.number, |record| {
                record.took(step, began.elapsed())
            });
        });
    }

    /// Writes down what it came to, and sends the old one on its way.
    fn settle(
        &self,
        driver: &Arc<Driver>,
        book: &mut Book,
        outcome: Outcome,
        took: Duration,
    ) -> Result<u64, String> {
        let (name, number) = (&self.name, self.number);
        let keep = driver.ground.loaded().config.host.keep_previous;
        let turn = book.turns;
        let Some(entry) = book.of(name) else {
            return Err("it was removed meanwhile".to_owned());
        };
        entry.busy = false;
        let (running, leaving, error) = match outcome {
            Outcome::Replaced(running, leaving) => (Some(running), Some(leaving), None),
            Outcome::Kept(error) => (None, None, Some(error)),
            Outcome::Restarted(running, leaving, error) => {
                (Some(running), Some(leaving), Some(error))
            }
            Outcome::Lost(leaving, error) => (None, Some(leaving), Some(error)),
        };
        let error = error.map(|error| error.to_string());
        if let Some(error) = &error {
            entry.held_back = Some(format!("{}: {error}", self.not_replaced()));
            if running.is_none() {
                entry.history.note(number, |record| record.ends(error));
            }
        } else {
            entry.held_back = None;
            entry.options = self.options.clone();
            entry.failures = 0;
        }
        if let Some(leaving) = leaving
            && let Some(old) = entry.running.take()
        {
            let why = match &running {
                Some(_) => format!("replaced by generation {number}: {}", self.why),
                None => "stopped for a replacement that failed".to_owned(),
            };
            if error.is_none() {
                entry.keep(old.content.clone(), keep);
            }
            book.begin_retirement(name, &old, &why);
            let retirement = Retirement {
                running: old,
                leaving,
                drain: self.drain,
                with_plugin: false,
            };
            let (driver, name) = (Arc::clone(driver), Arc::clone(name));
            let control = driver.ground.runtimes.control().clone();
            control.spawn(async move { driver.retire(&name, retirement).await });
        }
        // Borrowed anew, since the book was needed.
        let Some(entry) = book.of(name) else {
            return Err("it was removed meanwhile".to_owned());
        };
        if let Some(running) = running {
            entry.serve(Running { turn, ..running });
            // One that had lost its instances has them again.
            let recovered = entry.step(Event::Recovered, None);
            let replaced = || entry.event(Some(PluginState::Running), Some(self.why.clone()));
            driver.publish_some(Some(recovered.unwrap_or_else(replaced)));
        } else if entry.running.is_none() {
            driver.publish_some(entry.step(Event::Lost, error.clone()));
        }
        book.turns += 1;
        self.tell(driver, error.as_deref(), took);
        error.map_or(Ok(number), Err)
    }

    fn not_replaced(&self) -> String {
        let (old, new) = (&self.old.version, &self.source.metadata().plugin.version);
        let place = self
            .source
            .path()
            .map(|path| format!(" of {}", path.display()));
        format!("{new}{} did not replace {old}", place.unwrap_or_default())
    }

    fn tell(&self, driver: &Driver, error: Option<&str>, took: Duration) {
        let (name, error) = (Arc::clone(&self.name), error.map(str::to_owned));
        let (number, before) = (self.number, self.old.number);
        let (old, new) = (
            self.old.version.clone(),
            self.source.metadata().plugin.version.to_string(),
        );
        let (why, failed) = (self.why.clone(), self.not_replaced());
        driver.say(move || match error {
            None => tracing::info!(plugin = %name, generation = number, "{name} {new} serves in place of {old} after {took:?} (generation {number} for {before}): {why}"),
            Some(error) => tracing::error!(plugin = %name, "{name}: {failed}: {error}"),
        });
    }
}

/// What a step of a hand-over came to, with its name where it failed.
fn told<T>(
    step: &'static str,
    result: Option<Result<Result<T, Failure>, String>>,
) -> Result<T, PluginError> {
    match result {
        Some(Ok(done)) => done.map_err(|failure| PluginError::HandOver { step, failure }),
        Some(Err(lost)) => Err(PluginError::Internal(lost)),
        None => Err(PluginError::HandOverTimeout { step }),
    }
}

//! Replacing a generation under traffic.
//!
//! As a rule the new one serves before the old one stops: it is opened and initialized, takes the old one's place in the router as one change, and the old one drains. Two
//! exceptions are declared. *Hand-over*, for a plugin with a state: calls wait while the old one finishes what it has and saves, and the new one restores. *Stop first*,
//! where two generations cannot coexist: calls wait while the old one ends and the new one is initialized; where that fails, the old content is started again.
//!
//! Whatever fails before the new one serves leaves the old one serving.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agentsys_loader::{End, LeaseWatch};
use agentsys_router::{AgentId, Hold, Leaving};
use tokio::sync::watch;

use super::Driver;
use super::driver::Book;
use super::entry::{Running, Wanted};
use super::replaced::Settled;
use super::retired::note;
use crate::config::Reload;
use crate::error::PluginError;
use crate::opening::{self, Opened, Source};
use crate::options::PluginOptions;
use crate::posts::{Held, Stands};
use crate::runtimes::within;
use crate::serving::{self, Serving};

/// Replaces what serves of a plugin by what is wanted.
pub(super) async fn replace(driver: &Arc<Driver>, name: &Arc<str>) {
    let began = Instant::now();
    let Some((mut plan, done)) = driver.change(|book| Plan::make(driver, book, name)) else {
        return;
    };
    let outcome = plan.carry_out(driver).await;
    let settled = driver.change(|book| plan.settle(driver, book, outcome, began.elapsed()));
    // It holds what served before.
    drop(plan);
    let result = match settled {
        Settled::Done(result) => result,
        Settled::Unwanted(running) => {
            driver.end_late(name, *running).await;
            Err("it is being stopped".to_owned())
        }
    };
    if let Some(done) = done {
        let _ = done.send(result);
    }
}

type Done = tokio::sync::oneshot::Sender<Result<u64, String>>;

/// A replacement, and what it begins from.
pub(super) struct Plan {
    pub(super) name: Arc<str>,
    pub(super) source: Source,
    /// The version of the build to come, as far as it is known.
    pub(super) version: String,
    pub(super) options: PluginOptions,
    pub(super) why: String,
    /// The number of the generation to come.
    pub(super) number: u64,
    pub(super) old: Old,
    /// Whether the new instances are made at their first calls, as the old ones were to be.
    pub(super) lazily: bool,
    pub(super) drain: Duration,
    /// How the generation to come ends, and what holds it, once it is open.
    pub(super) opened: Option<(watch::Receiver<Option<End>>, LeaseWatch)>,
}

/// What serves.
pub(super) struct Old {
    pub(super) serving: Arc<Serving>,
    agents: Vec<AgentId>,
    pub(super) number: u64,
    pub(super) version: String,
    hands_over: bool,
    /// What it was made of, to be started again.
    source: Option<Source>,
}

/// What a replacement came to.
pub(super) enum Outcome {
    Replaced(Running, Leaving),
    /// The old one serves on.
    Kept(PluginError),
    /// The old one had been stopped, and was started again.
    Restarted(Running, Leaving, PluginError),
    /// Neither serves.
    Lost(Leaving, PluginError),
}

/// Calls wait until this is dropped: those of its agents, and those of what it does for others' tasks.
pub(super) struct HeldCalls {
    tasks: Hold,
    _others: Held,
}

/// What others' tasks have at least, to get out of its strategy or interceptor.
const AT_LEAST: Duration = Duration::from_millis(100);

impl Plan {
    /// Takes what is wanted, and who hears of it.
    fn make(driver: &Driver, book: &mut Book, name: &Arc<str>) -> Option<(Self, Option<Done>)> {
        let ending = book.ending;
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
            version: source.metadata().plugin.version.to_string(),
            source,
            options,
            why,
            number: entry.begin_generation(),
            old,
            lazily,
            drain: driver.ground.drain_timeout(),
            opened: None,
        };
        Some((plan, done))
    }

    async fn carry_out(&mut self, driver: &Arc<Driver>) -> Outcome {
        let opened = match self
            .open(driver, self.number, &self.source, &self.options)
            .await
        {
            Ok(opened) => opened,
            Err(error) => return Outcome::Kept(error),
        };
        self.version = opened.metadata.plugin.version.to_string();
        // The old ones may have been called for the first time meanwhile.
        self.lazily = self.options.lazy && self.old.serving.instances().is_empty();
        self.opened = Some((opened.end.clone(), opened.generation.watch()));
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
        number: u64,
        source: &Source,
        options: &PluginOptions,
    ) -> Result<Opened, PluginError> {
        let began = Instant::now();
        let opened = opening::open(&driver.ground, &self.name, source, number, options).await?;
        driver.change(|book| {
            note(book, &self.name, number, |record| {
                record.is_of(&opened);
                record.took("open", began.elapsed());
            });
            if let Some(entry) = book.of(&self.name)
                && entry.reads(source, &opened)
            {
                entry.tries();
            }
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
            .start(driver, self.number, &opened, &self.options, self.lazily)
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
        let exchanged = self.exchange(driver, self.number, opened, serving).await;
        drop(hold);
        exchanged
    }

    async fn start(
        &self,
        driver: &Arc<Driver>,
        number: u64,
        opened: &Opened,
        options: &PluginOptions,
        lazily: bool,
    ) -> Result<Arc<Serving>, PluginError> {
        let began = Instant::now();
        let weak = Arc::downgrade(driver);
        let serving =
            Serving::start(&self.name, opened, options, &driver.ground, weak, lazily).await?;
        self.took(driver, number, "initialize", began);
        Ok(serving)
    }

    /// Puts the new one in the old one's place, as one change.
    async fn exchange(
        &self,
        driver: &Arc<Driver>,
        number: u64,
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
                serving.take_over_policies(&self.old.serving);
                serving.stand_in();
                let running = Running::new(opened, serving, agents, number);
                Ok((running, leaving))
            }
            Err(error) => {
                serving.forget_policies();
                serving.stop(self.options.cleanup_timeout).await;
                Err(error.into())
            }
        }
    }

    /// Has calls wait, and the old one finish what it has.
    pub(super) async fn hold(&self, driver: &Arc<Driver>) -> Result<HeldCalls, PluginError> {
        let began = Instant::now();
        let stands = &self.old.serving.stands;
        let held = HeldCalls {
            tasks: driver.ground.router.hold(&self.all_agents()),
            _others: Stands::hold(stands),
        };
        let left = held.tasks.drained(self.drain).await;
        if left > 0 {
            let stuck = held.tasks.cut_off().await;
            tracing::warn!(plugin = %self.name, "{left} task(s) of {} did not end within {:?} and were cut off", self.name, self.drain);
            if stuck > 0 {
                return Err(PluginError::Stuck(stuck));
            }
        }
        let left = self.drain.saturating_sub(began.elapsed()).max(AT_LEAST);
        match within(driver.ground.runtimes.control(), left, stands.idle()).await {
            Some(()) => Ok(held),
            None => Err(PluginError::Stuck(stands.count())),
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
        old.serving.leave_added_standing();
        for error in old
            .serving
            .stop(old.serving.options.cleanup_timeout.saturating_mul(2))
            .await
        {
            tracing::warn!(plugin = %self.name, "{}: {error}", self.name);
        }
        let started = match self
            .start(driver, self.number, &opened, &self.options, false)
            .await
        {
            Ok(serving) => self.exchange(driver, self.number, opened, serving).await,
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

    /// Starts the old content again, as a generation of its own.
    async fn restart(&self, driver: &Arc<Driver>) -> Result<(Running, Leaving), PluginError> {
        let nothing = || PluginError::Internal("nothing was kept of it".to_owned());
        let source = self.old.source.as_ref().ok_or_else(nothing)?;
        let options = &self.old.serving.options;
        let number = driver.change(|book| Some(book.of(&self.name)?.begin_generation()));
        let number = number.ok_or_else(|| PluginError::Internal("it was removed".to_owned()))?;
        let opened = self.open(driver, number, source, options).await?;
        let serving = self.start(driver, number, &opened, options, false).await?;
        self.exchange(driver, number, opened, serving).await
    }

    fn all_agents(&self) -> Vec<AgentId> {
        let mut agents = self.old.serving.close_added();
        agents.extend(&self.old.agents);
        agents
    }

    pub(super) fn took(
        &self,
        driver: &Arc<Driver>,
        number: u64,
        step: &'static str,
        began: Instant,
    ) {
        driver.change(|book| {
            note(book, &self.name, number, |record| {
                record.took(step, began.elapsed())
            });
        });
    }
}

//! The jobs that move a plugin on: opening it, making its instances, and waiting before another try.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agentsys_router::AgentId;

use super::driver::Book;
use super::entry::{Entry, Origin, Running};
use super::machine::Event;
use super::{Driver, PluginState, replacing};
use crate::error::PluginError;
use crate::opening::{self, Opened, Source};
use crate::options::PluginOptions;
use crate::serving::Serving;

/// What is to be done for a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    Open,
    Initialize,
    Replace,
}

/// Begins a job on the control runtime.
pub(super) fn begin(driver: &Arc<Driver>, name: Arc<str>, job: Job) {
    let this = Arc::clone(driver);
    driver.ground.runtimes.control().spawn(async move {
        match job {
            Job::Open => open(&this, &name).await,
            Job::Initialize => initialize(&this, &name).await,
            Job::Replace => replacing::replace(&this, &name).await,
        }
    });
}

async fn open(driver: &Arc<Driver>, name: &Arc<str>) {
    let began = Instant::now();
    let Some((source, number, options)) = driver.read(|book| plan(book, name)) else {
        return;
    };
    let opened = opening::open(&driver.ground, name, &source, number, &options).await;
    driver.change(|book| {
        let ending = book.ending;
        let Some(entry) = book.of(name) else {
            return;
        };
        entry.busy = false;
        entry.instead = None;
        match opened {
            // Nobody wants it any more.
            Ok(_) if ending => driver.publish_some(entry.step(Event::Drain, None)),
            Ok(opened) => {
                entry.history.note(number, |record| {
                    record.is_of(&opened);
                    record.took("open", began.elapsed());
                });
                if entry.reads(&source, &opened) {
                    entry.tries();
                }
                let step = entry.step(Event::Opened, None);
                entry.opened = step.is_some().then_some(opened);
                driver.publish_some(step);
            }
            Err(error) => failed(driver, entry, Event::OpenFailed, &error),
        }
    });
}

fn plan(book: &Book, name: &Arc<str>) -> Option<(Source, u64, PluginOptions)> {
    let entry = book.entries.get(name)?;
    if let Some(instead) = &entry.instead {
        return Some((instead.clone(), entry.generation, entry.options.clone()));
    }
    match &entry.origin {
        Origin::Found(source) => Some((
            Source::clone(source),
            entry.generation,
            entry.options.clone(),
        )),
        Origin::Missing(_) => None,
    }
}

async fn initialize(driver: &Arc<Driver>, name: &Arc<str>) {
    let began = Instant::now();
    let taken = driver.change(|book| {
        let entry = book.of(name)?;
        if let Some(opened) = entry.opened.take() {
            return Some((opened, entry.options.clone()));
        }
        // The host ends, and has closed it.
        entry.busy = false;
        driver.publish_some(entry.step(Event::Drain, None));
        driver.publish_some(entry.step(Event::CleanedUp, None));
        None
    });
    let Some((opened, options)) = taken else {
        return;
    };
    let started = start(driver, name, &opened, &options).await;
    let (end, leases) = (opened.end.clone(), opened.generation.watch());
    let version = opened.metadata.plugin.version.to_string();
    let unwanted = driver.change(|book| {
        let turn = book.turns;
        book.turns += 1;
        let ending = book.ending;
        let entry = book.of(name)?;
        let unwanted = ending || entry.state() == PluginState::Draining;
        match started {
            Ok((serving, agents)) => {
                let number = entry.generation;
                entry
                    .history
                    .note(number, |record| record.took("initialize", began.elapsed()));
                let running = Running {
                    turn,
                    ..Running::new(opened, serving, agents, number)
                };
                if unwanted {
                    // Busy until it is cleaned up.
                    return Some(running);
                }
                entry.busy = false;
                entry.serve(running);
                entry.held_back = None;
                entry.failures = 0;
                serves(driver, entry, began.elapsed());
                if !entry.node.lazy {
                    driver.publish_some(entry.step(Event::Ready, None));
                }
            }
            Err(error) => {
                entry.busy = false;
                failed(driver, entry, Event::InitializeFailed, &error);
                // The next try makes its instances of the same generation; a lazy plugin, which that would not bring back to where it serves,
                // begins anew.
                let again = !unwanted
                    && !options.lazy
                    && entry.state() == PluginState::Failed
                    && will_retry(entry, &error);
                let number = entry.generation;
                if again {
                    entry.opened = Some(opened);
                } else {
                    driver.watch_failed(book, name, number, &version, end, leases);
                }
            }
        }
        None
    });
    if let Some(running) = unwanted {
        driver.end_late(name, running).await;
    }
}

async fn start(
    driver: &Arc<Driver>,
    name: &Arc<str>,
    opened: &Opened,
    options: &PluginOptions,
) -> Result<(Arc<Serving>, Vec<AgentId>), PluginError> {
    let (ground, weak) = (&driver.ground, Arc::downgrade(driver));
    let serving = Serving::start(name, opened, options, ground, weak, options.lazy).await?;
    serving.serve_added();
    let agents = serving.agents(opened);
    let mut routes: Vec<&String> = agents.iter().map(|(route, _)| route).collect();
    routes.dedup();
    routes.iter().for_each(|route| serving.set_policy(route));
    match ground.router.register_agents(agents) {
        Ok(agents) => {
            serving.stand_in();
            Ok((serving, agents))
        }
        Err(error) => {
            serving.forget_policies();
            serving.stop(options.cleanup_timeout).await;
            Err(error.into())
        }
    }
}

/// What it does for others' tasks, beside its routes.
fn offers(entry: &Entry) -> &'static str {
    let running = entry.running.as_ref();
    let description = running.map(|running| running.serving.generation.description());
    match description.map(|said| (said.strategy, said.interceptor)) {
        Some((true, true)) => ", a strategy and an interceptor",
        Some((true, false)) => ", a strategy",
        Some((false, true)) => ", an interceptor",
        _ => "",
    }
}

fn serves(driver: &Driver, entry: &Entry, took: Duration) {
    let (name, status) = (Arc::clone(&entry.name), entry.status());
    let version = status.version.unwrap_or_default();
    let routes = match status.routes.len() {
        1 => "1 route".to_owned(),
        n => format!("{n} routes"),
    };
    let routes = format!("{routes}{}", offers(entry));
    let when = if entry.node.lazy {
        ", and is initialized by its first call".to_owned()
    } else {
        format!(" in {took:?}")
    };
    driver.say(move || tracing::info!(plugin = %name, "{name} {version} serves {routes}{when}"));
}

/// Writes a failure down, and plans another try where there is to be one.
pub(super) fn failed(driver: &Arc<Driver>, entry: &mut Entry, event: Event, error: &PluginError) {
    let Some(step) = entry.step(event, Some(error.to_string())) else {
        // It was to end anyway.
        driver.publish_some(entry.step(Event::CleanedUp, Some(error.to_string())));
        return;
    };
    entry.failures = entry.failures.saturating_add(1);
    let number = entry.generation;
    entry
        .history
        .note(number, |record| record.ends(&error.to_string()));
    driver.publish_some(Some(step));
    if let Some(report) = error.report() {
        let (name, report) = (Arc::clone(&entry.name), report.to_owned());
        driver.say(move || tracing::debug!(plugin = %name, "{report}"));
    }
    if entry.changed_since_tried() {
        // What failed is not what there is by now.
        driver.begin_anew(entry);
        return;
    }
    if !will_retry(entry, error) {
        return;
    }
    let Some(pause) = entry.options.pause_before_restart(entry.failures) else {
        return;
    };
    let name = Arc::clone(&entry.name);
    let tried = Arc::clone(&name);
    driver.say(move || tracing::info!(plugin = %tried, "{tried} is tried again in {pause:?}"));
    let weak = Arc::downgrade(driver);
    driver.ground.runtimes.control().spawn(async move {
        tokio::time::sleep(pause).await;
        if let Some(driver) = weak.upgrade() {
            driver.change(|book| {
                let ending = book.ending;
                // Another plugin may bear its name by now.
                let same = |entry: &&mut Entry| !ending && Arc::ptr_eq(&entry.name, &name);
                if let Some(entry) = book.entries.get_mut(&name).filter(same) {
                    entry.retry_due = true;
                    // One whose library is open already goes on from there.
                    if entry.opened.is_none() {
                        driver.publish_some(entry.step(Event::Reopen, None));
                    }
                }
            });
        }
    });
}

fn will_retry(entry: &Entry, error: &PluginError) -> bool {
    !error.is_permanent() && entry.options.pause_before_restart(entry.failures).is_some()
}

//! The tasks that failed last, of each route: what an operator looks at first when something is wrong.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use agentsys_router::{FailedTask as Failed, TaskObserver};
use serde::Serialize;

use crate::lifecycle::Driver;

/// A task that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FailedTask {
    /// When, in seconds since 1970.
    pub at: f64,
    /// The route that was called.
    pub route: String,
    /// The task's number, unique in its process.
    pub task: u64,
    /// The number that the task shares with those that it is nested in, as 32 hexadecimal digits.
    pub trace: String,
    /// How many tasks it was nested in.
    pub hops: u32,
    /// How many times an agent was tried.
    pub attempts: u32,
    /// How many bytes went in.
    pub input_bytes: usize,
    /// The agent that failed, if one was reached. Where it handed on what a nested task failed with, that task is kept too, with the same trace.
    pub agent: Option<String>,
    /// The plugin whose agent that is.
    pub plugin: Option<String>,
    /// The generation of that plugin which served then.
    pub generation: Option<u64>,
    /// What kind of failure it is: `timeout`, `invalid_input`, and so on.
    pub kind: &'static str,
    /// What went wrong, in one line.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// Whether a retry may help.
    pub retryable: bool,
}

/// Names that are no route's are kept together under this one: anybody can make up as many as they like.
const UNKNOWN: &str = "";

/// However many routes come and go: beyond it the one whose last failure is the oldest is forgotten.
const MOST_ROUTES: usize = 1_000;

/// The failed tasks of a host.
pub(crate) struct FailureLog {
    routes: Mutex<BTreeMap<String, VecDeque<FailedTask>>>,
    /// How many are kept of each route.
    kept: usize,
    driver: Mutex<Weak<Driver>>,
}

impl FailureLog {
    pub(crate) fn new(kept: usize) -> Arc<Self> {
        Arc::new(Self {
            routes: Mutex::default(),
            kept: kept.max(1),
            driver: Mutex::default(),
        })
    }

    /// Who knows which agents are plugins'.
    pub(crate) fn set_driver(&self, driver: &Arc<Driver>) {
        *lock(&self.driver) = Arc::downgrade(driver);
    }

    /// What is kept, the latest first.
    pub(crate) fn list(&self) -> Vec<FailedTask> {
        let mut all: Vec<FailedTask> = lock(&self.routes).values().flatten().cloned().collect();
        all.sort_by(|a, b| b.at.total_cmp(&a.at).then(b.task.cmp(&a.task)));
        all
    }
}

impl TaskObserver for FailureLog {
    fn failed(&self, failed: &Failed<'_>) {
        let error = failed.error;
        let driver = lock(&self.driver).upgrade();
        let plugin = error
            .agent()
            .and_then(|agent| Some((agent, driver?.generation_of(agent)?)));
        let task = FailedTask {
            at: now(),
            route: failed.route.to_owned(),
            task: failed.task_id,
            trace: failed.trace_id.to_string(),
            hops: failed.hops,
            attempts: failed.attempts,
            input_bytes: failed.input_bytes,
            agent: error.agent().map(str::to_owned),
            plugin: plugin.map(|(name, _)| name.to_owned()),
            generation: plugin.map(|(_, generation)| generation),
            kind: error.kind().as_str(),
            message: error.message().to_owned(),
            causes: error.causes().map(str::to_owned).collect(),
            retryable: error.is_retryable(),
        };
        let name = if failed.known_route {
            failed.route
        } else {
            UNKNOWN
        };
        let mut routes = lock(&self.routes);
        let kept = routes.entry(name.to_owned()).or_default();
        if kept.len() >= self.kept {
            kept.pop_front();
        }
        kept.push_back(task);
        if routes.len() > MOST_ROUTES {
            forget_the_quietest(&mut routes);
        }
    }
}

fn forget_the_quietest(routes: &mut BTreeMap<String, VecDeque<FailedTask>>) {
    let last = |kept: &VecDeque<FailedTask>| kept.back().map_or(0.0, |task| task.at);
    let quietest = routes.iter().min_by(|a, b| last(a.1).total_cmp(&last(b.1)));
    if let Some(name) = quietest.map(|(name, _)| name.clone()) {
        routes.remove(&name);
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

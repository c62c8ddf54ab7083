//! The agents: models of a handler that works on a few tasks at a time and takes the others in turn.

use std::collections::HashMap;
use std::future::pending;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::scenario::{Scenario, Work};

/// How many tasks an agent works on at a time.
pub(super) const WORKERS: usize = 4;
/// The part of the work that is left where the agent remembers the key.
pub(super) const SPARED: f64 = 0.2;
/// An agent that fails says so at once.
const REFUSAL: Duration = Duration::from_millis(1);

/// From when until when.
pub(crate) type Span = Range<Duration>;

/// What an agent is like.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// How many times longer it takes.
    pub(crate) slowness: f64,
    /// When it fails, in order.
    pub(crate) fails: Vec<Span>,
    /// When it answers nothing.
    pub(crate) hangs: Vec<Span>,
    /// For how many tasks it remembers a key.
    pub(crate) remembers: u64,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            slowness: 1.0,
            fails: Vec::new(),
            hangs: Vec::new(),
            remembers: 0,
        }
    }
}

/// The agents of one run.
#[derive(Debug)]
pub(crate) struct Agents {
    begun: Instant,
    tasks: Vec<Work>,
    agents: Vec<Agent>,
}

#[derive(Debug)]
struct Agent {
    model: Model,
    workers: Semaphore,
    /// How many tasks it has had, and at which one it had a key.
    had: AtomicU64,
    keys: Mutex<HashMap<u32, u64>>,
}

/// The agent says that it cannot at the moment.
#[derive(Debug, thiserror::Error)]
#[error("not at the moment")]
pub(crate) struct Refused;

impl Agents {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let agent = |model: &Model| Agent {
            model: model.clone(),
            workers: Semaphore::new(WORKERS),
            had: AtomicU64::new(0),
            keys: Mutex::default(),
        };
        Self {
            begun: Instant::now(),
            tasks: scenario.tasks.clone(),
            agents: scenario.agents.iter().map(agent).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.agents.len()
    }

    /// Ten for full speed.
    pub(super) fn weight(&self, agent: usize) -> u32 {
        (10.0 / self.agents[agent].model.slowness) as u32
    }

    /// Of each task.
    pub(super) fn keys(&self) -> Vec<u32> {
        self.tasks.iter().map(|task| task.key).collect()
    }

    /// What an agent does with a task.
    pub(super) async fn serve(&self, agent: usize, task: usize) -> Result<(), Refused> {
        let (agent, task) = (&self.agents[agent], &self.tasks[task]);
        let _worker = agent.workers.acquire().await.expect("it is never closed");
        let now = self.begun.elapsed();
        if within(&agent.model.hangs, now) {
            pending::<()>().await;
        }
        if within(&agent.model.fails, now) {
            sleep(REFUSAL).await;
            return Err(Refused);
        }
        let remembered = if agent.remembers(task.key) {
            SPARED
        } else {
            1.0
        };
        sleep(task.work.mul_f64(agent.model.slowness * remembered)).await;
        Ok(())
    }
}

impl Agent {
    fn remembers(&self, key: u32) -> bool {
        if self.model.remembers == 0 {
            return false;
        }
        let now = self.had.fetch_add(1, Ordering::Relaxed);
        let before = self.keys.lock().expect("no holder panics").insert(key, now);
        before.is_some_and(|before| now - before <= self.model.remembers)
    }
}

fn within(spans: &[Span], now: Duration) -> bool {
    let next = spans.partition_point(|span| span.end <= now);
    spans.get(next).is_some_and(|span| span.contains(&now))
}

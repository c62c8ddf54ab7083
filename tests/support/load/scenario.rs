//! The rows: what the agents are like, and which tasks come.

use std::time::Duration;

use super::agents::{Model, Span, WORKERS};
use super::random::Random;

/// How many agents every scenario has.
pub(crate) const AGENTS: usize = 8;
/// What a task takes on an agent of full speed, in the mean.
const WORK: Duration = Duration::from_millis(20);
/// How many keys there are, where tasks have one.
const KEYS: usize = 2_000;

/// Agents, and the tasks that come to them.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) agents: Vec<Model>,
    pub(crate) tasks: Vec<Work>,
}

/// One task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// When it comes.
    pub(crate) at: Duration,
    /// What it takes on an agent of full speed.
    pub(crate) work: Duration,
    pub(crate) key: u32,
}

impl Scenario {
    /// All rows, with so many tasks each.
    pub(crate) fn all(seed: u64, tasks: usize) -> Vec<Self> {
        let scenarios = [
            Self::equal,
            Self::unequal,
            Self::bursts,
            Self::hangs,
            Self::together,
            Self::keys,
        ];
        scenarios.map(|scenario| scenario(seed, tasks)).into()
    }

    /// Agents of equal speed.
    pub(crate) fn equal(seed: u64, tasks: usize) -> Self {
        Self::of(
            "equal speed",
            vec![Model::default(); AGENTS],
            0.8,
            seed,
            tasks,
        )
    }

    /// Half of them slower, two of those ten times.
    pub(crate) fn unequal(seed: u64, tasks: usize) -> Self {
        Self::of("unequal speed", unequal(), 0.7, seed, tasks)
    }

    /// One that fails at once what comes to it, for two seconds of every ten.
    pub(crate) fn bursts(seed: u64, tasks: usize) -> Self {
        let mut agents = vec![Model::default(); AGENTS];
        agents[2].fails = spans(seed, 1, tasks);
        Self::of("one fails in bursts", agents, 0.7, seed, tasks)
    }

    /// One that answers nothing of what comes to it, for two seconds of every ten.
    pub(crate) fn hangs(seed: u64, tasks: usize) -> Self {
        let mut agents = vec![Model::default(); AGENTS];
        agents[5].hangs = spans(seed, 2, tasks);
        Self::of("one hangs", agents, 0.7, seed, tasks)
    }

    /// Unequal speed, one of full speed that fails, another that hangs.
    pub(crate) fn together(seed: u64, tasks: usize) -> Self {
        let mut agents = unequal();
        agents[2].fails = spans(seed, 3, tasks);
        agents[3].hangs = spans(seed, 4, tasks);
        Self::of("all of it together", agents, 0.5, seed, tasks)
    }

    /// Agents that take a fifth of the time for a key that they had not long ago.
    pub(crate) fn keys(seed: u64, tasks: usize) -> Self {
        let mut agents = vec![Model::default(); AGENTS];
        for agent in &mut agents {
            agent.remembers = 400;
        }
        Self::of("agents that remember keys", agents, 0.7, seed, tasks)
    }

    /// `share` is how much of what the agents can do is asked of them.
    fn of(name: &'static str, agents: Vec<Model>, share: f64, seed: u64, tasks: usize) -> Self {
        let speed: f64 = agents
            .iter()
            .map(|agent| WORKERS as f64 / agent.slowness)
            .sum();
        let between = WORK.div_f64(speed * share);
        let mut random = Random::new(seed);
        let mut at = Duration::ZERO;
        let tasks = (0..tasks)
            .map(|_| {
                at += random.exponential(between);
                Work {
                    at,
                    work: random.exponential(WORK),
                    key: random.below(KEYS) as u32,
                }
            })
            .collect();
        Self {
            name,
            agents,
            tasks,
        }
    }

    /// Longer than any run may take.
    pub(crate) fn longest(&self) -> Duration {
        let last = self.tasks.last().map_or(Duration::ZERO, |task| task.at);
        last + Duration::from_secs(600)
    }
}

fn unequal() -> Vec<Model> {
    [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 10.0, 10.0]
        .map(|slowness| Model {
            slowness,
            ..Model::default()
        })
        .into()
}

/// Two seconds of every ten, wherever in them.
fn spans(seed: u64, stream: u64, tasks: usize) -> Vec<Span> {
    let mut random = Random::new(seed ^ stream.rotate_left(32));
    let end = WORK * u32::try_from(tasks).expect("not so many tasks");
    let mut spans = Vec::new();
    let mut period = Duration::ZERO;
    while period < end {
        let begin = period + Duration::from_secs(8).mul_f64(random.share());
        spans.push(begin..begin + Duration::from_secs(2));
        period += Duration::from_secs(10);
    }
    spans
}

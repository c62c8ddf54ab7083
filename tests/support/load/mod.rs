//! Load without a machine's noise: agents that are models, arrivals that were drawn before, and a clock that stands still while anything runs.
//!
//! Arrivals are open: tasks come when they come, however many are under way. Whoever is compared gets the very same ones, and what a task takes is
//! drawn with the task, so that two columns differ by their decisions alone. Time is tokio's, paused: a run of minutes takes a second, and the same seed
//! gives the same answers.

mod agents;
mod ours;
mod outcome;
mod random;
mod scenario;
mod tower;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use agents::Agents;
pub(crate) use ours::{Policies, Strategy};
pub(crate) use outcome::Outcome;
pub(crate) use scenario::Scenario;
pub(crate) use tower::Measure;

/// Who brings the tasks to the agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Ours(Strategy, Policies),
    /// `tower`'s p2c, with the same timeout, limits and retries.
    Tower(Measure),
}

/// The lines of the table: strategies, what each policy adds to one of them, and `tower`.
pub(crate) const CONTENDERS: [Contender; 10] = [
    Contender::Ours(Strategy::RoundRobin, Policies::Timeout),
    Contender::Ours(Strategy::LeastLoaded, Policies::Timeout),
    Contender::Ours(Strategy::LeastLoaded, Policies::Limits),
    Contender::Ours(Strategy::LeastLoaded, Policies::Retries),
    Contender::Ours(Strategy::RoundRobin, Policies::ALL),
    Contender::Ours(Strategy::Sticky, Policies::ALL),
    Contender::Ours(Strategy::LeastLoaded, Policies::ALL),
    Contender::Ours(Strategy::Weighted, Policies::ALL),
    Contender::Tower(Measure::PendingRequests),
    Contender::Tower(Measure::PeakEwma),
];

/// What each contender is given alike.
pub(crate) mod shared {
    use std::time::Duration;

    /// For one attempt, the wait for a place included.
    pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);
    pub(crate) const RETRIES: u32 = 2;
    /// Retries for each task that comes, and for each second whatever comes.
    pub(crate) const BUDGET: (f32, u32) = (0.2, 10);
    pub(crate) const BACKOFF: Duration = Duration::from_millis(50);
    pub(crate) const LONGEST_BACKOFF: Duration = Duration::from_secs(1);
    pub(crate) const MAX_QUEUE: usize = 10_000;
    /// Of one agent at a time: some more than it works on, as one who does not know that number would set it.
    pub(crate) const PER_AGENT: usize = 2 * super::agents::WORKERS;
}

/// A call under way; true where it was answered well.
type Calling = Pin<Box<dyn Future<Output = bool> + Send>>;
/// Sends the task of that number.
type Sender = Box<dyn Fn(usize) -> Calling>;

impl Contender {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Ours(strategy, policies) => {
                format!("{}: {}", strategy.name(), policies.name())
            }
            Self::Tower(measure) => {
                format!("{}: {}", measure.name(), Policies::Retries.name())
            }
        }
    }

    /// Sends all of the scenario's tasks and waits for their ends.
    pub(crate) fn run(self, scenario: &Scenario) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let agents = Arc::new(Agents::new(scenario));
            let send: Sender = match self {
                Self::Ours(strategy, policies) => ours::sender(&agents, strategy, policies),
                Self::Tower(measure) => tower::sender(&agents, measure),
            };
            send_all(scenario, &send).await
        })
    }
}

async fn send_all(scenario: &Scenario, send: &Sender) -> Outcome {
    let begun = Instant::now();
    let ends = Arc::new(Mutex::new(Vec::with_capacity(scenario.tasks.len())));
    let mut last = Vec::new();
    for (number, task) in scenario.tasks.iter().enumerate() {
        sleep_until(begun + task.at).await;
        let (call, ends) = (send(number), ends.clone());
        let sent = Instant::now();
        let running = tokio::spawn(async move {
            let well = call.await;
            let mut ends = ends.lock().expect("no holder panics");
            ends.push((sent.elapsed(), well));
        });
        // All are waited for at the end; most are long over by then.
        if number + LAST >= scenario.tasks.len() {
            last.push(running);
        }
    }
    for running in last {
        running.await.expect("no call panics");
    }
    // However many attempts the others make.
    while ends.lock().expect("no holder panics").len() < scenario.tasks.len() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(begun.elapsed() < scenario.longest(), "a task has no end");
    }
    let ends = std::mem::take(&mut *ends.lock().expect("no holder panics"));
    Outcome::of(ends)
}

const LAST: usize = 1000;

//! `tower` as a contender: its p2c balancer with either of its measures of load, and its timeout, limits, retries and budget.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Sleep, sleep};
use tower::balance::p2c::Balance;
use tower::buffer::Buffer;
use tower::discover::ServiceList;
use tower::limit::ConcurrencyLimit;
use tower::load::{CompleteOnResponse, Load, PeakEwma, PendingRequests};
use tower::load_shed::LoadShed;
use tower::retry::budget::{Budget, TpsBudget};
use tower::retry::{Policy, Retry};
use tower::timeout::Timeout;
use tower::{BoxError, Service, ServiceExt};

use super::agents::{Agents, Refused};
use super::random::Random;
use super::{Calling, Sender, shared};

/// By what it tells the load of two agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    PeakEwma,
    PendingRequests,
}

impl Measure {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PeakEwma => "`tower` p2c, `PeakEwma`",
            Self::PendingRequests => "`tower` p2c, `PendingRequests`",
        }
    }
}

/// What is taken for an agent's latency before it has any, and how fast an old one is forgotten: as `tower`'s own example.
const FIRST_LATENCY: Duration = Duration::from_millis(30);
const FORGOTTEN_IN: Duration = Duration::from_secs(10);

pub(super) fn sender(agents: &Arc<Agents>, measure: Measure) -> Sender {
    let members = (0..agents.len()).map(|number| {
        let simulated = Simulated {
            agents: agents.clone(),
            number,
        };
        ConcurrencyLimit::new(simulated, shared::PER_AGENT)
    });
    match measure {
        Measure::PeakEwma => {
            let decay = FORGOTTEN_IN.as_nanos() as f64;
            let measured =
                |member| PeakEwma::new(member, FIRST_LATENCY, decay, CompleteOnResponse::default());
            balanced(members.map(measured).collect())
        }
        Measure::PendingRequests => {
            let measured = |member| PendingRequests::new(member, CompleteOnResponse::default());
            balanced(members.map(measured).collect())
        }
    }
}

fn balanced<S>(members: Vec<S>) -> Sender
where
    S: Service<usize, Response = (), Error = Refused> + Load + Send + 'static,
    S::Future: Send,
    S::Metric: std::fmt::Debug,
{
    let places = members.len() * shared::PER_AGENT;
    let balance = Balance::from_rng(ServiceList::new(members), Random::new(1));
    let limited = ConcurrencyLimit::new(balance, places);
    // Calls share a balancer through a buffer, which is their queue too: tasks that find it full are refused.
    let shared = LoadShed::new(Buffer::new(limited, shared::MAX_QUEUE));
    let timed = Timeout::new(shared, shared::TIMEOUT);
    let (ratio, per_second) = shared::BUDGET;
    let retrying = Retrying {
        left: shared::RETRIES,
        longest: shared::BACKOFF,
        budget: Arc::new(TpsBudget::new(Duration::from_secs(10), per_second, ratio)),
        random: Arc::new(Mutex::new(Random::new(2))),
    };
    let service = Retry::new(retrying, timed);
    Box::new(move |task| {
        let call: Calling = Box::pin(service.clone().oneshot(task).map(|answer| answer.is_ok()));
        call
    })
}

struct Simulated {
    agents: Arc<Agents>,
    number: usize,
}

impl Service<usize> for Simulated {
    type Response = ();
    type Error = Refused;
    type Future = Pin<Box<dyn Future<Output = Result<(), Refused>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: usize) -> Self::Future {
        let (agents, number) = (self.agents.clone(), self.number);
        Box::pin(async move { agents.serve(number, task).await })
    }
}

/// What fails is tried again as often as the router tries it, after waits of the same kind.
#[derive(Clone)]
struct Retrying {
    left: u32,
    longest: Duration,
    budget: Arc<TpsBudget>,
    random: Arc<Mutex<Random>>,
}

impl Policy<usize, (), BoxError> for Retrying {
    type Future = Sleep;

    fn retry(&mut self, _: &mut usize, result: &mut Result<(), BoxError>) -> Option<Sleep> {
        if result.is_ok() {
            self.budget.deposit();
            return None;
        }
        if self.left == 0 || !self.budget.withdraw() {
            return None;
        }
        let jitter = self.random.lock().expect("no holder panics").share();
        let wait = self.longest.mul_f64(jitter);
        self.left -= 1;
        self.longest = (self.longest * 2).min(shared::LONGEST_BACKOFF);
        Some(sleep(wait))
    }

    fn clone_request(&mut self, task: &usize) -> Option<usize> {
        Some(*task)
    }
}

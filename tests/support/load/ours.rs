//! Our router as a contender.

use std::sync::Arc;

use agentsys_router::{
    Agent, AgentInfo, Backoff, Ejection, ErrorKind, Payload, Reply, RetryBudget, RoutePolicy,
    Router, RouterConfig, Task, TaskError, TaskOptions,
};

use super::agents::Agents;
use super::{Calling, Sender, shared};

const ROUTE: &str = "work";

/// As in a config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    RoundRobin,
    LeastLoaded,
    /// Agents weigh what their speeds are.
    Weighted,
    /// Tasks have their keys.
    Sticky,
}

impl Strategy {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "`round_robin`",
            Self::LeastLoaded => "`least_loaded`",
            Self::Weighted => "`least_loaded`, weights as speeds",
            Self::Sticky => "`sticky`",
        }
    }
}

/// What else a route does; each does what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Policies {
    /// Nothing but to give up in time.
    Timeout,
    /// So many tasks at a time, of the route and of each agent.
    Limits,
    /// What failed is tried again, within a budget.
    Retries,
    /// Agents that fail are left out.
    Ejection,
}

impl Policies {
    pub(crate) const ALL: Self = Self::Ejection;

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Limits => "timeout, limits",
            Self::Retries => "timeout, limits, retries",
            Self::Ejection => "timeout, limits, retries, ejection",
        }
    }
}

pub(super) fn sender(agents: &Arc<Agents>, strategy: Strategy, policies: Policies) -> Sender {
    let config = RouterConfig::default().default_policy(policy(agents, strategy, policies));
    let router = Router::new(config);
    for number in 0..agents.len() {
        let weight = match strategy {
            Strategy::Weighted => agents.weight(number),
            _ => 1,
        };
        let name = format!("agent-{number}");
        let agent = Simulated {
            info: AgentInfo::new(name, "Takes its time.").weight(weight),
            agents: agents.clone(),
            number,
        };
        let agent: Arc<dyn Agent> = Arc::new(agent);
        router
            .register_agents(vec![(ROUTE.to_owned(), agent)])
            .expect("a good name");
    }
    router.start();
    let keys = agents.keys();
    Box::new(move |task| {
        let router = router.clone();
        let key = (strategy == Strategy::Sticky).then(|| keys[task].to_ne_bytes().to_vec());
        let call: Calling = Box::pin(async move {
            let data = Payload::from(task.to_ne_bytes().to_vec());
            let options = match key {
                Some(key) => TaskOptions::default().key(key),
                None => TaskOptions::default(),
            };
            router.route_task_with(ROUTE, data, options).await.is_ok()
        });
        call
    })
}

fn policy(agents: &Agents, strategy: Strategy, policies: Policies) -> RoutePolicy {
    // A task that waits for the agent of its key has a place of the route meanwhile.
    let places = match strategy {
        Strategy::Sticky => shared::MAX_QUEUE,
        _ => agents.len() * shared::PER_AGENT,
    };
    let strategy = match strategy {
        Strategy::RoundRobin => agentsys_router::Strategy::RoundRobin,
        Strategy::LeastLoaded | Strategy::Weighted => agentsys_router::Strategy::LeastLoaded,
        Strategy::Sticky => agentsys_router::Strategy::Sticky,
    };
    let mut policy = RoutePolicy::default()
        .strategy(strategy)
        .timeout(shared::TIMEOUT)
        .max_concurrent(shared::MAX_QUEUE)
        .retry_count(0)
        .ejection(Ejection::OFF);
    if policies >= Policies::Limits {
        policy = policy
            .max_concurrent(places)
            .max_concurrent_per_agent(shared::PER_AGENT)
            .max_queue(shared::MAX_QUEUE);
    }
    if policies >= Policies::Retries {
        let (ratio, per_second) = shared::BUDGET;
        policy = policy
            .idempotent(true)
            .retry_count(shared::RETRIES)
            .retry_budget(RetryBudget::new(ratio.into(), per_second))
            .backoff(Backoff::new(shared::BACKOFF, shared::LONGEST_BACKOFF));
    }
    if policies >= Policies::Ejection {
        policy = policy.ejection(Ejection::default());
    }
    policy
}

struct Simulated {
    info: AgentInfo,
    agents: Arc<Agents>,
    number: usize,
}

impl Agent for Simulated {
    fn info(&self) -> &AgentInfo {
        &self.info
    }

    fn call(&self, _: &Task, data: Payload) -> Reply {
        let (agents, number) = (self.agents.clone(), self.number);
        let task = usize::from_ne_bytes(data.bytes()[..].try_into().expect("a task's number"));
        Reply::pending(async move {
            let served = agents.serve(number, task).await;
            served.map(|()| Payload::text("")).map_err(|refused| {
                TaskError::new(ErrorKind::Unavailable, refused.to_string()).retryable(true)
            })
        })
    }
}

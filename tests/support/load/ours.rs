//! Our router as a contender.

use std::sync::Arc;

use agentsys_router::{
    Agent, AgentInfo, ErrorKind, Payload, Reply, RoutePolicy, Router, RouterConfig, Task, TaskError,
};

use super::agents::Agents;
use super::{Calling, Sender, shared};

const ROUTE: &str = "work";

/// As in a config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    RoundRobin,
    LeastLoaded,
}

impl Strategy {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "`round_robin`",
            Self::LeastLoaded => "`least_loaded`",
        }
    }
}

/// What else a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policies {
    /// Nothing but to give up in time.
    TimeoutOnly,
    /// All there is.
    All,
}

pub(super) fn sender(agents: &Arc<Agents>, strategy: Strategy, policies: Policies) -> Sender {
    let config = RouterConfig::default().default_policy(policy(agents, strategy, policies));
    let router = Router::new(config);
    for number in 0..agents.len() {
        let agent = Simulated {
            info: AgentInfo::new(format!("agent-{number}"), "Takes its time."),
            agents: agents.clone(),
            number,
        };
        router
            .register_agent(ROUTE, Arc::new(agent))
            .expect("a good name");
    }
    router.start();
    Box::new(move |task| {
        let router = router.clone();
        let call: Calling = Box::pin(async move {
            let data = Payload::from(task.to_ne_bytes().to_vec());
            router.route_task(ROUTE, data).await.is_ok()
        });
        call
    })
}

fn policy(agents: &Agents, strategy: Strategy, policies: Policies) -> RoutePolicy {
    let strategy = match strategy {
        Strategy::RoundRobin => agentsys_router::Strategy::RoundRobin,
        Strategy::LeastLoaded => agentsys_router::Strategy::LeastLoaded,
    };
    let policy = RoutePolicy::default()
        .strategy(strategy)
        .timeout(shared::TIMEOUT);
    match policies {
        Policies::TimeoutOnly => policy.retry_count(0).max_concurrent(shared::MAX_QUEUE),
        Policies::All => policy
            .retry_count(shared::RETRIES)
            .max_concurrent(agents.len() * shared::PER_AGENT),
    }
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

//! Routers with many routes.

use std::sync::Arc;

use agentsys_router::{
    Agent, Payload, RoutePolicy, Router, RouterConfig, Strategy, Task, agent_fn_sync,
};

pub(crate) const AGENTS_OF_A_ROUTE: usize = 10;

/// A started router with so many routes, of so many agents each.
pub(crate) fn filled(routes: usize, each: usize) -> Router {
    let router = empty();
    router
        .register_agents(agents(routes, each))
        .expect("good names");
    router.start();
    router
}

pub(crate) fn empty() -> Router {
    let policy = RoutePolicy::default().strategy(Strategy::LeastLoaded);
    Router::new(RouterConfig::default().default_policy(policy))
}

/// Route by route.
pub(crate) fn agents(routes: usize, each: usize) -> Vec<(String, Arc<dyn Agent>)> {
    (0..routes * each)
        .map(|number| (route(number / each), agent(number)))
        .collect()
}

pub(crate) fn route(number: usize) -> String {
    format!("route-{number}")
}

fn agent(number: usize) -> Arc<dyn Agent> {
    let answer = |_: &Task, data: Payload| Ok(data);
    Arc::new(agent_fn_sync(
        format!("agent-{number}"),
        "Answers with its input.",
        answer,
    ))
}

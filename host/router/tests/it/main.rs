//! What the router promises, one module a promise. Time is paused wherever it matters, and calls
//! are polled by hand, so that nothing here sleeps or depends on who runs first.

#![allow(clippy::unwrap_used, reason = "tests")]

mod admission;
mod attempts;
mod back_again;
mod broadcasts;
mod calls;
mod custom_strategies;
mod ejection;
mod exchange;
mod failures;
mod fairness;
mod hooks;
mod interceptors;
mod layers;
mod lifecycle;
mod nesting;
mod outcomes;
mod places;
mod registration;
mod retries;
mod retry_limits;
mod sending;
mod strategies;
mod stream_ends;
mod streams;
mod timeouts;

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use agentsys_router::{
    Agent, AgentId, AgentInfo, ErrorKind, Payload, Reply, RoutePolicy, RouteTask, Router,
    RouterConfig, Task, TaskError, agent_fn, agent_fn_sync,
};
use tokio::sync::Semaphore;

type Answer = Result<Payload, TaskError>;

/// A started router whose routes all have this policy.
fn router(policy: RoutePolicy) -> Router {
    let router = Router::new(RouterConfig::default().default_policy(policy));
    router.start();
    router
}

/// Puts an agent that needs no beginning on a route, where nothing can be awaited.
fn registered(router: &Router, route: &str, agent: Arc<dyn Agent>) -> AgentId {
    let ids = router.register_agents(vec![(route.to_owned(), agent)]);
    ids.unwrap()[0]
}

/// Takes an agent away, and leaves it to its tasks.
fn taken_away(router: &Router, id: AgentId) {
    router.replace_agents(&[id], Vec::new()).unwrap();
}

/// Answers at once with its own name.
fn named(name: &str) -> Arc<dyn Agent> {
    let own = name.to_owned();
    Arc::new(agent_fn_sync(
        name,
        "Answers its name.",
        move |_: &Task, _| Ok(own.clone()),
    ))
}

/// An agent that says something else of itself.
fn described(agent: Arc<dyn Agent>, change: impl FnOnce(AgentInfo) -> AgentInfo) -> Arc<dyn Agent> {
    let info = change(agent.info().clone());
    Arc::new(Described { info, agent })
}

struct Described {
    info: AgentInfo,
    agent: Arc<dyn Agent>,
}

impl Agent for Described {
    fn info(&self) -> &AgentInfo {
        &self.info
    }

    fn call(&self, task: &Task, data: Payload) -> Reply {
        self.agent.call(task, data)
    }
}

/// Never answers.
fn silent(name: &str) -> Arc<dyn Agent> {
    Arc::new(agent_fn(name, "Never answers.", |_| pending::<Answer>()))
}

/// Says that it is busy, which is worth another attempt, and counts how often.
fn busy(name: &str) -> (Arc<dyn Agent>, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let agent = agent_fn_sync(name, "Is busy.", move |_: &Task, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Err::<Payload, _>(busy_error())
    });
    (Arc::new(agent), calls)
}

fn busy_error() -> TaskError {
    TaskError::new(ErrorKind::Overloaded, "busy").retryable(true)
}

/// Answers with its name when it is told to.
fn held(name: &str) -> (Arc<dyn Agent>, Arc<Hold>) {
    let hold = Arc::new(Hold {
        released: Semaphore::new(0),
        begun: AtomicUsize::new(0),
        dropped: AtomicUsize::new(0),
    });
    let (own, of_agent) = (name.to_owned(), hold.clone());
    let agent = agent_fn(name, "Answers when told to.", move |_| {
        let (own, hold) = (own.clone(), of_agent.clone());
        async move {
            hold.begun.fetch_add(1, Ordering::SeqCst);
            let _dropped = Dropped(hold.clone());
            hold.released.acquire().await.unwrap().forget();
            Ok(own)
        }
    });
    (Arc::new(agent), hold)
}

struct Hold {
    released: Semaphore,
    begun: AtomicUsize,
    dropped: AtomicUsize,
}

impl Hold {
    fn release(&self, calls: usize) {
        self.released.add_permits(calls);
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// Futures that are gone, whether they had answered or not.
    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }
}

struct Dropped(Arc<Hold>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// A call that has begun and waits.
fn begun<'a>(router: &'a Router, route: &'a str) -> RouteTask<'a> {
    let mut call = router.route_task(route, "");
    assert!(poll(&mut call).is_pending(), "the call has ended at once");
    call
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

async fn text(router: &Router, route: &str) -> String {
    router
        .route_task(route, "")
        .await
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// The tasks under way with each agent of a route, in order of registration.
fn loads(router: &Router, route: &str) -> Vec<usize> {
    let routes = router.routes();
    let route = routes.iter().find(|known| &*known.name == route).unwrap();
    route.agents.iter().map(|agent| agent.in_flight).collect()
}

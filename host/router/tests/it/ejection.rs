//! An agent that fails is left out, to the millisecond, and tried before it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use agentsys_router::{
    Agent, AgentMetrics, Ejection, ErrorKind, Payload, RoutePolicy, Router, Strategy, Task,
    TaskError, TaskOptions, agent_fn_sync,
};
use tokio::time::advance;

use crate::{begun, held, named, poll, router, text};

const BASE: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(35);
const MILLISECOND: Duration = Duration::from_millis(1);

fn policy() -> RoutePolicy {
    RoutePolicy::default()
        .retry_count(0)
        .ejection(Ejection::new(3, BASE, LONGEST))
}

/// Fails, until it is told to answer; with how often it was called.
struct Bad {
    answers: AtomicBool,
    kind: ErrorKind,
    calls: AtomicUsize,
}

impl Bad {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn bad(name: &str, kind: ErrorKind) -> (Arc<dyn Agent>, Arc<Bad>) {
    let bad = Arc::new(Bad {
        answers: AtomicBool::new(false),
        kind,
        calls: AtomicUsize::new(0),
    });
    let (own, of_agent) = (name.to_owned(), bad.clone());
    let agent = agent_fn_sync(name, "Fails.", move |_: &Task, _| {
        of_agent.calls.fetch_add(1, Ordering::SeqCst);
        match of_agent.answers.load(Ordering::SeqCst) {
            true => Ok(Payload::text(own.clone())),
            false => Err(TaskError::new(of_agent.kind, "no")),
        }
    });
    (Arc::new(agent), bad)
}

/// So many tasks, one after the other.
async fn send(router: &Router, tasks: usize) {
    for _ in 0..tasks {
        let _ = router.route_task("r", "").await;
    }
}

/// An agent that was left out for its failures a moment ago, and one that answers.
async fn with_one_left_out(policy: RoutePolicy) -> (Router, Arc<Bad>) {
    let router = router(policy);
    let (agent, bad) = bad("bad", ErrorKind::Failed);
    router.register_agent("r", agent).await.unwrap();
    router.register_agent("r", named("good")).await.unwrap();
    send(&router, 6).await;
    assert_eq!(bad.calls(), 3);
    (router, bad)
}

fn agent(router: &Router, name: &str) -> AgentMetrics {
    let mut agents = router.metrics().remove(0).agents.into_iter();
    agents.find(|agent| agent.name == name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_gets_no_task_for_its_time_and_then_one_that_tries_it() {
    let (router, bad) = with_one_left_out(policy()).await;
    let mut calls = bad.calls();
    for time in [10, 20, 35, 35] {
        let left_out = agent(&router, "bad");
        assert!(left_out.ejected);
        advance(Duration::from_secs(time) - MILLISECOND).await;
        send(&router, 10).await;
        assert_eq!(bad.calls(), calls, "before {time} s are over");
        advance(MILLISECOND).await;
        send(&router, 10).await;
        calls += 1;
        assert_eq!(bad.calls(), calls, "after {time} s");
    }
    assert_eq!(agent(&router, "bad").ejections, 5);

    bad.answers.store(true, Ordering::SeqCst);
    advance(LONGEST).await;
    send(&router, 10).await;
    assert!(!agent(&router, "bad").ejected);
    assert!(bad.calls() > calls + 4, "it takes turns again");
}

#[tokio::test(start_paused = true)]
async fn while_one_task_tries_it_the_others_go_elsewhere() {
    let router = router(policy());
    let (agent, hold) = held("held");
    let timeout = policy().timeout(Duration::from_secs(1));
    router.set_policy("r", timeout);
    router.register_agent("r", agent).await.unwrap();
    router.register_agent("r", named("good")).await.unwrap();
    send(&router, 6).await;
    assert_eq!(hold.begun(), 3);

    router.set_policy("r", policy());
    advance(BASE).await;
    let mut trial = begun(&router, "r");
    for _ in 0..10 {
        assert_eq!(text(&router, "r").await, "good");
    }
    assert!(self::agent(&router, "held").ejected);
    // Its caller goes away, which says nothing of the agent: the next one tries it.
    drop(trial);
    trial = begun(&router, "r");
    assert_eq!(hold.begun(), 5);
    assert_eq!(text(&router, "r").await, "good");
    hold.release(1);
    assert!(poll(&mut trial).is_ready());
    assert!(!self::agent(&router, "held").ejected);
}

#[tokio::test(start_paused = true)]
async fn never_more_than_half_of_a_route_are_left_out() {
    for (agents, left_out) in [(1, 0), (2, 1), (3, 1), (4, 2)] {
        for strategy in [Strategy::RoundRobin, Strategy::LeastLoaded] {
            let router = router(policy().strategy(strategy));
            for number in 0..agents {
                let (agent, _) = bad(&number.to_string(), ErrorKind::Failed);
                router.register_agent("r", agent).await.unwrap();
            }
            send(&router, 100).await;
            let agents = router.metrics().remove(0).agents;
            let ejected = agents.iter().filter(|agent| agent.ejected).count();
            assert_eq!(ejected, left_out, "of {}", agents.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_back_when_the_others_go() {
    let router = router(policy());
    let (agent, bad) = bad("bad", ErrorKind::Failed);
    router.register_agent("r", agent).await.unwrap();
    let good = router.register_agent("r", named("good")).await.unwrap();
    send(&router, 6).await;
    router.unregister_agent(good).await.unwrap();
    assert!(!self::agent(&router, "bad").ejected);
    bad.answers.store(true, Ordering::SeqCst);
    router.register_agent("r", named("another")).await.unwrap();
    send(&router, 10).await;
    assert_eq!(bad.calls(), 8);
}

#[tokio::test(start_paused = true)]
async fn data_that_does_not_fit_leaves_nobody_out() {
    let router = router(policy());
    let (agent, bad) = bad("a", ErrorKind::InvalidInput);
    router.register_agent("r", agent).await.unwrap();
    router.register_agent("r", named("good")).await.unwrap();
    send(&router, 100).await;
    assert_eq!(bad.calls(), 50);
}

#[tokio::test(start_paused = true)]
async fn its_keys_are_others_while_it_is_left_out() {
    let router = router(policy().strategy(Strategy::Sticky));
    let (agent, bad) = bad("bad", ErrorKind::Failed);
    router.register_agent("r", agent).await.unwrap();
    for name in ["a", "b"] {
        router.register_agent("r", named(name)).await.unwrap();
    }
    let call = async |key: usize| {
        let options = TaskOptions::default().key(key.to_string());
        let answer = router.route_task_with("r", "", options).await;
        answer
            .ok()
            .map(|answer| answer.to_str().unwrap().to_owned())
    };
    let mut before = Vec::new();
    // Until the third key of the bad agent.
    while bad.calls() < 3 {
        before.push(call(before.len()).await);
    }
    for (key, owner) in before.iter().enumerate() {
        let now = call(key).await;
        assert!(now.is_some() && (owner.is_none() || *owner == now));
    }
    bad.answers.store(true, Ordering::SeqCst);
    advance(BASE).await;
    // Its trial may be a task of another's key.
    call(0).await;
    for (key, owner) in before.into_iter().enumerate() {
        assert_eq!(call(key).await, owner.or(Some("bad".to_owned())));
    }
}

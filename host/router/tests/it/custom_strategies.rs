//! An embedder's own strategy chooses; where it fails, the task still gets an agent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentsys_router::{
    Candidate, Payload, RoutePolicy, Router, RoutingStrategy, Selection, Strategy, Task,
};
use tracing::span;

use crate::{begun, named, router, silent, text};

/// Answers what the closure does.
struct Chooses<F>(F);

impl<F> RoutingStrategy for Chooses<F>
where
    F: Fn(&[Candidate<'_>], &Task) -> Option<usize> + Send + Sync + 'static,
{
    fn name(&self) -> &str {
        "chooses"
    }

    fn select_agent(&self, agents: &[Candidate<'_>], task: &Task) -> Selection {
        (self.0)(agents, task).into()
    }
}

fn custom<F>(choose: F) -> Strategy
where
    F: Fn(&[Candidate<'_>], &Task) -> Option<usize> + Send + Sync + 'static,
{
    Strategy::Custom(Arc::new(Chooses(choose)))
}

fn with_agents(strategy: &Strategy, count: usize) -> Router {
    let policy = RoutePolicy::default().strategy(strategy.clone());
    let router = router(policy.max_concurrent(1000));
    for number in 0..count {
        let name = format!("a{number}");
        crate::registered(&router, "r", named(&name));
    }
    router
}

#[tokio::test]
async fn a_custom_strategy_chooses_among_all_agents_of_a_route() {
    for count in [2, 8, 9, 40] {
        let last = custom(|agents: &[Candidate<'_>], _| Some(agents.len() - 1));
        let router = with_agents(&last, count);
        assert_eq!(text(&router, "r").await, format!("a{}", count - 1));
        assert_eq!(last.fallbacks(), 0);
    }
}

#[tokio::test]
async fn a_strategy_sees_agents_and_task() {
    let seen = Arc::new(Mutex::new(String::new()));
    let noted = seen.clone();
    let strategy = custom(move |agents: &[Candidate<'_>], task: &Task| {
        let agents: Vec<_> = agents
            .iter()
            .map(|agent| (agent.info().name.clone(), agent.in_flight()))
            .collect();
        *noted.lock().unwrap() = format!("{agents:?} for {:?}", task.route());
        Some(0)
    });
    let policy = RoutePolicy::default().strategy(strategy);
    let router = router(policy);
    router.register_agent("r", silent("a")).await.unwrap();
    router.register_agent("r", named("b")).await.unwrap();
    let _first = begun(&router, "r");
    let _second = begun(&router, "r");
    assert_eq!(*seen.lock().unwrap(), r#"[("a", 1), ("b", 0)] for "r""#);
}

#[tokio::test]
async fn an_only_agent_is_not_asked_about() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let strategy = custom(move |_: &[Candidate<'_>], _| {
        counted.fetch_add(1, Ordering::SeqCst);
        None
    });
    let router = with_agents(&strategy, 1);
    assert_eq!(text(&router, "r").await, "a0");
    assert_eq!((asked.load(Ordering::SeqCst), strategy.fallbacks()), (0, 0));
}

#[tokio::test]
async fn where_a_strategy_fails_agents_are_taken_in_turn_and_it_is_counted() {
    let no_agent = custom(|_: &[Candidate<'_>], _| None);
    let out_of_range = custom(|agents: &[Candidate<'_>], _| Some(agents.len()));
    let panics = custom(|_: &[Candidate<'_>], _| panic!("no idea"));
    for strategy in [no_agent, out_of_range, panics] {
        let router = with_agents(&strategy, 3);
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(text(&router, "r").await);
        }
        answers.sort();
        assert_eq!(answers, ["a0", "a1", "a2"]);
        assert_eq!(strategy.fallbacks(), 3);
    }
    assert_eq!(Strategy::RoundRobin.fallbacks(), 0);
}

#[tokio::test]
async fn failures_are_forgotten_with_their_strategy_and_counted_for_no_other() {
    for _ in 0..20 {
        let strategy = custom(|_: &[Candidate<'_>], _| None);
        assert_eq!(strategy.fallbacks(), 0);
        text(&with_agents(&strategy, 2), "r").await;
        assert_eq!(strategy.fallbacks(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_strategy_is_complained_about_once_a_second_at_most() {
    let warnings = Arc::new(AtomicUsize::new(0));
    let _counted = tracing::subscriber::set_default(Warnings(warnings.clone()));
    let strategy = custom(|_: &[Candidate<'_>], _| None);
    let router = with_agents(&strategy, 2);
    router.register_agent("other", named("x")).await.unwrap();
    router.register_agent("other", named("y")).await.unwrap();

    for second in 1..=3 {
        for _ in 0..50 {
            text(&router, "r").await;
            text(&router, "other").await;
        }
        assert_eq!(warnings.load(Ordering::SeqCst), second);
        tokio::time::advance(Duration::from_millis(999)).await;
        text(&router, "r").await;
        assert_eq!(warnings.load(Ordering::SeqCst), second);
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    assert_eq!(strategy.fallbacks(), 303);
}

#[test]
fn strategies_made_of_the_same_one_are_equal() {
    let first: Arc<dyn RoutingStrategy> = Arc::new(Chooses(|_: &[Candidate<'_>], _: &Task| None));
    let second: Arc<dyn RoutingStrategy> = Arc::new(Chooses(|_: &[Candidate<'_>], _: &Task| None));
    let strategy = Strategy::Custom(first.clone());
    assert_eq!(strategy, strategy.clone());
    assert_eq!(strategy, Strategy::Custom(first));
    assert_ne!(strategy, Strategy::Custom(second));
    assert_ne!(strategy, Strategy::RoundRobin);
    assert_eq!(strategy.as_str(), "chooses");
    assert_eq!(
        format!("{strategy:?}"),
        r#"Custom(RoutingStrategy("chooses"))"#
    );
}

#[tokio::test]
async fn a_task_for_one_agent_by_name_does_not_ask_about_others() {
    let names = Arc::new(Mutex::new(Vec::new()));
    let noted = names.clone();
    let strategy = custom(move |agents: &[Candidate<'_>], _| {
        let named = agents.iter().map(|agent| agent.info().name.to_string());
        *noted.lock().unwrap() = named.collect();
        Some(1)
    });
    let router = with_agents(&strategy, 3);
    router.register_agent("r", named("a1")).await.unwrap();
    let answer: Payload = router.send("a1", "").await.unwrap();
    assert_eq!(answer.to_str(), Ok("a1"));
    assert_eq!(*names.lock().unwrap(), ["a1", "a1"]);
}

/// Counts the router's warnings of this thread.
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("agentsys_router")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        assert_eq!(*event.metadata().level(), tracing::Level::WARN);
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

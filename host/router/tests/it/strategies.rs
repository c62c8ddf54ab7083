//! Which agent gets the next task.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentsys_router::{
    Ejection, ErrorKind, Payload, RoutePolicy, RouteTask, Router, Strategy, TaskError, agent_fn,
};
use tokio::time::sleep;

use crate::{begun, held, loads, named, poll, router, text};

const NAMES: [&str; 3] = ["a", "b", "c"];

fn with_strategy(strategy: Strategy) -> Router {
    router(
        RoutePolicy::default()
            .strategy(strategy)
            .max_concurrent(1000),
    )
}

#[tokio::test(start_paused = true)]
async fn quiet_agents_get_tasks_in_turn_under_every_strategy() {
    for strategy in [Strategy::RoundRobin, Strategy::LeastLoaded] {
        let router = with_strategy(strategy);
        for name in NAMES {
            router.register_agent("r", named(name)).await.unwrap();
        }
        let mut counts: HashMap<String, usize> = HashMap::new();
        for _ in 0..300 {
            *counts.entry(text(&router, "r").await).or_default() += 1;
        }
        assert!(counts.values().all(|count| *count == 100), "{counts:?}");
    }
}

#[tokio::test]
async fn round_robin_goes_on_in_turn_after_an_agent_left() {
    let router = with_strategy(Strategy::RoundRobin);
    let mut ids = Vec::new();
    for name in NAMES {
        ids.push(router.register_agent("r", named(name)).await.unwrap());
    }
    text(&router, "r").await;
    router.unregister_agent(ids[1]).await.unwrap();
    let first = text(&router, "r").await;
    let second = text(&router, "r").await;
    assert_ne!(first, second);
    assert_eq!(text(&router, "r").await, first);
}

#[tokio::test]
async fn least_loaded_never_picks_a_busier_agent() {
    let router = with_strategy(Strategy::LeastLoaded);
    let holds = NAMES.map(|name| {
        let (agent, hold) = held(name);
        crate::registered(&router, "r", agent);
        hold
    });

    // A fixed sequence of begins and ends that looks random.
    let mut state = 42_u64;
    let mut calls: Vec<(usize, RouteTask<'_>)> = Vec::new();
    let mut begins = 0;
    for _ in 0..2000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let chance = (state >> 33) as usize;
        if chance.is_multiple_of(3) && !calls.is_empty() {
            let at = chance / 3 % calls.len();
            drop(calls.swap_remove(at));
            continue;
        }
        let before = loads(&router, "r");
        let call = begun(&router, "r");
        let after = loads(&router, "r");
        let chosen = (0..NAMES.len())
            .find(|agent| after[*agent] > before[*agent])
            .unwrap();
        assert_eq!(
            before[chosen],
            *before.iter().min().unwrap(),
            "{before:?} -> {after:?}"
        );
        calls.push((chosen, call));
        begins += 1;
    }
    assert_eq!(holds.iter().map(|hold| hold.begun()).sum::<usize>(), begins);
    drop(calls);
    assert_eq!(loads(&router, "r"), [0, 0, 0]);
}

#[tokio::test]
async fn least_loaded_leaves_a_busy_agent_alone_where_round_robin_does_not() {
    for (strategy, busy_gets) in [(Strategy::LeastLoaded, 0), (Strategy::RoundRobin, 50)] {
        let router = with_strategy(strategy);
        let (agent, busy) = held("busy");
        router.register_agent("r", agent).await.unwrap();
        let _occupied = begun(&router, "r");
        router.register_agent("r", named("free")).await.unwrap();

        let mut calls: Vec<RouteTask<'_>> = Vec::new();
        for _ in 0..100 {
            let mut call = router.route_task("r", "");
            if poll(&mut call).is_pending() {
                calls.push(call);
            }
        }
        assert_eq!(calls.len(), busy_gets);
        assert_eq!(busy.begun(), 1 + busy_gets);
    }
}

#[test]
fn a_strategy_is_known_by_its_name() {
    for strategy in [Strategy::RoundRobin, Strategy::LeastLoaded] {
        assert_eq!(strategy.as_str().parse(), Ok(strategy));
    }
    let error = "fastest".parse::<Strategy>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "no strategy is named \"fastest\": use \"round_robin\", \"least_loaded\" or \"sticky\""
    );
}

#[tokio::test(start_paused = true)]
async fn least_loaded_does_not_take_one_that_fails_at_once_for_the_fastest() {
    let policy = RoutePolicy::default().strategy(Strategy::LeastLoaded);
    let router = router(policy.retry_count(0).ejection(Ejection::OFF));
    let good = agent_fn("good", "", async |data: Payload| {
        sleep(Duration::from_millis(20)).await;
        Ok(data)
    });
    let calls = AtomicUsize::new(0);
    let bad = agent_fn("bad", "", move |data: Payload| {
        let fails = !calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(5);
        async move {
            if fails {
                tokio::task::yield_now().await;
                return Err(TaskError::new(ErrorKind::Failed, "no"));
            }
            sleep(Duration::from_millis(20)).await;
            Ok(data)
        }
    });
    router.register_agent("r", Arc::new(good)).await.unwrap();
    router.register_agent("r", Arc::new(bad)).await.unwrap();
    for _ in 0..500 {
        let _ = router.route_task("r", "").await;
    }
    let agents = &router.metrics()[0].agents;
    assert!(agents[1].calls < 50, "{} of 500", agents[1].calls);
}

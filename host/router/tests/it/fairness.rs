//! Who gets the next task, whatever comes and goes: sequences that nobody would write down.

use std::collections::HashMap;
use std::sync::Arc;

use agentsys_router::{AgentId, RoutePolicy, RouteTask, Router, Strategy as Routing};
use proptest::prelude::*;

use crate::{Hold, begun, held, loads, named, router, text};

/// What happens at a route.
#[derive(Debug, Clone)]
enum Event {
    Joins,
    /// The agent at that place, of those there are.
    Leaves(usize),
    /// So many tasks come.
    Tasks(usize),
    /// The task at that place ends.
    Ends(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        2 => Just(Event::Joins),
        1 => any::<usize>().prop_map(Event::Leaves),
        4 => (1..20_usize).prop_map(Event::Tasks),
        3 => any::<usize>().prop_map(Event::Ends),
    ];
    prop::collection::vec(event, 1..60)
}

fn with_strategy(strategy: Routing) -> Router {
    let policy = RoutePolicy::default().strategy(strategy);
    router(policy.max_concurrent(10_000))
}

fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(future)
}

proptest! {
    #[test]
    fn between_two_changes_agents_get_equally_many_tasks_to_within_one(events in events()) {
        for strategy in [Routing::RoundRobin, Routing::LeastLoaded] {
            run(turns(&with_strategy(strategy), &events))?;
        }
    }

    #[test]
    fn least_loaded_never_picks_a_busier_agent_whoever_comes_and_goes(events in events()) {
        run(least(&with_strategy(Routing::LeastLoaded), &events))?;
    }
}

/// Agents that answer at once, so that all are equally busy.
async fn turns(router: &Router, events: &[Event]) -> Result<(), TestCaseError> {
    let mut agents: Vec<(String, AgentId)> = Vec::new();
    let mut gets: HashMap<String, usize> = HashMap::new();
    for (number, event) in events.iter().enumerate() {
        match event {
            Event::Joins => {
                let name = format!("agent {number}");
                let id = router.register_agent("r", named(&name)).unwrap();
                agents.push((name, id));
                gets.clear();
            }
            Event::Leaves(at) if !agents.is_empty() => {
                let (_, id) = agents.remove(at % agents.len());
                router.unregister_agent(id);
                gets.clear();
            }
            Event::Tasks(tasks) if !agents.is_empty() => {
                for _ in 0..*tasks {
                    *gets.entry(text(router, "r").await).or_default() += 1;
                    let of = |(name, _): &(String, AgentId)| gets.get(name).copied().unwrap_or(0);
                    let least = agents.iter().map(of).min();
                    let most = agents.iter().map(of).max();
                    prop_assert!(most <= least.map(|least| least + 1), "{:?}", gets);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Agents that answer when they are told to.
async fn least(router: &Router, events: &[Event]) -> Result<(), TestCaseError> {
    let mut agents: Vec<(AgentId, Arc<Hold>)> = Vec::new();
    let mut calls: Vec<RouteTask<'_>> = Vec::new();
    for event in events {
        match event {
            Event::Joins => {
                let (agent, hold) = held("a");
                agents.push((router.register_agent("r", agent).unwrap(), hold));
            }
            Event::Leaves(at) if !agents.is_empty() => {
                let (id, _) = agents.remove(at % agents.len());
                router.unregister_agent(id);
            }
            Event::Tasks(tasks) if !agents.is_empty() => {
                for _ in 0..*tasks {
                    let before = loads(router, "r");
                    let begins: Vec<usize> = agents.iter().map(|(_, hold)| hold.begun()).collect();
                    calls.push(begun(router, "r"));
                    let begins_now = |at: &usize| agents[*at].1.begun() > begins[*at];
                    let chosen = (0..agents.len()).find(begins_now).unwrap();
                    prop_assert_eq!(
                        before[chosen],
                        *before.iter().min().unwrap(),
                        "{:?}",
                        before
                    );
                }
            }
            Event::Ends(at) if !calls.is_empty() => {
                drop(calls.swap_remove(at % calls.len()));
            }
            _ => {}
        }
    }
    drop(calls);
    if !agents.is_empty() {
        prop_assert_eq!(loads(router, "r"), vec![0; agents.len()]);
    }
    Ok(())
}

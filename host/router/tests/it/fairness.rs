//! Who gets the next task, whatever comes and goes: sequences that nobody would write down.

use std::collections::HashMap;
use std::sync::Arc;

use agentsys_router::{AgentId, RoutePolicy, RouteTask, Router, Strategy as Routing, TaskOptions};
use proptest::prelude::*;

use crate::{Hold, begun, described, held, loads, named, poll, router, text};

/// What happens at a route.
#[derive(Debug, Clone)]
enum Event {
    /// One of that weight.
    Joins(u32),
    /// The agent at that place, of those there are.
    Leaves(usize),
    /// So many tasks come.
    Tasks(usize),
    /// The task at that place ends.
    Ends(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        2 => prop_oneof![1..2_u32, 1..8_u32].prop_map(Event::Joins),
        1 => any::<usize>().prop_map(Event::Leaves),
        4 => (1..20_usize).prop_map(Event::Tasks),
        3 => any::<usize>().prop_map(Event::Ends),
    ];
    prop::collection::vec(event, 1..60)
}

fn policy(strategy: Routing) -> RoutePolicy {
    RoutePolicy::default()
        .strategy(strategy)
        .max_concurrent(10_000)
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
    fn between_two_changes_agents_get_as_many_tasks_as_they_weigh(events in events()) {
        run(turns(&router(policy(Routing::RoundRobin)), &events))?;
    }

    #[test]
    fn tasks_that_waited_are_shared_out_by_weight_too(
        weights in prop::collection::vec(1..50_u32, 2..6),
        tasks in 1..400_usize,
    ) {
        run(queued(&weights, tasks))?;
    }

    #[test]
    fn least_loaded_never_picks_a_busier_agent_whoever_comes_and_goes(events in events()) {
        run(least(&router(policy(Routing::LeastLoaded)), &events))?;
    }

    #[test]
    fn no_key_moves_but_to_an_agent_that_came_and_from_one_that_went(events in events()) {
        run(keys(&router(policy(Routing::Sticky)), &events))?;
    }
}

/// What agents got since one of them came or went.
#[derive(Default)]
struct Shares {
    weights: HashMap<String, u32>,
    gets: HashMap<String, usize>,
}

impl Shares {
    fn changed(&mut self) {
        self.gets.clear();
    }

    fn count(&mut self, agent: String) {
        *self.gets.entry(agent).or_default() += 1;
    }

    /// That nobody got more or less than its due, as far as turns can be shared out: one task for its own turns, and its part in one for each other's.
    fn are_fair(&self) -> Result<(), TestCaseError> {
        let tasks: usize = self.gets.values().sum();
        let all: u32 = self.weights.values().sum();
        let equal = self
            .weights
            .values()
            .all(|weight| weight * self.weights.len() as u32 == all);
        for (agent, weight) in &self.weights {
            let got = self.gets.get(agent).copied().unwrap_or(0) as f64;
            let part = f64::from(*weight) / f64::from(all);
            let due = tasks as f64 * part;
            let off = if equal {
                1.0
            } else {
                1.0 + part * self.weights.len() as f64
            };
            prop_assert!(
                (got - due).abs() <= off + 1e-9,
                "{agent} of weight {weight} got {got}, its due is {due:.2}: {:?} of {:?}",
                self.gets,
                self.weights
            );
        }
        Ok(())
    }
}

/// Agents that answer at once, so that all are equally busy.
async fn turns(router: &Router, events: &[Event]) -> Result<(), TestCaseError> {
    let mut agents: Vec<(String, AgentId)> = Vec::new();
    let mut shares = Shares::default();
    for (number, event) in events.iter().enumerate() {
        match event {
            Event::Joins(weight) => {
                let name = format!("agent {number}");
                let agent = described(named(&name), |info| info.weight(*weight));
                agents.push((
                    name.clone(),
                    router.register_agent("r", agent).await.unwrap(),
                ));
                shares.weights.insert(name, *weight);
                shares.changed();
            }
            Event::Leaves(at) if !agents.is_empty() => {
                let (name, id) = agents.remove(at % agents.len());
                router.unregister_agent(id).await.unwrap();
                shares.weights.remove(&name);
                shares.changed();
            }
            Event::Tasks(tasks) if !agents.is_empty() => {
                for _ in 0..*tasks {
                    shares.count(text(router, "r").await);
                    shares.are_fair()?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Agents that answer at once, and tasks that all wait for the one place.
async fn queued(weights: &[u32], tasks: usize) -> Result<(), TestCaseError> {
    let router = router(policy(Routing::RoundRobin).max_concurrent(1));
    let (agent, hold) = held("before");
    let before = router.register_agent("r", agent).await.unwrap();
    let mut occupied = begun(&router, "r");
    let mut shares = Shares::default();
    for (number, weight) in weights.iter().enumerate() {
        let name = format!("agent {number}");
        let agent = described(named(&name), |info| info.weight(*weight));
        router.register_agent("r", agent).await.unwrap();
        shares.weights.insert(name, *weight);
    }
    router.unregister_agent(before).await.unwrap();
    let waiting: Vec<RouteTask<'_>> = (0..tasks).map(|_| begun(&router, "r")).collect();
    hold.release(1);
    prop_assert!(poll(&mut occupied).is_ready());
    for call in waiting {
        shares.count(call.await.unwrap().to_str().unwrap().to_owned());
        shares.are_fair()?;
    }
    Ok(())
}

/// Agents that answer when they are told to.
async fn least(router: &Router, events: &[Event]) -> Result<(), TestCaseError> {
    let mut agents: Vec<(AgentId, u32, Arc<Hold>)> = Vec::new();
    let mut calls: Vec<RouteTask<'_>> = Vec::new();
    for event in events {
        match event {
            Event::Joins(weight) => {
                let (agent, hold) = held("a");
                let agent = described(agent, |info| info.weight(*weight));
                agents.push((
                    router.register_agent("r", agent).await.unwrap(),
                    *weight,
                    hold,
                ));
            }
            Event::Leaves(at) if !agents.is_empty() => {
                let (id, ..) = agents.remove(at % agents.len());
                router.unregister_agent(id).await.unwrap();
            }
            Event::Tasks(tasks) if !agents.is_empty() => {
                for _ in 0..*tasks {
                    let before = loads(router, "r");
                    let begins: Vec<usize> = agents.iter().map(|(.., hold)| hold.begun()).collect();
                    calls.push(begun(router, "r"));
                    let begins_now = |at: &usize| agents[*at].2.begun() > begins[*at];
                    let chosen = (0..agents.len()).find(begins_now).unwrap();
                    let (load, weight) = (before[chosen], agents[chosen].1 as usize);
                    for (other, (_, its_weight, _)) in agents.iter().enumerate() {
                        let busier = load * *its_weight as usize > before[other] * weight;
                        prop_assert!(!busier, "{chosen} of {before:?} in place of {other}");
                    }
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

const KEYS: usize = 40;

/// Who has each key: agents by what they answer.
async fn owners(router: &Router) -> Vec<String> {
    let mut owners = Vec::new();
    for key in 0..KEYS {
        let options = TaskOptions::default().key(key.to_string());
        let answer = router.route_task_with("r", "", options).await.unwrap();
        owners.push(answer.to_str().unwrap().to_owned());
    }
    owners
}

/// Agents of few names, so that several have the same; each answers which it is.
async fn keys(router: &Router, events: &[Event]) -> Result<(), TestCaseError> {
    let mut agents: Vec<(String, AgentId, u32)> = Vec::new();
    let mut before: Vec<String> = Vec::new();
    for (number, event) in events.iter().enumerate() {
        let agent = |weight: u32| {
            described(named(&number.to_string()), |mut info| {
                info.name = format!("agent {}", number % 3).into();
                info.weight(weight)
            })
        };
        // Whose keys may move, and to whom.
        let (from, to) = match event {
            Event::Joins(weight) => {
                let id = router.register_agent("r", agent(*weight)).await.unwrap();
                agents.push((number.to_string(), id, *weight));
                (None, Some(number.to_string()))
            }
            Event::Leaves(at) if !agents.is_empty() => {
                let (name, id, _) = agents.remove(at % agents.len());
                router.unregister_agent(id).await.unwrap();
                (Some(name), None)
            }
            _ => continue,
        };
        if agents.is_empty() {
            before.clear();
            continue;
        }
        let after = owners(router).await;
        prop_assert_eq!(&owners(router).await, &after);
        for (was, is) in before.iter().zip(&after) {
            let moves = from.as_ref() == Some(was) || to.as_ref() == Some(is);
            prop_assert!(was == is || moves, "{} had it, {} has it", was, is);
        }
        before = after;
    }
    Ok(())
}

#[tokio::test]
async fn a_replacement_of_the_same_name_keeps_all_keys() {
    let router = router(policy(Routing::Sticky));
    let register = |name| crate::registered(&router, "r", named(name));
    let [_, second, ..] = ["a", "b", "c", "d"].map(register);
    let before = owners(&router).await;
    router
        .replace_agents(&[second], vec![("r".to_owned(), named("b"))])
        .unwrap();
    assert_eq!(owners(&router).await, before);
}

#[tokio::test]
async fn keys_are_shared_out_by_weight() {
    const TASKS: usize = 6_000;
    let router = router(policy(Routing::Sticky));
    for weight in 1..=3 {
        let agent = described(named(&weight.to_string()), |info| info.weight(weight));
        router.register_agent("r", agent).await.unwrap();
    }
    let mut gets = [0; 3];
    for key in 0..TASKS {
        let options = TaskOptions::default().key(format!("customer {key}"));
        let answer = router.route_task_with("r", "", options).await.unwrap();
        gets[answer.to_str().unwrap().parse::<usize>().unwrap() - 1] += 1;
    }
    for (weight, got) in (1..).zip(gets) {
        let due = TASKS * weight / 6;
        assert!((due * 9 / 10..due * 11 / 10).contains(&got), "{gets:?}");
    }
}

//! Every task comes to one end, and leaves nothing behind: whatever the policy, whatever agents do, whoever comes, goes, stops or gives up meanwhile.

mod script;
mod stage;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use agentsys_router::{AgentId, TaskOptions};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use script::{
    Edit, FALLBACK, LONGEST_BACKOFF, LONGEST_TIMEOUT, MOST_RETRIES, ROUTES, Script, Sent,
};
use stage::Stage;

proptest! {
    #[test]
    fn the_sum_of_outcomes_is_the_number_of_tasks_and_nothing_stays_under_way(script in script::script()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(script));
    }
}

async fn play(script: Script) {
    let stage = Arc::new(Stage::new(&script.policies));
    if let Some(does) = &script.lasting {
        (0..ROUTES.len()).for_each(|route| stage.join_for_good(route, does));
    }
    for (route, does) in &script.agents {
        stage.join(*route, does);
    }
    stage.router.start();
    let edits = tokio::spawn(edit_all(stage.clone(), script.edits));
    let callers: Vec<_> = script
        .tasks
        .into_iter()
        .enumerate()
        .map(|(number, task)| tokio::spawn(call(stage.clone(), number, task)))
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    edits.await.unwrap();

    let counts = &stage.counts;
    counts.of_routes.iter().for_each(|route| route.are_whole());
    let (begun, gone) = &counts.of_agents;
    let (begun, gone) = (begun.load(SeqCst), gone.load(SeqCst));
    assert_eq!(begun, gone, "futures of agents are left");
    if script.lasting.is_some() {
        let routes = stage.router.metrics();
        for (counted, route) in counts.of_routes.iter().zip(&routes) {
            counted.are_those_of(route);
        }
    }
    // No task waits, or is with an agent that has gone.
    assert_eq!(stage.router.stop(Duration::ZERO).await, 0);
    for name in ROUTES {
        stage.all_places_are_free(name);
    }
}

async fn call(stage: Arc<Stage>, number: usize, task: Sent) {
    sleep(Duration::from_millis(task.at)).await;
    let mut options = TaskOptions::default();
    if let Some(deadline) = task.deadline {
        options = options.deadline(Instant::now() + Duration::from_millis(deadline));
    }
    if let Some(key) = task.key {
        options = options.key(vec![key]);
    }
    let route = ROUTES[task.route];
    let data = number.to_string();
    let call = if task.by_name {
        stage.router.send_with(route, data, options)
    } else {
        stage.router.route_task_with(route, data, options)
    };
    let begun = Instant::now();
    let counted = stage.counts.count(task.route, call);
    match task.given_up {
        None => {
            if let Ok(answer) = counted.await {
                let answer = answer.to_str().unwrap();
                assert!(answer == number.to_string() || answer == FALLBACK);
            }
            let attempts = 1 + u64::from(MOST_RETRIES);
            let longest = attempts * LONGEST_TIMEOUT + (attempts - 1) * LONGEST_BACKOFF;
            let longest = task.deadline.unwrap_or(u64::MAX).min(longest);
            // The clock of tokio's timers counts whole milliseconds.
            let longest = Duration::from_millis(longest + 2 * attempts - 1);
            assert!(begun.elapsed() <= longest, "{:?}", begun.elapsed());
        }
        Some(given_up) => {
            // The caller goes first: what it was just given, it has not seen.
            tokio::select! {
                biased;
                () = sleep(Duration::from_millis(given_up)) => {}
                _ = counted => {}
            }
        }
    }
}

async fn edit_all(stage: Arc<Stage>, mut edits: Vec<(u64, Edit)>) {
    edits.sort_by_key(|(at, _)| *at);
    let begun = Instant::now();
    for (at, edit) in edits {
        tokio::time::sleep_until(begun + Duration::from_millis(at)).await;
        match edit {
            Edit::Joins(route, does) => stage.join(route, &does),
            Edit::Leaves(route, at) => {
                if let Some(id) = stage.take(route, at) {
                    crate::taken_away(&stage.router, id);
                }
            }
            Edit::Exchanged(route, at, does, cut) => {
                let old: Vec<AgentId> = stage.take(route, at).into_iter().collect();
                let agent = vec![(ROUTES[route].to_owned(), stage.agent(route, &does))];
                let (ids, leaving) = stage.router.exchange(&old, agent).unwrap();
                stage.agents.lock().unwrap()[route].extend(ids);
                if cut {
                    leaving.cut_off().await;
                    assert_eq!(leaving.under_way(), 0);
                }
            }
            Edit::Held(route, time) => {
                let agents = stage.agents.lock().unwrap()[route].clone();
                let held = stage.router.hold(&agents);
                sleep(Duration::from_millis(time)).await;
                drop(held);
            }
            Edit::Policy(route, policy) => {
                stage.router.set_policy(ROUTES[route], policy.made());
            }
            Edit::Stops(drain) => {
                stage.router.stop(Duration::from_millis(drain)).await;
                sleep(Duration::from_millis(10)).await;
                stage.router.start();
            }
        }
    }
}

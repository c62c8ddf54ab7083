//! A plugin that hands its state over to the build that takes its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentsys_host::{Payload, PluginState, TaskOptions, agent_fn};
use serde_json::json;
use tokio::sync::Notify;

use crate::harness::{Place, Setup, TestHost, options};

const FILE: &str = "counting.so";

/// The first build of `counting`, so that this goes wrong with it and with the next.
fn setup(fault: &str) -> Setup {
    let place = Place::new();
    place.add_as("counting_1", FILE);
    let options = options(json!({ "fault": fault }));
    let limit = Duration::from_secs(1);
    let options = options.cleanup_timeout(limit).initialize_timeout(limit);
    Setup::at(place).plugin("counting", options)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_goes_on_and_no_call_is_lost_or_counted_twice() {
    let host = Arc::new(setup("").start().await);
    let stop = Arc::new(AtomicBool::new(false));
    let callers = ["count", "count_later", "count"].map(|route| {
        let (host, stop) = (Arc::clone(&host), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut counts = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let count = host.call(route, "").await.unwrap();
                counts.push(count.parse::<u64>().unwrap());
                tokio::task::yield_now().await;
            }
            counts
        })
    });
    for build in ["counting_2", "counting_1"].repeat(5) {
        host.place.put(build, FILE);
        host.reload("counting").await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut counts = Vec::new();
    for caller in callers {
        let counted = caller.await.unwrap();
        assert!(!counted.is_empty());
        counts.extend(counted);
    }
    counts.sort_unstable();
    assert!(counts.iter().copied().eq(1..=counts.len() as u64));
    let steps = &host.status("counting").history[0].steps;
    let steps: Vec<&str> = steps.iter().map(|step| step.name).collect();
    assert_eq!(steps, ["open", "initialize", "hand_over"]);
    host.shutdown().await;
}

#[tokio::test]
async fn each_of_several_instances_hands_over_and_the_new_one_is_told_from_which_version() {
    let place = Place::new();
    place.add_as("counting_1", FILE);
    let several = options(json!({})).instances(3);
    let host = Setup::at(place).plugin("counting", several).start().await;
    let calls = async |route: &str, calls: usize| {
        let mut answers = Vec::new();
        for _ in 0..calls {
            answers.push(host.call(route, "").await.unwrap());
        }
        answers.sort();
        answers
    };
    assert_eq!(calls("count", 6).await, ["1", "1", "1", "2", "2", "2"]);
    host.place.put("counting_2", FILE);
    host.reload("counting").await.unwrap();
    assert_eq!(calls("count", 3).await, ["3", "3", "3"]);
    assert_eq!(calls("count_of", 3).await, [r#"2.0.0 from "1.0.0""#; 3]);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_wait_for_the_new_one_but_those_nested_in_a_task_begun_before() {
    let host = Arc::new(setup("").start().await);
    let (came, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let door = {
        let (came, go) = (Arc::clone(&came), Arc::clone(&go));
        agent_fn("door", "Opens.", move |_: Payload| {
            let (came, go) = (Arc::clone(&came), Arc::clone(&go));
            async move {
                came.notify_one();
                go.notified().await;
                Ok("")
            }
        })
    };
    host.router()
        .register_agent("door", Arc::new(door))
        .await
        .unwrap();
    let caller = Arc::clone(&host);
    let nesting = tokio::spawn(async move { caller.call("count_after", "door").await });
    came.notified().await;
    host.place.put("counting_2", FILE);
    let reloader = Arc::clone(&host);
    let reload = tokio::spawn(async move { reloader.reload("counting").await });
    let waits = host.waiting_call("count_of").await;
    go.notify_one();
    assert_eq!(nesting.await.unwrap().unwrap(), "1");
    assert_eq!(reload.await.unwrap().unwrap(), 2);
    assert_eq!(waits.await.unwrap(), r#"2.0.0 from "1.0.0""#);
    assert_eq!(host.call("count", "").await.unwrap(), "2");
    host.shutdown().await;
}

/// Replaces a plugin that has counted to 1 while a call waits, in vain.
async fn fails(fault: &str, why: &str) {
    let host = setup(fault).start().await;
    assert_eq!(host.call("count", "").await.unwrap(), "1");
    host.place.put("counting_2", FILE);
    let error = host.reload("counting").await.unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
    let held_back = format!("2.0.0 of DIR/{FILE} did not replace 1.0.0: {why}");
    assert!(host.held_back("counting").starts_with(&held_back));
    serves_on(&host).await;
    host.shutdown().await;
}

/// That the first build serves on with its state.
async fn serves_on(host: &TestHost) {
    let status = host.status("counting");
    assert_eq!(
        (status.state, status.generation),
        (PluginState::Running, Some(1))
    );
    assert_eq!(host.call("count", "").await.unwrap(), "2");
    assert_eq!(host.call("count_of", "").await.unwrap(), r#"1.0.0 from """#);
}

#[tokio::test]
async fn a_state_that_cannot_be_saved_leaves_the_old_one_serving() {
    fails("save fails", "`save_state` failed: the count is gone").await;
    fails("save panics", "`save_state` failed: ").await;
}

#[tokio::test]
async fn a_state_that_cannot_be_restored_leaves_the_old_one_serving() {
    fails("restore fails", "`restore_state` failed: the count is gone").await;
    fails("restore panics", "`restore_state` failed: ").await;
}

/// As [`fails`], with a step that takes so long that calls wait meanwhile.
async fn hangs(step: &str) {
    let host = Arc::new(setup(&format!("{step} hangs")).start().await);
    assert_eq!(host.call("count", "").await.unwrap(), "1");
    host.place.put("counting_2", FILE);
    let reloader = Arc::clone(&host);
    let reload = tokio::spawn(async move { reloader.reload("counting").await });
    let waits = host.waiting_call("count_of").await;
    assert_eq!(waits.await.unwrap(), r#"1.0.0 from """#);
    let error = reload.await.unwrap().unwrap_err().to_string();
    let why = format!("`{step}_state` did not finish in time");
    assert!(error.contains(&why), "{error}");
    serves_on(&host).await;
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_waited_for_a_hand_over_that_never_ends_are_answered_by_the_old_one() {
    hangs("save").await;
    hangs("restore").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_does_not_return_keeps_the_old_one_in_its_place() {
    let setup = setup("").tune(|builder| builder.drain_timeout(Duration::from_millis(20)));
    let host = Arc::new(setup.start().await);
    assert_eq!(host.call("count", "").await.unwrap(), "1");
    let file = host.place.path().join("there");
    let (caller, data) = (Arc::clone(&host), file.to_str().unwrap().to_owned());
    let stuck = tokio::spawn(async move {
        let options = TaskOptions::default();
        caller
            .route_apart("count_blocks", data.into(), options)
            .await
    });
    host.until("the call is under way", |host| under_way(host) == 1)
        .await;
    host.place.put("counting_2", FILE);
    let error = host.reload("counting").await.unwrap_err().to_string();
    assert!(
        error.ends_with("1 task(s) of what serves do not end, since their handlers do not return"),
        "{error}"
    );
    serves_on(&host).await;

    std::fs::write(file, "").unwrap();
    let answer = stuck.await.unwrap();
    assert_eq!(answer.unwrap().to_str().unwrap(), "1.0.0");
    assert_eq!(host.reload("counting").await.unwrap(), 3);
    assert_eq!(host.call("count", "").await.unwrap(), "3");
    host.shutdown().await;
}

fn under_way(host: &TestHost) -> usize {
    let routes = host.routes();
    let agents = routes.iter().flat_map(|route| &route.agents);
    agents.map(|agent| agent.in_flight).sum()
}

//! The router as plugins use it: agents and plugins by their names, and routes that they add and remove while they run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentsys_host::{ErrorKind, Payload, PluginOptions, PluginState, RoutePolicy, agent_fn};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::harness::{PATIENCE, Setup, TestHost, logged, options};

fn ask(whom: &str, data: &str) -> Payload {
    Payload::json(json!({ "whom": whom, "data": data }).to_string())
}

async fn asking() -> TestHost {
    Setup::with(&["asks", "echo", "typed", "logs"])
        .plugin("other", PluginOptions::default().library("asks"))
        .start()
        .await
}

#[tokio::test]
async fn a_plugin_sends_to_an_agent_by_its_name() {
    let host = asking().await;
    assert_eq!(
        host.call("ask_agent", ask("echo", "hi")).await.unwrap(),
        "hi"
    );
    let loud = host.call("ask_agent", ask("typed/shout", "hi")).await;
    assert_eq!(loud.unwrap(), "HI");
}

#[tokio::test]
async fn a_plugin_with_a_process_of_its_own_is_still_reached_by_its_name() {
    // `echo` has one route and a `process`; `typed` has several.
    let host = asking().await;
    let answer = host.router().send("echo", "hi").await.unwrap();
    assert_eq!(answer.to_str().unwrap(), "hi");
    let error = host.router().send("typed", "hi").await.unwrap_err();
    assert!(!error.message().contains("plugin:"), "{}", error.message());
}

#[tokio::test]
async fn an_agent_that_is_none_or_stands_on_several_routes_is_an_error_that_names_them() {
    let host = asking().await;
    let error = host.call("ask_agent", ask("ecko", "hi")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.message(),
        "no agent is named \"ecko\"; did you mean \"echo\"?"
    );
    let error = host
        .call("ask_agent", ask("typed", "hi"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.message().contains("typed/shout"),
        "{}",
        error.message()
    );
}

#[tokio::test]
async fn another_plugins_process_is_part_of_the_task_and_inherits_hops_and_deadline() {
    let policy = RoutePolicy::default().timeout(Duration::from_secs(5));
    let host = Setup::with(&["asks"])
        .plugin("other", PluginOptions::default().library("asks"))
        .tune(|builder| builder.route_policy("ask_plugin", policy))
        .start()
        .await;
    let answer = host.call("ask_plugin", ask("other", "hi")).await.unwrap();
    let (seen, left) = answer.rsplit_once(' ').unwrap();
    assert_eq!(seen, "process 1 hi");
    assert!(left.parse::<u128>().unwrap() <= 5_000, "{answer}");

    let apart = host.call("ask_plugin_apart", ask("other", "hi")).await;
    let apart = apart.unwrap();
    let (seen, left) = apart.rsplit_once(' ').unwrap();
    assert_eq!(seen, "process 0 hi");
    assert!(left.parse::<u128>().unwrap() > 5_000, "{apart}");
}

#[tokio::test]
async fn a_plugin_without_a_process_or_that_is_not_there_is_an_error_that_says_so() {
    let host = asking().await;
    for name in ["logs", "gone"] {
        let error = host.call("ask_plugin", ask(name, "hi")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(
            error.message(),
            format!("no plugin {name:?} with a `process` of its own serves")
        );
    }
}

#[tokio::test]
async fn a_process_that_finds_nothing_says_so_in_its_own_words() {
    let host = asking().await;
    let error = host.call("ask_plugin", ask("other", "fail")).await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::NotFound, "there is no report 7")
    );
    let error = host.plugin("other").unwrap().process("fail").await;
    assert_eq!(error.unwrap_err().message(), "there is no report 7");
}

async fn adding(routes: Value) -> TestHost {
    Setup::with(&["adds_routes"])
        .plugin("adds-routes", options(json!({ "routes": routes })))
        .start()
        .await
}

fn names(host: &TestHost) -> BTreeSet<String> {
    host.routes().into_iter().map(|route| route.name).collect()
}

#[tokio::test]
async fn a_route_added_in_initialize_serves_only_once_the_plugin_does() {
    let host = adding(json!(["fresh", "second"])).await;
    assert_eq!(host.call("born", "").await.unwrap(), "1 not_found");
    assert_eq!(host.call("fresh", "hi").await.unwrap(), "fresh hi 1 0");
    assert_eq!(host.call("second", "hi").await.unwrap(), "second hi 1 0");
    let routes = host.routes();
    let route = routes.iter().find(|route| route.name == "fresh").unwrap();
    assert_eq!(route.description, "Names its instance.");
    assert_eq!(route.agents[0].name, "adds-routes");
    assert_eq!(route.agents[0].plugin.as_deref(), Some("adds-routes"));
}

#[tokio::test]
async fn a_route_added_while_the_plugin_runs_serves_at_once_until_it_is_removed() {
    let host = adding(json!([])).await;
    host.call("add", "later").await.unwrap();
    assert_eq!(host.call("later", "hi").await.unwrap(), "later hi 1 0");
    assert_eq!(host.call("remove", "later").await.unwrap(), "[true,false]");
    let error = host.call("later", "hi").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!names(&host).contains("later"));

    host.call("add", "later").await.unwrap();
    assert_eq!(host.call("later", "hi").await.unwrap(), "later hi 1 0");
}

#[tokio::test]
async fn a_route_that_is_there_already_gets_one_more_agent() {
    let host = Setup::with(&["adds_routes", "echo"])
        .plugin("adds-routes", options(json!({ "routes": ["echo"] })))
        .start()
        .await;
    let mut answers = BTreeSet::new();
    for _ in 0..4 {
        answers.insert(host.call("echo", "hi").await.unwrap());
    }
    assert_eq!(answers, ["echo hi 1 0".to_owned(), "hi".to_owned()].into());
    host.call("remove", "echo").await.unwrap();
    host.assert_serves().await;
    host.assert_serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_of_a_route_is_lost_while_one_of_its_agents_comes_and_goes() {
    let host = Setup::with(&["adds_routes", "echo"]).start().await;
    let host = Arc::new(host);
    let done = Arc::new(AtomicBool::new(false));
    let callers = (0..4).map(|_| {
        let (host, done) = (Arc::clone(&host), Arc::clone(&done));
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let answer = host.call("echo", "hi").await.unwrap();
                assert!(answer == "hi" || answer == "echo hi 1 0", "{answer}");
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    for _ in 0..300 {
        host.call("add", "echo").await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(host.call("remove", "echo").await.unwrap(), "[true,false]");
    }
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_a_routes_is_an_error() {
    let host = adding(json!([])).await;
    for name in ["No Route", "", "plugin:echo", "a/b"] {
        let error = host.call("add", name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name:?}");
    }
    let host = adding(json!(["No Route"])).await;
    let reason = host.failure("adds-routes");
    assert!(reason.contains("No Route"), "{reason}");
}

#[tokio::test]
async fn added_routes_go_with_a_poisoned_instance_and_come_again_with_the_fresh_one() {
    let host = adding(json!(["fresh"])).await;
    host.call("add", "by_hand").await.unwrap();
    host.call("panics", "").await.unwrap_err();
    // Waits for the fresh instance.
    assert_eq!(host.call("born", "").await.unwrap(), "2 not_found");
    assert_eq!(host.call("fresh", "hi").await.unwrap(), "fresh hi 2 0");
    let error = host.call("by_hand", "hi").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_panic_in_an_added_handler_poisons_its_instance() {
    let host = adding(json!(["fresh"])).await;
    host.call("add_panic", "explodes").await.unwrap();
    host.call("explodes", "").await.unwrap();
    let error = host.call("explodes", "bang").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    let message = error.message();
    assert!(
        message.starts_with("the handler of route `explodes` panicked at ")
            && message.ends_with(": no way: bang"),
        "{message}"
    );
    assert_eq!(host.call("born", "").await.unwrap(), "2 not_found");
    assert_eq!(host.call("fresh", "hi").await.unwrap(), "fresh hi 2 0");
}

#[tokio::test]
async fn a_call_under_way_finishes_after_its_route_was_removed() {
    let host = Arc::new(adding(json!([])).await);
    let (reached, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gate = {
        let (reached, open) = (Arc::clone(&reached), Arc::clone(&open));
        agent_fn("gate", "Waits.", move |_: Payload| {
            let (reached, open) = (Arc::clone(&reached), Arc::clone(&open));
            async move {
                reached.notify_one();
                open.notified().await;
                Ok("")
            }
        })
    };
    host.router()
        .register_agent("gate", Arc::new(gate))
        .await
        .unwrap();
    host.call("add_waiting", "waits").await.unwrap();
    let calling = {
        let host = Arc::clone(&host);
        tokio::spawn(async move { host.call("waits", "still here").await })
    };
    tokio::time::timeout(PATIENCE, reached.notified())
        .await
        .unwrap();
    assert_eq!(host.call("remove", "waits").await.unwrap(), "[true,false]");
    let error = host.call("waits", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    open.notify_one();
    assert_eq!(calling.await.unwrap().unwrap(), "still here");
}

#[tokio::test]
async fn two_instances_each_add_theirs() {
    let host = Setup::with(&["adds_routes"])
        .plugin(
            "adds-routes",
            options(json!({ "routes": ["fresh"] })).instances(2),
        )
        .start()
        .await;
    let mut answers = BTreeSet::new();
    for _ in 0..4 {
        answers.insert(host.call("fresh", "hi").await.unwrap());
    }
    let both = ["fresh hi 1 0".to_owned(), "fresh hi 2 0".to_owned()];
    assert_eq!(answers, both.into());
    // One of them panics: the other's is still there, and then the fresh one's.
    host.call("panics", "").await.unwrap_err();
    for _ in 0..4 {
        host.call("fresh", "hi").await.unwrap();
    }
}

#[tokio::test]
async fn a_lazy_plugins_routes_come_with_its_first_call() {
    let host = Setup::with(&["adds_routes"])
        .plugin(
            "adds-routes",
            options(json!({ "routes": ["fresh"] })).lazy(true),
        )
        .start()
        .await;
    assert!(!names(&host).contains("fresh"));
    host.call("born", "").await.unwrap();
    assert_eq!(host.call("fresh", "hi").await.unwrap(), "fresh hi 1 0");
}

#[tokio::test]
async fn added_routes_are_gone_when_the_plugin_is() {
    let host = Setup::with(&["adds_routes"])
        .plugin("adds-routes", PluginOptions::default().enabled(false))
        .start()
        .await;
    let options = options(json!({ "routes": ["fresh"] })).library("adds-routes");
    let answer = host
        .with_plugin("guest", options, async |_| host.call("fresh", "hi").await)
        .await
        .unwrap();
    assert_eq!(answer.unwrap(), "fresh hi 1 0");
    assert!(!names(&host).contains("fresh"));
    host.shutdown().await;
    assert!(names(&host).is_empty(), "{:?}", names(&host));
}

#[tokio::test]
async fn a_start_that_fails_leaves_no_route_behind() {
    let host = Setup::with(&["adds_routes", "echo"])
        .plugin(
            "adds-routes",
            options(json!({ "routes": ["fresh"], "most_instances": 1 })).instances(2),
        )
        .start()
        .await;
    let status = host.status("adds-routes");
    assert_eq!(status.state, PluginState::Failed);
    assert_eq!(names(&host), ["echo".to_owned()].into());
}

#[tokio::test]
async fn instances_that_could_not_be_made_leave_no_routes_to_count_against_the_limit() {
    let config = json!({ "most_instances": 1, "more": 6_000 });
    let host = Setup::with(&["adds_routes"])
        .plugin("adds-many", options(config).library("adds-routes"))
        .start()
        .await;
    host.call("panics", "").await.unwrap_err();
    // Three tries, with 18,000 routes in all.
    let said = || logged("adds-many: no fresh instance can take the place");
    let look = async {
        while said().len() < 3 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap();
    for line in said() {
        let line = line.to_string();
        assert!(line.contains("there are enough of them"), "{line}");
    }
}

#[tokio::test]
async fn a_route_may_take_itself_away_and_a_drop_of_its_handler_that_panics_is_caught() {
    let host = Setup::with(&["adds_routes"]).start().await;
    host.call("add_once", "once").await.unwrap();
    let error = host.call("once", "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(
        error.message().ends_with("from the handler's drop"),
        "{error}"
    );
    let error = host.call("once", "b").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    host.call("add", "still").await.unwrap();
}

#[tokio::test]
async fn an_added_handler_runs_in_the_plugins_runtime_also_before_its_future_is_polled() {
    let host = Setup::with(&["adds_routes"]).start().await;
    host.call("add_timed", "timed").await.unwrap();
    assert_eq!(host.call("timed", "in time").await.unwrap(), "in time");
}

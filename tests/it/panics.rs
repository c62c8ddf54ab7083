//! Panics: none crosses the seam, the caller is told what and where, and a fresh instance takes over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agentsys_host::{PluginState, agent_fn};
use agentsys_router::ErrorKind;
use tokio::sync::Notify;

use crate::harness::{PATIENCE, Setup, TestHost, build_to_abort, logged, options};

async fn host() -> TestHost {
    Setup::with(&["misbehaves", "echo"]).start().await
}

#[tokio::test]
async fn a_panic_is_an_error_with_its_words_its_place_and_its_route() {
    let host = host().await;
    let error = host.call("panics", "the sky fell").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    let message = error.message();
    assert!(
        message.starts_with("the handler of route `panics` panicked at "),
        "{message}"
    );
    assert!(message.contains("fixtures/misbehaves.rs:"), "{message}");
    assert!(message.ends_with(": no way: the sky fell"), "{message}");
    assert_eq!(
        (error.route(), error.agent()),
        (Some("panics"), Some("misbehaves"))
    );
    host.assert_serves().await;
}

#[tokio::test]
async fn a_panic_after_an_await_is_the_same() {
    let host = host().await;
    let error = host.call("panics_later", "late").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(
        error.message().ends_with(": no way: late"),
        "{}",
        error.message()
    );
}

#[tokio::test]
async fn a_panic_on_a_thread_of_the_pool_is_the_same() {
    let host = host().await;
    let error = host.call("panics_on_the_pool", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(error.message().ends_with(": no way"), "{}", error.message());
    assert_eq!(host.call("instance", "").await.unwrap(), "2");
}

#[tokio::test]
async fn a_panic_with_a_value_of_the_authors_says_that_it_has_no_message() {
    let host = host().await;
    let error = host.call("panics_with_a_value", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(
        error.message().ends_with(": a panic without a message"),
        "{}",
        error.message()
    );
    host.assert_serves().await;
}

#[tokio::test]
async fn a_panic_whose_value_panics_when_dropped_is_caught() {
    let host = host().await;
    let error = host.call("panics_twice", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert_eq!(host.call("instance", "").await.unwrap(), "2");
}

#[tokio::test]
async fn a_future_that_panics_when_it_is_dropped_is_caught() {
    let host = host().await;
    let given_up = host.call("panics_when_dropped", "");
    assert!(
        tokio::time::timeout(Duration::from_millis(30), given_up)
            .await
            .is_err()
    );
    assert!(!logged("not without a fight").is_empty());
    host.assert_serves().await;
    host.shutdown().await;
    assert_eq!(host.status("misbehaves").reason, None);
}

#[tokio::test]
async fn a_fresh_instance_answers_the_next_call() {
    let host = host().await;
    for number in ["1", "2", "3"] {
        assert_eq!(host.call("instance", "").await.unwrap(), number);
        host.call("panics", "").await.unwrap_err();
    }
    assert_eq!(host.status("misbehaves").state, PluginState::Running);
}

#[tokio::test]
async fn only_the_instance_that_panicked_is_replaced() {
    let setup = Setup::with(&["misbehaves"]);
    let host = setup
        .plugin(
            "misbehaves",
            agentsys_host::PluginOptions::default().instances(2),
        )
        .start()
        .await;
    let mut before = [
        host.call("instance", "").await.unwrap(),
        host.call("instance", "").await.unwrap(),
    ];
    before.sort();
    assert_eq!(before, ["1", "2"]);
    host.call("panics", "").await.unwrap_err();
    let mut after = BTreeSet::new();
    let look = async {
        while !after.contains("3") {
            after.insert(host.call("instance", "").await.unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap();
    for _ in 0..2 {
        after.insert(host.call("instance", "").await.unwrap());
    }
    assert_eq!(after.len(), 2, "{after:?}");
}

#[tokio::test]
async fn calls_under_way_on_an_instance_that_panicked_finish() {
    let host = host().await;
    let (arrived, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gate = {
        let (arrived, open) = (arrived.clone(), open.clone());
        agent_fn("gate", "Opens when told.", move |_| {
            let (arrived, open) = (arrived.clone(), open.clone());
            async move {
                arrived.notify_one();
                open.notified().await;
                Ok("")
            }
        })
    };
    host.router()
        .register_agent("gate", Arc::new(gate))
        .await
        .unwrap();
    let router = host.router().clone();
    let under_way = tokio::spawn(async move { router.route_task("awaits_the_gate", "").await });
    arrived.notified().await;
    host.call("panics", "").await.unwrap_err();
    assert_eq!(host.call("instance", "").await.unwrap(), "2");
    open.notify_one();
    assert_eq!(under_way.await.unwrap().unwrap().to_str().unwrap(), "1");
}

#[tokio::test]
async fn calls_that_come_while_an_instance_is_replaced_are_all_answered() {
    let host = host().await;
    let calls = (0..300).map(|number| {
        let router = host.router().clone();
        let route = if number % 100 == 50 {
            "panics_later"
        } else {
            "instance"
        };
        tokio::spawn(async move { (route, router.route_task(route, "").await) })
    });
    for call in futures_util::future::join_all(calls).await {
        match call.unwrap() {
            ("instance", answer) => drop(answer.unwrap()),
            (_, answer) => assert_eq!(answer.unwrap_err().kind(), ErrorKind::Panicked),
        }
    }
}

#[tokio::test]
async fn where_no_fresh_instance_can_be_made_callers_are_told_why() {
    let setup = Setup::with(&["misbehaves", "echo"]);
    let only_one = options(serde_json::json!({ "most_instances": 1 }));
    let host = setup.plugin("misbehaves", only_one).start().await;
    host.call("panics", "").await.unwrap_err();
    let error = host.call("instance", "").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Unavailable, true)
    );
    assert_eq!(
        error.message(),
        "misbehaves panicked, and no fresh instance can take its place yet: \
         `initialize` failed: there are enough of them"
    );
    assert_eq!(host.failure("misbehaves"), error.message());
    host.assert_serves().await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_panic_of_a_nested_task_does_not_poison_the_one_that_asked() {
    let host = Setup::with(&["nests", "misbehaves"]).start().await;
    let error = host.call("forwards_to", "panics").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(
        !logged("an instance panicked and is being replaced")
            .iter()
            .any(|line| { line["fields"]["plugin"] == "nests" })
    );
}

#[tokio::test]
async fn a_drop_that_panics_is_logged() {
    let host = Setup::with(&["drop_panics", "echo"]).start().await;
    host.shutdown().await;
    assert_eq!(host.status("drop_panics").state, PluginState::Stopped);
    assert!(!logged("dropping the plugin panicked: it would not go").is_empty());
}

#[test]
fn a_plugin_that_would_abort_where_it_panics_does_not_build() {
    let errors = build_to_abort();
    let line = "a plugin is built with panic = \"unwind\": an abort would end the host with it";
    assert!(errors.contains(line), "{errors}");
}

#[tokio::test]
async fn an_instance_that_panics_when_nobody_waits_any_more_is_replaced_too() {
    let host = host().await;
    let caller = host.call("panics_when_cancelled", "");
    let gone = tokio::time::timeout(Duration::from_millis(50), caller).await;
    assert!(gone.is_err(), "it goes on until its caller is gone");
    let replaced = async { while host.call("instance", "").await.unwrap() != "2" {} };
    tokio::time::timeout(PATIENCE, replaced).await.unwrap();
}

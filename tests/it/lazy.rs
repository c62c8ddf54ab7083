//! Lazy plugins: initialized by their first call, and by that alone.

use std::time::Duration;

use agentsys_host::{Host, HostBuilder, PluginOptions, PluginState};
use futures_util::future::join_all;
use serde_json::json;

use crate::player::{Stage, bare, on_this_runtime, part, status, tell};

async fn host_with(builder: HostBuilder, options: PluginOptions) -> Host {
    let builder = builder.linked(part("p", "1.0.0", &[]));
    let builder = builder.plugin_options("p", options.lazy(true));
    builder.build().await.unwrap()
}

/// The states through which `p` went, from its first.
fn states(host: &Host) -> Vec<PluginState> {
    let mut events = host.events();
    let events = std::iter::from_fn(|| events.try_next());
    events.map(|event| event.to).collect()
}

use PluginState::{Discovered, Draining, Failed, Initializing, Loaded, Running, Stopped};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_first_calls_at_once_initialize_it_once_and_are_all_answered() {
    let stage = Stage::new();
    let host = host_with(bare(), stage.plays()).await;
    assert_eq!(status(&host, "p").state, Loaded);
    assert_eq!(stage.lines(), [""; 0]);
    let calls = (0..100).map(|number| {
        let host = host.clone();
        tokio::spawn(async move { tell(&host, "p", &number.to_string()).await })
    });
    for (number, answer) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(answer.unwrap().unwrap(), format!("p says {number}"));
    }
    assert_eq!(stage.lines(), ["p initialized"]);
    assert_eq!(states(&host), [Discovered, Loaded, Initializing, Running]);
    host.shutdown().await;
    assert_eq!(
        stage.lines(),
        ["p initialized", "p cleaned up", "p dropped"]
    );
}

#[tokio::test]
async fn calls_that_come_while_it_is_initialized_wait_for_that() {
    let stage = Stage::new();
    let host = host_with(bare(), stage.acts(json!({ "waits_from": 1 }))).await;
    let calls = (0..20).map(|_| tell(&host, "p", "hi"));
    let opening = async {
        stage.wait_for("p waits").await;
        assert_eq!(status(&host, "p").state, Initializing);
        stage.open();
    };
    let (answers, ()) = tokio::join!(join_all(calls), opening);
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_deref() == Ok("p says hi"))
    );
    assert_eq!(stage.lines(), ["p waits", "p initialized"]);
    host.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn where_initializing_it_fails_calls_are_refused_with_the_cause_and_a_later_one_tries_again()
{
    let stage = Stage::new();
    let options = stage
        .acts(json!({ "fails": 1, "timed": true }))
        .retry_count(0);
    let host = host_with(on_this_runtime(), options).await;
    let refused = "p cannot be initialized: `initialize` failed: no luck (1)";
    assert_eq!(tell(&host, "p", "hi").await.unwrap_err(), refused);
    assert_eq!(status(&host, "p").state, Failed);
    assert_eq!(
        status(&host, "p").reason.as_deref(),
        Some("`initialize` failed: no luck (1)")
    );
    // At once is too soon: a caller that asks without end must not keep it initializing.
    assert_eq!(tell(&host, "p", "hi").await.unwrap_err(), refused);
    assert_eq!(stage.lines(), ["p tries at 0 s"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(tell(&host, "p", "hi").await.unwrap(), "p says hi");
    assert_eq!(status(&host, "p").state, Running);
    assert_eq!(status(&host, "p").reason, None);
    let through = [
        Discovered,
        Loaded,
        Initializing,
        Failed,
        Initializing,
        Running,
    ];
    assert_eq!(states(&host), through);
    host.shutdown().await;
}

#[tokio::test]
async fn a_lazy_plugin_that_was_never_called_is_closed_without_having_been_initialized() {
    let stage = Stage::new();
    let host = host_with(bare(), stage.plays()).await;
    host.shutdown().await;
    assert_eq!(stage.lines(), [""; 0]);
    assert_eq!(states(&host), [Discovered, Loaded, Draining, Stopped]);
    assert!(host.routes().is_empty());
}

#[tokio::test]
async fn a_lazy_plugin_is_asked_about_its_config_when_it_is_loaded() {
    let stage = Stage::new();
    let host = host_with(bare(), stage.acts(json!({ "fails": "often" }))).await;
    assert_eq!(states(&host), [Discovered, Loaded, Failed]);
    let reason = status(&host, "p").reason.unwrap();
    assert!(reason.contains("plugins.p.config.fails"), "{reason}");
    host.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn of_two_instances_one_that_can_be_made_serves_though_the_other_could_not() {
    let stage = Stage::new();
    let options = stage.acts(json!({ "fails": 1, "waits_from": 2 }));
    let options = options.instances(2).retry_count(0);
    let host = host_with(on_this_runtime(), options).await;
    let second = async {
        stage.wait_for("p waits").await;
        stage.open();
    };
    let (first, answer, ()) = tokio::join!(tell(&host, "p", "1"), tell(&host, "p", "2"), second);
    assert!(first.unwrap_err().contains("no luck (1)"));
    assert_eq!(answer.unwrap(), "p says 2");
    assert_eq!(status(&host, "p").state, Running);
    host.shutdown().await;
    assert_eq!(status(&host, "p").state, Stopped);
}

#[tokio::test]
async fn those_that_need_a_lazy_plugin_start_before_it_is_initialized() {
    let stage = Stage::new();
    let host = bare()
        .linked(part("p", "1.0.0", &[]))
        .linked(part("q", "1.0.0", &["p"]))
        .plugin_options("p", stage.plays().lazy(true))
        .plugin_options("q", stage.plays())
        .build()
        .await
        .unwrap();
    assert_eq!(stage.lines(), ["q initialized"]);
    host.shutdown().await;
}

//! What is counted of each plugin without its doing, and what plugins count and measure themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use agentsys_host::{CallMetrics, Metric, PluginMetrics, PluginOptions, RoutePolicy, Summary};
use futures_util::future::join_all;

use crate::harness::{Setup, TestHost, logged};

impl TestHost {
    /// The figures of a plugin.
    fn figures(&self, plugin: &str) -> PluginMetrics {
        let mut all = self.metrics().plugins.into_iter();
        all.find(|metrics| metrics.plugin == plugin).unwrap()
    }

    fn calls(&self, plugin: &str) -> CallMetrics {
        self.figures(plugin).calls
    }
}

async fn measures() -> TestHost {
    Setup::with(&["measures"]).start().await
}

fn histogram(figures: &PluginMetrics, name: &str) -> Summary {
    match figures.metric(name) {
        Some(Metric::Histogram(summary)) => summary.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

#[tokio::test]
async fn counters_gauges_and_histograms_say_what_the_plugin_measured() {
    let host = measures().await;
    host.call("sets", "[7.5, -2.0]").await.unwrap();
    host.call("records", "[1.0, 2.0, 3.0]").await.unwrap();
    host.call("records", "[4.0]").await.unwrap();
    for _ in 0..3 {
        host.call("counts", "").await.unwrap();
    }
    let figures = host.figures("measures");
    assert_eq!(figures.metric("counted"), Some(&Metric::Counter(3.0)));
    assert_eq!(figures.metric("starts"), Some(&Metric::Counter(1.0)));
    assert_eq!(figures.metric("level"), Some(&Metric::Gauge(5.5)));
    let sizes = histogram(&figures, "sizes");
    assert_eq!(
        (sizes.count, sizes.sum, sizes.min, sizes.max),
        (4, 10.0, Some(1.0), Some(4.0))
    );
}

#[tokio::test]
async fn what_is_measured_is_measured_also_where_the_handler_fails() {
    let host = measures().await;
    host.call("measured", "false").await.unwrap();
    host.call("measured", "true").await.unwrap_err();
    let took = histogram(&host.figures("measures"), "process_time");
    assert_eq!(took.count, 2);
    assert!(took.min.unwrap() >= 0.0 && took.max.unwrap() < 60.0);
}

#[tokio::test]
async fn a_name_that_is_none_or_is_taken_is_measured_nowhere_and_logged_once() {
    let host = Setup::with(&["measures"])
        .plugin(
            "names-metrics",
            PluginOptions::default().library("measures"),
        )
        .start()
        .await;
    host.call("sets", "[1.0, 1.0]").await.unwrap();
    for name in ["Rows!", "level", "Rows!", "level", "rows"] {
        host.call("counts_as", name).await.unwrap();
    }
    let figures = host.figures("names-metrics");
    let names: Vec<&str> = figures.metrics.keys().map(String::as_str).collect();
    assert_eq!(names, ["level", "rows", "starts"]);
    let said: Vec<String> = logged("names-metrics measures in vain")
        .iter()
        .map(|line| line["fields"]["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        said,
        [
            "names-metrics measures in vain: \"Rows!\" is no name for a metric: 1 to 64 of a to z, 0 to 9 and _",
            "names-metrics measures in vain: level is measured as another kind already",
        ]
    );
}

#[tokio::test]
async fn plugins_of_one_library_have_figures_of_their_own() {
    let uses = || PluginOptions::default().library("measures");
    let host = Setup::with(&["measures"])
        .plugin("one", uses())
        .plugin("two", uses())
        .start()
        .await;
    host.router().send("one/counts", "").await.unwrap();
    assert_eq!(
        host.figures("one").metric("counted"),
        Some(&Metric::Counter(1.0))
    );
    assert_eq!(host.figures("two").metric("counted"), None);
    assert_eq!((host.calls("one").calls, host.calls("two").calls), (1, 0));
}

#[tokio::test]
async fn errors_are_counted_by_kind_without_the_plugins_doing() {
    let quick = RoutePolicy::default()
        .timeout(Duration::from_millis(30))
        .retry_count(0);
    let host = Setup::with(&["misbehaves", "typed", "nests"])
        .tune(|builder| {
            builder
                .route_policy("awaits", quick.clone())
                .route_policy("never_returns_on_the_pool", quick)
        })
        .start()
        .await;
    for _ in 0..3 {
        host.call("fails", "").await.unwrap_err();
    }
    host.call("panics", "x").await.unwrap_err();
    host.call("awaits", "").await.unwrap_err();
    host.call("instance", "").await.unwrap();
    let expected = [("failed", 3), ("panicked", 1), ("timeout", 1)];
    assert_eq!(host.calls("misbehaves").errors, BTreeMap::from(expected));
    assert_eq!(host.calls("misbehaves").calls, 6);

    // One on the pool is given up as well, though it never ends.
    host.call("never_returns_on_the_pool", "")
        .await
        .unwrap_err();
    assert_eq!(host.calls("misbehaves").errors["timeout"], 2);
    assert_eq!(host.calls("misbehaves").calls, 7);

    host.call("total", "{}").await.unwrap_err();
    host.call("total_later", "[]").await.unwrap_err();
    let expected = [("invalid_input", 2)];
    assert_eq!(host.calls("typed").errors, BTreeMap::from(expected));
    assert_eq!(host.calls("nests").calls, 0);
}

#[tokio::test]
async fn a_call_that_its_caller_gives_up_is_counted_as_cancelled() {
    let host = Setup::with(&["misbehaves"]).start().await;
    for route in ["awaits", "until_cancelled"] {
        let mut call = Box::pin(host.router().route_task(route, ""));
        assert!(futures_util::poll!(&mut call).is_pending());
        drop(call);
    }
    assert_eq!(host.calls("misbehaves").errors["cancelled"], 2);
}

#[tokio::test]
async fn a_full_pool_is_counted_as_overloaded() {
    let once = RoutePolicy::default().retry_count(0);
    let host = Setup::with(&["misbehaves"])
        .tune(|builder| builder.route_policy("until_cancelled", once))
        .start()
        .await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut call = Box::pin(host.router().route_task("until_cancelled", ""));
        assert!(futures_util::poll!(&mut call).is_pending());
        held.push(call);
    }
    let error = host.call("until_cancelled", "").await.unwrap_err();
    assert_eq!(error.kind().as_str(), "overloaded");
    let expected = [("overloaded", 1)];
    assert_eq!(host.calls("misbehaves").errors, BTreeMap::from(expected));
    assert_eq!(host.calls("misbehaves").calls, 3);
}

#[tokio::test]
async fn each_try_of_a_task_is_a_call_of_its_plugin() {
    let policy = RoutePolicy::default().retry_count(2);
    let host = Setup::with(&["misbehaves"])
        .tune(|builder| builder.route_policy("fails_for_now", policy))
        .start()
        .await;
    host.call("fails_for_now", "").await.unwrap_err();
    let calls = host.calls("misbehaves");
    assert_eq!((calls.calls, calls.errors["unavailable"]), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_calls_at_once_are_counted_exactly() {
    let policy = RoutePolicy::default()
        .timeout(Duration::from_secs(600))
        .max_concurrent(64);
    let host = Setup::with(&["measures"])
        .tune(|builder| builder.default_policy(policy))
        .start()
        .await;
    let callers = (0..10_000).map(|call| {
        let router = host.router().clone();
        tokio::spawn(async move {
            match call % 10 {
                0 => router.route_task("measured", "true").await,
                1 => router.route_task("measured", "false").await,
                _ => router.route_task("counts", "").await,
            }
        })
    });
    let answers = join_all(callers).await;
    let failed = answers.iter().filter(|answer| {
        let answer = answer.as_ref().unwrap();
        answer.is_err()
    });
    assert_eq!(failed.count(), 1_000);
    let figures = host.figures("measures");
    assert_eq!(figures.calls.calls, 10_000);
    assert_eq!(figures.calls.errors, [("failed", 1_000)].into());
    assert_eq!(figures.metric("counted"), Some(&Metric::Counter(8_000.0)));
    assert_eq!(histogram(&figures, "process_time").count, 2_000);
    // All that were answered later were timed, and of the others some.
    let timed = figures.calls.latency.count;
    assert!((8_000..=10_000).contains(&timed), "{timed}");
}

#[tokio::test]
async fn figures_survive_the_replacement_of_a_poisoned_instance() {
    let host = measures().await;
    host.call("counts", "").await.unwrap();
    host.call("panics", "").await.unwrap_err();
    host.call("counts", "").await.unwrap();
    let figures = host.figures("measures");
    assert_eq!(figures.metric("starts"), Some(&Metric::Counter(2.0)));
    assert_eq!(figures.metric("counted"), Some(&Metric::Counter(3.0)));
    assert_eq!(figures.calls.calls, 3);
    assert_eq!(figures.calls.errors, [("panicked", 1)].into());
}

#[tokio::test]
async fn calls_of_added_routes_and_of_process_are_counted_too() {
    let host = Setup::with(&["adds_routes", "typed"]).start().await;
    host.call("add", "later").await.unwrap();
    host.call("later", "hi").await.unwrap();
    assert_eq!(host.calls("adds-routes").calls, 2);
    host.plugin("typed").unwrap().process("x").await.unwrap();
    assert_eq!(host.calls("typed").calls, 1);
}

#[tokio::test]
async fn a_nested_call_counts_for_its_own_plugin() {
    let host = Setup::with(&["nests", "echo"]).start().await;
    host.call("forwards", "x").await.unwrap();
    assert_eq!(
        (host.calls("nests").calls, host.calls("echo").calls),
        (1, 1)
    );
}

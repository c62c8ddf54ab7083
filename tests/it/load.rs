//! Many calls at once.

use agentsys_host::{Payload, PluginOptions, RoutePolicy};
use futures_util::future::join_all;

use crate::harness::Setup;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_concurrent_calls_over_two_instances_are_each_answered_right() {
    let host = Setup::with(&["typed"])
        .plugin("typed", PluginOptions::default().instances(2))
        .tune(|builder| builder.default_policy(RoutePolicy::default().max_concurrent(64)))
        .start()
        .await;
    let calls = (0..10_000_u32).map(|number| {
        let router = host.router().clone();
        let (route, lines) = (
            ["total", "total_later"][number as usize % 2],
            number % 5 + 1,
        );
        tokio::spawn(async move {
            let lines: Vec<_> = (0..lines)
                .map(|line| serde_json::json!({ "amount": number, "price": line }))
                .collect();
            let order = serde_json::json!({ "lines": lines }).to_string();
            let answer = router
                .route_task(route, Payload::json(order))
                .await
                .unwrap();
            let answer: serde_json::Value = serde_json::from_slice(answer.bytes()).unwrap();
            let prices: u32 = (0..u32::try_from(lines.len()).unwrap()).sum();
            assert_eq!(answer["total"], number * prices, "call {number}");
            answer["before"].as_u64().unwrap()
        })
    });
    let mut before: Vec<_> = join_all(calls)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    before.sort_unstable();
    assert!(before.into_iter().eq(0..10_000), "each call ran once");
    host.shutdown().await;
}

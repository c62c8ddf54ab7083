//! Which agent the strategy prefers, and what its config may be.

#![allow(clippy::unwrap_used, reason = "tests")]

use agentsys_plugin::testing::{TestAgent, TestHost, agents};
use priority_strategy::{Config, PriorityStrategy};
use serde_json::{Value, json};

/// The name of the preferred one of agents with that priority and so many tasks under way.
fn preferred(config: Value, all: &[(&str, Option<&str>, u64)]) -> Option<String> {
    let config: Config = serde_json::from_value(config).unwrap();
    let agents = agents(all.iter().map(|(name, priority, in_flight)| {
        let agent = TestAgent::new(*name).in_flight(*in_flight);
        match priority {
            Some(priority) => agent.label("priority", *priority),
            None => agent,
        }
    }));
    let preferred = config.preferred(&agents)?;
    Some(preferred.name().to_owned())
}

#[test]
fn the_highest_priority_comes_first_however_busy_and_then_the_least_busy() {
    let all = [
        ("plain", None, 0),
        ("high", Some("10"), 7),
        ("also high", Some("10"), 6),
        ("low", Some("9"), 0),
    ];
    assert_eq!(preferred(json!({}), &all).as_deref(), Some("also high"));
    let all = [("first", Some("1"), 3), ("second", Some("1"), 3)];
    assert_eq!(preferred(json!({}), &all).as_deref(), Some("first"));
    assert_eq!(preferred(json!({}), &[]), None);
}

#[test]
fn an_agent_without_a_number_stands_between_those_above_and_below_zero() {
    let all = [
        ("below", Some("-1"), 0),
        ("unlabelled", None, 5),
        ("no number", Some("high"), 4),
    ];
    assert_eq!(preferred(json!({}), &all).as_deref(), Some("no number"));
}

#[test]
fn an_agent_with_enough_to_do_leaves_the_rest_to_others_until_they_have_enough_too() {
    let spill = json!({ "spill_at": 2 });
    let prefer = |high, low| {
        let all = [("high", Some("1"), high), ("low", None, low)];
        preferred(spill.clone(), &all)
    };
    assert_eq!(prefer(1, 0).as_deref(), Some("high"));
    assert_eq!(prefer(2, 0).as_deref(), Some("low"));
    assert_eq!(prefer(9, 2).as_deref(), Some("high"));
}

#[tokio::test]
async fn a_label_without_a_name_and_a_spill_at_nothing_are_refused() {
    for config in [json!({ "label": "" }), json!({ "spill_at": 0 })] {
        let started = TestHost::of::<PriorityStrategy>().config(config).start();
        assert!(started.await.is_err());
    }
    let host = TestHost::of::<PriorityStrategy>().start().await.unwrap();
    host.cleanup().await.unwrap();
}

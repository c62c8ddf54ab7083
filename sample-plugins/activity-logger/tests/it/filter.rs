//! What is written, and what is not.

use activity_logger::{Filter, Level};
use serde_json::{Value, json};

use crate::support::config;

const ALL: [Level; 5] = [
    Level::Trace,
    Level::Debug,
    Level::Info,
    Level::Warn,
    Level::Error,
];

/// The levels of `agent` that pass.
fn passing(json: Value, agent: &str) -> Vec<Level> {
    let filter = Filter::new(&config(json));
    ALL.into_iter()
        .filter(|level| filter.passes(agent, *level))
        .collect()
}

#[test]
fn info_and_more_passes_by_default() {
    assert_eq!(passing(json!({}), "a"), ALL[2..]);
}

#[test]
fn each_level_lets_itself_and_more_through() {
    for (index, name) in ["trace", "debug", "info", "warn", "error"]
        .iter()
        .enumerate()
    {
        assert_eq!(passing(json!({"log_level": name}), "a"), ALL[index..]);
    }
}

#[test]
fn only_the_named_agents_pass() {
    let config = json!({"agents": ["a", "b"]});
    assert_eq!(passing(config.clone(), "a"), ALL[2..]);
    assert_eq!(passing(config.clone(), "c"), []);
    assert_eq!(passing(config, "A"), []);
}

#[test]
fn an_ignored_agent_does_not_pass_even_if_it_is_named() {
    let config = json!({"agents": ["a", "b"], "ignore_agents": ["b"], "levels": {"b": "trace"}});
    assert_eq!(passing(config.clone(), "a"), ALL[2..]);
    assert_eq!(passing(config, "b"), []);
    assert_eq!(passing(json!({"ignore_agents": ["b"]}), "a"), ALL[2..]);
}

#[test]
fn a_level_of_its_own_lets_an_agent_say_more_or_less() {
    let config = json!({"log_level": "warn", "levels": {"new": "trace", "loud": "error"}});
    assert_eq!(passing(config.clone(), "new"), ALL);
    assert_eq!(passing(config.clone(), "loud"), ALL[4..]);
    assert_eq!(passing(config, "other"), ALL[3..]);
}

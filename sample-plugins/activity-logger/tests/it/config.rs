//! Options, their defaults, and what is refused before anything starts.

use activity_logger::{Activity, Config, Format, Level, LineFormat, Rotation, Trouble};
use agentsys_plugin::PluginConfig;
use serde_json::{Value, json};

use crate::support::config;

/// The keys whose values are refused, each with the reason.
fn problems(json: Value) -> Vec<(String, String)> {
    let config: Config = serde_json::from_value(json).unwrap();
    let problems = config.problems().into_iter();
    problems
        .map(|problem| {
            let key = problem.path[0].as_str().unwrap().to_owned();
            (key, problem.message)
        })
        .collect()
}

fn assert_refused(json: Value, key: &str, reason: &str) {
    let problems = problems(json);
    let [(found, message)] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    assert_eq!(found, key);
    assert!(message.ends_with(reason), "{message}");
}

#[test]
fn every_option_has_a_default() {
    let config = config(json!({}));
    assert_eq!(config.log_file, None);
    assert_eq!(
        (config.log_level, config.format),
        (Level::Info, Format::Text)
    );
    assert_eq!(config.log_format, "{time} {level} {message}");
    let expected = Rotation {
        size: None,
        daily: false,
        keep: 7,
    };
    assert_eq!(Rotation::new(&config), expected);
    assert!(config.agents.is_empty() && config.ignore_agents.is_empty());
    assert!(config.levels.is_empty());
}

#[test]
fn a_value_that_is_not_allowed_is_refused_by_name() {
    assert_refused(
        json!({"log_format": "{time} {who}"}),
        "log_format",
        "the placeholder {who} is unknown; known are {time}, {level}, {agent}, {activity}, {error}, {kind}, {causes}, {details}, {message}",
    );
    assert_refused(
        json!({"log_file": ""}),
        "log_file",
        "the path is empty; name a file, or leave it out for standard error",
    );
    let both = problems(json!({"rotate_size": 0, "keep_files": 0}));
    let keys: Vec<&str> = both.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["rotate_size", "keep_files"]);
}

#[test]
fn a_config_that_is_allowed_makes_a_format() {
    for json in [
        json!({}),
        json!({"format": "json"}),
        json!({"log_format": "{{{agent}}}"}),
    ] {
        assert!(LineFormat::new(&config(json)).is_ok());
    }
}

#[test]
fn an_unknown_option_or_level_is_refused() {
    for json in [
        json!({"log_fil": "x"}),
        json!({"log_level": "loud"}),
        json!({"format": "xml"}),
    ] {
        assert!(serde_json::from_value::<Config>(json).is_err());
    }
}

#[test]
fn an_entry_with_a_misspelt_key_is_refused() {
    let activity = json!({"agent": "a", "activity": "x", "detials": 1});
    assert!(serde_json::from_value::<Activity>(activity).is_err());
    let trouble = json!({"agent": "a", "error": "x", "cause": "y"});
    assert!(serde_json::from_value::<Trouble>(trouble).is_err());
    assert!(serde_json::from_value::<Activity>(json!({"activity": "x"})).is_err());
}

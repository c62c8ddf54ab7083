//! What a loaded configuration can say later: places of problems, warnings, and checks of what code made.

use std::path::PathBuf;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use super::load;
use crate::config::{Config, Loaded, Origin, PluginSection, Sources};

#[test]
fn a_problem_found_later_is_placed_at_the_nearest_thing_known() {
    let loaded = load("[plugins.x]\nlazy = true\n[plugins.x.config]\nrows = [1, 9]");
    let problem = |path: &[&str]| loaded.problem(path, "must be at most 5").to_string();
    assert_snapshot!(problem(&["plugins", "x", "config", "rows", "1"]), @"agentsys.toml:4:12: plugins.x.config.rows.1: must be at most 5");
    assert_snapshot!(problem(&["plugins", "x", "config", "columns"]), @"agentsys.toml:3:1: plugins.x.config.columns: must be at most 5");
    assert_snapshot!(problem(&["plugins", "y"]), @"agentsys.toml:1:2: plugins.y: must be at most 5");
    assert_snapshot!(loaded.problem(&[], "no plugin\n\n  is enabled"), @"no plugin; is enabled");
}

#[test]
fn a_problem_of_a_plugin_is_placed_at_the_variable_that_cannot_have_its_dash() {
    let sources = Sources::new().environment([
        ("AGENTSYS_PLUGINS__ACTIVITY_LOGGER__LAZY", "true"),
        ("AGENTSYS_PLUGINS__REPORT_AGENT__CONFIG__BAD", "x"),
    ]);
    let loaded = sources.load().unwrap();
    let path = ["plugins", "report-agent", "config", "bad"];
    assert_snapshot!(loaded.problem(&path, "is unknown"), @"environment AGENTSYS_PLUGINS__REPORT_AGENT__CONFIG__BAD: plugins.report-agent.config.bad: is unknown");
}

#[test]
fn a_pause_that_the_end_cuts_off_is_a_warning() {
    let loaded = load("[host]\ndrain_timeout = 60");
    assert_snapshot!(loaded.warnings[0], @"agentsys.toml:2:17: host.drain_timeout (60s) is longer than host.shutdown_timeout (30s), which ends the wait");
    assert_eq!(loaded.warnings.len(), 1);
    assert_eq!(load("").warnings, []);
}

#[test]
fn nothing_at_all_is_the_defaults() {
    let loaded = load("");
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.files, [PathBuf::from("agentsys.toml")]);
    assert_eq!(loaded.origin(&["router", "timeout"]), Origin::Default);
}

#[test]
fn a_config_made_in_code_has_code_as_its_origin() {
    let loaded = Loaded::from(Config::default());
    assert_eq!(loaded.origin(&["router", "timeout"]), Origin::Code);
    assert_eq!(loaded.validate(&[]), Ok(()));
    assert_snapshot!(loaded.problem(&["plugins", "x"], "is unknown"), @"plugins.x: is unknown");
}

#[test]
fn a_config_made_in_code_is_held_to_the_same_bounds() {
    let mut config = Config::default();
    config.router.timeout = Duration::ZERO;
    config.router.strategy = "priority".to_owned();
    config.host.shutdown_timeout = Duration::MAX;
    config.storage.max_size = usize::MAX;
    let mut plugin = PluginSection {
        instances: 0,
        ..PluginSection::default()
    };
    plugin.config.insert("a".to_owned(), json!([null]));
    plugin
        .config
        .insert("b".to_owned(), json!({ "c": u64::MAX }));
    config.plugins.insert("Echo".to_owned(), plugin);
    let errors = Loaded::from(config)
        .validate(&["priority".to_owned()])
        .expect_err("it is wrong");
    assert_snapshot!(errors, @r#"
    "Echo" is no name for a plugin: write it with a-z, 0-9, _ and - only
    host.shutdown_timeout is 1.8446744073709552e+19: it is longer than a year; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    plugins.Echo.config.a.0 is null, which TOML cannot hold; leave it out
    plugins.Echo.config.b.c is too large; write a number that a signed integer of 64 bits holds
    plugins.Echo.instances is 0; write a whole number from 1 to 1024
    router.timeout is 0: it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    storage.max_size is 18446744073709551615; write a whole number from 1 to 1000000000
    "#);
}

#[test]
fn what_code_changed_after_loading_is_checked_with_the_places_of_the_file() {
    let mut loaded = load("[plugins.echo]\ninstances = 2");
    loaded
        .config
        .plugins
        .get_mut("echo")
        .expect("it is there")
        .instances = 0;
    assert_snapshot!(loaded.validate(&[]).expect_err("it is wrong"), @"agentsys.toml:2:13: plugins.echo.instances is 0; write a whole number from 1 to 1024");
}

//! Which layer wins, and what the environment and the command line may say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use super::{errors, load};
use crate::config::{Loaded, Origin, Sources, render};

const FILE: &str = r#"
[router]
timeout = 1
retry_count = 1
max_concurrent = 1
max_hops = 1
[plugins.activity-logger.config]
level = "info"
[router.routes."Analyze data"]
timeout = 1
"#;

fn with(variables: &[(&str, &str)]) -> Loaded {
    file()
        .environment(variables.to_vec())
        .load()
        .expect("it is right")
}

fn wrong(variables: &[(&str, &str)]) -> String {
    errors(file().environment(variables.to_vec()))
}

fn file() -> Sources {
    Sources::new().text("agentsys.toml", FILE)
}

#[test]
fn defaults_yield_to_files_to_the_environment_to_the_command_line() {
    let loaded = Sources::new()
        .set("router.retry_count", "4")
        .environment([
            ("AGENTSYS_ROUTER__MAX_CONCURRENT", "3"),
            ("AGENTSYS_ROUTER__RETRY_COUNT", "3"),
        ])
        .text("first.toml", FILE)
        .text("second.toml", "[router]\nmax_hops = 2\nretry_count = 2")
        .load()
        .expect("it is right");
    let router = &loaded.config.router;
    assert_eq!(router.strategy, "round_robin");
    assert_eq!(router.timeout, Duration::from_secs(1));
    assert_eq!(
        (router.max_hops, router.max_concurrent, router.retry_count),
        (2, 3, 4)
    );
    let origin = |key| loaded.origin(&["router", key]).to_string();
    assert_eq!(origin("strategy"), "default");
    assert_eq!(origin("timeout"), "first.toml:3:11");
    assert_eq!(origin("max_hops"), "second.toml:2:12");
    assert_eq!(
        origin("max_concurrent"),
        "environment AGENTSYS_ROUTER__MAX_CONCURRENT"
    );
    assert_eq!(
        origin("retry_count"),
        "command line --set router.retry_count"
    );
}

#[test]
fn a_list_is_replaced_as_a_whole() {
    let loaded = Sources::new()
        .text("agentsys.toml", "[host]\nplugin_dirs = [\"a\", \"b\"]")
        .value("host.plugin_dirs", json!(["c"]), "--plugins")
        .load()
        .expect("it is right");
    assert_eq!(loaded.config.host.plugin_dirs, ["c"].map(PathBuf::from));
    let option = || Origin::CommandLine {
        option: "--plugins".to_owned(),
    };
    assert_eq!(loaded.origin(&["host", "plugin_dirs"]), option());
    assert_eq!(loaded.origin(&["host", "plugin_dirs", "0"]), option());
    assert_eq!(
        loaded.origin(&["host", "plugin_dirs", "1"]),
        Origin::Default
    );
}

#[test]
fn a_variable_holds_a_value_of_toml_or_else_text() {
    let loaded = with(&[
        ("AGENTSYS_ROUTER__TIMEOUT", "500ms"),
        ("AGENTSYS_HOST__PLUGIN_DIRS", r#"["a", "b"]"#),
        ("AGENTSYS_PLUGINS__ECHO__LIBRARY", "5"),
        ("AGENTSYS_PLUGINS__ECHO__CONFIG", "{ a = true, b = 2.5 }"),
        ("AGENTSYS_PLUGINS__ECHO__CONFIG__C", "nan"),
    ]);
    assert_eq!(loaded.config.router.timeout, Duration::from_millis(500));
    assert_eq!(
        loaded.config.host.plugin_dirs,
        ["a", "b"].map(PathBuf::from)
    );
    let echo = &loaded.config.plugins["echo"];
    assert_eq!(echo.library.as_deref(), Some("5"));
    assert_eq!(
        json!(echo.config),
        json!({ "a": true, "b": 2.5, "c": "nan" })
    );
}

#[test]
fn a_variable_finds_the_names_that_the_file_has() {
    let loaded = with(&[
        ("AGENTSYS_PLUGINS__ACTIVITY_LOGGER__ENABLED", "false"),
        ("AGENTSYS_PLUGINS__ACTIVITY_LOGGER__CONFIG__LEVEL", "debug"),
        ("AGENTSYS_ROUTER__ROUTES__ANALYZE_DATA__TIMEOUT", "9"),
        ("AGENTSYS_PLUGINS__NEW_ONE__LAZY", "true"),
    ]);
    let logger = &loaded.config.plugins["activity-logger"];
    assert!(!logger.enabled);
    assert_eq!(logger.config["level"], "debug");
    let route = &loaded.config.router.routes["Analyze data"];
    assert_eq!(route.timeout, Some(Duration::from_secs(9)));
    assert!(loaded.config.plugins["new_one"].lazy);
    assert_eq!(loaded.config.plugins.len(), 2);
}

#[test]
fn a_name_with_two_underscores_is_found_too() {
    let loaded = Sources::new()
        .text("agentsys.toml", "[plugins.a__b]\n[plugins.a]")
        .environment([("AGENTSYS_PLUGINS__A__B__LAZY", "true")])
        .load()
        .expect("it is right");
    assert!(loaded.config.plugins["a__b"].lazy);
    assert!(!loaded.config.plugins["a"].lazy);
}

#[test]
fn a_mistake_in_a_variable_has_its_name_as_its_place() {
    assert_snapshot!(wrong(&[
        ("AGENTSYS_ROUTER__TIMEOUT", "soon"),
        ("AGENTSYS_ROUTER__TIMOUT", "5"),
        ("AGENTSYS_CACHE__SIZE", "5"),
        ("AGENTSYS_ROUTER__", "5"),
        ("AGENTSYS_HOST__STATE_DIR", ""),
        ("AGENTSYS_HOST__PLUGIN_DIRS", "plugins"),
        ("AGENTSYS_PLUGINS__NO NAME__LAZY", "true"),
    ]), @r#"
    environment AGENTSYS_CACHE__SIZE: cache is no section; known are host, plugins, router and storage
    environment AGENTSYS_HOST__PLUGIN_DIRS: host.plugin_dirs is "plugins"; write a list, as ["plugins"]
    environment AGENTSYS_HOST__STATE_DIR: host.state_dir is ""; write text in quotes, not empty
    environment AGENTSYS_PLUGINS__NO NAME__LAZY: "no name" is no name for a plugin: write it with a-z, 0-9, _ and - only
    environment AGENTSYS_ROUTER__: a key is empty; write it as AGENTSYS_SECTION__KEY
    environment AGENTSYS_ROUTER__TIMEOUT: router.timeout is "soon": it has no number; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    environment AGENTSYS_ROUTER__TIMOUT: router.timout is no option; did you mean timeout?
    "#);
    let twins = Sources::new()
        .text("agentsys.toml", "[plugins.a-b]\n[plugins.a_b]")
        .environment([("AGENTSYS_PLUGINS__A_B__LAZY", "true")]);
    assert_snapshot!(errors(twins), @r#"environment AGENTSYS_PLUGINS__A_B__LAZY: it may mean "a-b" or "a_b"; rename one of them, or set it in the file"#);
}

#[test]
fn a_variable_with_single_underscores_gets_a_warning() {
    let loaded = with(&[
        ("AGENTSYS_ROUTER_TIMEOUT", "5"),
        ("AGENTSYS_LOG", "debug"),
        ("HOME", "/root"),
        ("router__timeout", "5"),
    ]);
    assert_eq!(loaded.config.router.timeout, Duration::from_secs(1));
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_snapshot!(warnings.join("\n"), @"environment AGENTSYS_ROUTER_TIMEOUT: not read; write AGENTSYS_ROUTER__TIMEOUT, with two underscores");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_refused_if_it_is_ours() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    let bytes = || OsString::from_vec(vec![0xff]);
    let sources = Sources::new().environment([
        (OsString::from("AGENTSYS_ROUTER__TIMEOUT"), bytes()),
        (OsString::from("PATH"), bytes()),
        (bytes(), bytes()),
    ]);
    assert_snapshot!(errors(sources), @"environment AGENTSYS_ROUTER__TIMEOUT: its value is not UTF-8");
}

#[test]
fn an_option_may_name_a_route_in_quotes() {
    let loaded = file()
        .set("router.routes.\"Analyze data\".timeout", "2m")
        .set("router.routes.'a.b'.strategy", "least_loaded")
        .load()
        .expect("it is right");
    let routes = &loaded.config.router.routes;
    assert_eq!(
        routes["Analyze data"].timeout,
        Some(Duration::from_secs(120))
    );
    assert_eq!(routes["a.b"].strategy.as_deref(), Some("least_loaded"));
}

#[test]
fn a_mistake_in_an_option_has_the_option_as_its_place() {
    let sources = Sources::new()
        .set("router.timeout", "soon")
        .set("router..timeout", "5")
        .set("router.timeout = 5 #", "5")
        .set("router.timeout\nretry_count", "5")
        .value("host.plugin_dirs", json!(["a", 5]), "--plugins");
    assert_snapshot!(errors(sources), @r#"
    command line --plugins: host.plugin_dirs.1 is 5; write text in quotes, not empty
    command line --set router..timeout: "router..timeout" is no key; write it as router.timeout
    command line --set router.timeout: router.timeout is "soon": it has no number; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    command line --set router.timeout retry_count: "router.timeout\nretry_count" is no key; write it as router.timeout
    command line --set router.timeout = 5 #: "router.timeout = 5 #" is no key; write it as router.timeout
    "#);
}

#[test]
fn a_section_that_another_layer_replaces_by_a_value_is_told_so_either_way() {
    let below = Sources::new()
        .text("agentsys.toml", "router = 5")
        .set("router.timeout", "5");
    assert_snapshot!(errors(below), @"agentsys.toml:1:10: router is 5; write a table, [router]");
    let above = Sources::new()
        .text("agentsys.toml", "[router]\ntimeout = 5")
        .set("router", "5");
    assert_snapshot!(errors(above), @"command line --set router: router is 5; write a table, [router]");
}

#[test]
fn in_a_plugins_own_options_a_table_may_replace_a_value() {
    let loaded = file()
        .set("plugins.activity-logger.config.level.file", "debug")
        .load()
        .expect("it is right");
    let config = &loaded.config.plugins["activity-logger"].config;
    assert_eq!(json!(config), json!({ "level": { "file": "debug" } }));
}

#[test]
fn values_nested_too_deeply_to_be_written_again_are_refused() {
    let nested = |depth: usize| {
        let key = format!("plugins.x.config{}", ".a".repeat(depth - 3));
        Sources::new().set(key, "[[1]]")
    };
    let deep = nested(62).load().expect("it is right");
    load(&render(&deep, true));
    assert!(errors(nested(63)).ends_with(
        ".a.0.0 is inside of more than 64 others, which TOML's readers refuse; write it flatter"
    ));
}

#[test]
fn either_name_of_the_storage_path_overrides_the_other() {
    let loaded = Sources::new()
        .text("agentsys.toml", "[storage]\nstorage_path = \"a\"")
        .environment([("AGENTSYS_STORAGE__BASE_PATH", "b")])
        .load()
        .expect("it is right");
    assert_eq!(loaded.config.storage_path(), Path::new("b"));
    assert_eq!(
        loaded.origin(&["storage", "storage_path"]).to_string(),
        "environment AGENTSYS_STORAGE__BASE_PATH"
    );
    let unset = load("[host]\nstate_dir = \"state\"");
    assert_eq!(unset.config.storage_path(), Path::new("state/storage"));
}

#[test]
fn a_strategy_of_the_embedding_program_is_known_once_it_was_named() {
    let sources = || Sources::new().set("router.strategy", "priority");
    assert_snapshot!(errors(sources()), @r#"command line --set router.strategy: router.strategy is "priority"; known are "least_loaded", "round_robin", "sticky" and "plugin:NAME""#);
    let loaded = sources().strategy("priority").load().expect("it is right");
    assert_eq!(loaded.config.router.strategy, "priority");
}

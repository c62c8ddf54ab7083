//! What `config show` prints.

use insta::assert_snapshot;
use serde_json::json;

use super::load;
use crate::config::{Config, Loaded, PluginSection, Sources, render, to_json_with_origin};

fn example() -> Loaded {
    Sources::new()
        .text(
            "agentsys.toml",
            r#"
[router.routes."Analyze data"]
timeout = "500ms"
[plugins.echo]
library = "echo-plugin"
[plugins.echo.config]
text = "two\nlines = 1"
rows = [{ a = 1, b = [[1], [2]] }]
since = 2024-01-01
"#,
        )
        .environment([("AGENTSYS_ROUTER__TIMEOUT", "5")])
        .value("host.plugin_dirs", json!(["a", "b"]), "--plugins")
        .load()
        .expect("it is right")
}

#[test]
fn the_whole_config_is_shown_with_the_origin_of_each_value() {
    assert_snapshot!(render(&example(), true), @r#"
    [host]
    plugin_dirs = ["a", "b"]  # command line --plugins
    state_dir = ".agentsys"  # default
    drain_timeout = 10  # default
    shutdown_timeout = 30  # default
    error_history = 32  # default
    keep_previous = 1  # default
    max_pinned = 8  # default
    probe_timeout = 10  # default
    quarantine_after = 10  # default
    block_warn = 0.1  # default

    [router]
    timeout = 5  # environment AGENTSYS_ROUTER__TIMEOUT
    max_concurrent = 10  # default
    max_queue = 10000  # default
    retry_count = 3  # default
    retry_budget = 0.2  # default
    retry_min_per_second = 10  # default
    backoff = 0.05  # default
    backoff_max = 1  # default
    idempotent = false  # default
    eject_after = 5  # default
    eject_time = 10  # default
    eject_time_max = 300  # default
    strategy = "round_robin"  # default
    max_hops = 32  # default
    interceptors = []  # default

    [router.routes."Analyze data"]
    timeout = 0.5  # agentsys.toml:3

    [storage]
    storage_type = "file"  # default
    flush_interval = 60  # default
    max_size = 1000  # default

    [plugins.echo]
    library = "echo-plugin"  # agentsys.toml:5
    enabled = true  # default
    instances = 1  # default
    lazy = false  # default
    initialize_timeout = 30  # default
    cleanup_timeout = 10  # default
    reload = "swap"  # default
    restart = "never"  # default
    restart_limit = 5  # default
    restart_delay = 1  # default

    [plugins.echo.config]
    since = "2024-01-01"  # agentsys.toml:9
    text = """
    two
    lines = 1"""  # agentsys.toml:7

    [[plugins.echo.config.rows]]
    a = 1  # agentsys.toml:8
    b = [[1], [2]]  # agentsys.toml:8
    "#);
}

#[test]
fn what_is_shown_loads_as_the_same() {
    for with_origin in [true, false] {
        let again = load(&render(&example(), with_origin));
        assert_eq!(again.config, example().config);
    }
}

#[test]
fn json_has_the_values_and_beside_them_their_origins() {
    let json = to_json_with_origin(&example());
    assert_eq!(json["config"]["router"]["timeout"], json!(5));
    let origins = &json["origins"];
    assert_eq!(
        origins["router.timeout"],
        "environment AGENTSYS_ROUTER__TIMEOUT"
    );
    assert_eq!(
        origins["router.routes.\"Analyze data\".timeout"],
        "agentsys.toml:3:11"
    );
    assert_eq!(origins["router.max_hops"], "default");
    assert_eq!(
        origins["plugins.echo.config.rows.0.a"],
        "agentsys.toml:8:15"
    );
}

#[test]
fn a_file_with_an_odd_name_makes_no_second_line_of_a_comment() {
    let loaded = Sources::new()
        .text("a\nb.toml", "[router]\ntimeout = 5")
        .load()
        .expect("it is right");
    assert!(render(&loaded, true).contains("timeout = 5  # a b.toml:2\n"));
}

#[test]
fn what_toml_cannot_hold_is_said_in_a_comment() {
    let mut config = Config::default();
    let mut plugin = PluginSection::default();
    plugin.config.insert("a".to_owned(), json!([null]));
    config.plugins.insert("x".to_owned(), plugin);
    let loaded = Loaded::from(config);
    assert_snapshot!(render(&loaded, true), @"# TOML cannot hold this configuration; Loaded::validate says why");
    assert_eq!(to_json_with_origin(&loaded)["origins"], json!({}));
}

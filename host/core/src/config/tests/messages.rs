//! The exact message of each kind of mistake in a file.

use insta::assert_snapshot;

use super::mistakes;

#[test]
fn an_unknown_key_gets_the_nearest_known_one() {
    assert_snapshot!(mistakes(r#"[host]

plugin_dir = ["x"]"#), @"agentsys.toml:3:1: host.plugin_dir is no option; did you mean plugin_dirs?");
    assert_snapshot!(mistakes("[routr]\ntimeout = 5\n"), @"agentsys.toml:1:2: routr is no section; did you mean router?");
    assert_snapshot!(mistakes("[router.routes.echo]\nretrycount = 5\n"), @"agentsys.toml:2:1: router.routes.echo.retrycount is no option; did you mean retry_count?");
}

#[test]
fn an_unknown_key_like_no_other_gets_the_known_ones() {
    assert_snapshot!(mistakes("[storage]\ncompression = true\n"), @"agentsys.toml:2:1: storage.compression is no option; known are flush_interval, max_size, storage_path and storage_type");
    assert_snapshot!(mistakes(r#"colour = "red""#), @"agentsys.toml:1:1: colour is no section; known are host, plugins, router and storage");
    assert_snapshot!(mistakes("[router.routes.echo]\nweight = 5\n"), @"agentsys.toml:2:1: router.routes.echo.weight is no option; known are backoff, backoff_max, deadline, eject_after, eject_time, eject_time_max, fallback, idempotent, item_timeout, max_concurrent, max_concurrent_per_agent, max_queue, retry_budget, retry_count, retry_min_per_second, strategy and timeout");
}

#[test]
fn an_option_of_the_plugin_among_those_of_the_host_is_shown_its_place() {
    assert_snapshot!(mistakes("[plugins.echo]\nrows = 5\n"), @"agentsys.toml:2:1: plugins.echo.rows is no option; known are blocking_threads, cleanup_timeout, config, enabled, initialize_timeout, instances, lazy, library, reload, restart, restart_delay, restart_limit, retry_count and timeout; the plugin's own options go into [plugins.echo.config]");
}

#[test]
fn a_duration_that_is_none_is_told_why() {
    assert_snapshot!(mistakes(r#"[router]
timeout = "soon""#), @r#"agentsys.toml:2:11: router.timeout is "soon": it has no number; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
    assert_snapshot!(mistakes(r#"[router]
timeout = "30""#), @r#"agentsys.toml:2:11: router.timeout is "30": it has no unit; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
    assert_snapshot!(mistakes(r#"[router]
timeout = "30 parsecs""#), @r#"agentsys.toml:2:11: router.timeout is "30 parsecs": "parsecs" is no unit; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
    assert_snapshot!(mistakes(r#"[router]
timeout = "-5s""#), @r#"agentsys.toml:2:11: router.timeout is "-5s": it is negative; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
    assert_snapshot!(mistakes("[router]\ntimeout = -0.5\n"), @r#"agentsys.toml:2:11: router.timeout is -0.5: it is negative; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
    assert_snapshot!(mistakes("[router]\ntimeout = 1e300\n"), @r#"agentsys.toml:2:11: router.timeout is 1e+300: it is longer than a year; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
    assert_snapshot!(mistakes(r#"[router]
timeout = "9000h""#), @r#"agentsys.toml:2:11: router.timeout is "9000h": it is longer than a year; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
    assert_snapshot!(mistakes(r#"[router]
timeout = "1.5.2s""#), @r#"agentsys.toml:2:11: router.timeout is "1.5.2s": "1.5.2" is no number; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
    assert_snapshot!(mistakes(r#"[router]
timeout = """#), @r#"agentsys.toml:2:11: router.timeout is "": it has no number; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
    assert_snapshot!(mistakes("[router]\ntimeout = true\n"), @r#"agentsys.toml:2:11: router.timeout is true; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
    assert_snapshot!(mistakes("[router]\ntimeout = nan\n"), @r#"agentsys.toml:2:11: router.timeout is nan; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
    assert_snapshot!(mistakes("[router]\ntimeout = -inf\n"), @r#"agentsys.toml:2:11: router.timeout is -inf; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
}

#[test]
fn a_timeout_must_be_more_than_zero_where_zero_makes_no_sense() {
    assert_snapshot!(mistakes(r#"[host]
shutdown_timeout = 0
drain_timeout = 0
[router]
timeout = 0.0
[router.routes.echo]
timeout = "0s"
[storage]
flush_interval = 0
[plugins.echo]
timeout = 0
initialize_timeout = 0
cleanup_timeout = 0
restart_delay = "0ms""#), @r#"
    agentsys.toml:2:20: host.shutdown_timeout is 0: it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    agentsys.toml:5:11: router.timeout is 0.0: it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    agentsys.toml:7:11: router.routes.echo.timeout is "0s": it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    agentsys.toml:11:11: plugins.echo.timeout is 0: it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    agentsys.toml:12:22: plugins.echo.initialize_timeout is 0: it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    agentsys.toml:13:19: plugins.echo.cleanup_timeout is 0: it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    agentsys.toml:14:17: plugins.echo.restart_delay is "0ms": it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    "#);
}

#[test]
fn a_number_out_of_its_range_is_told_the_range() {
    assert_snapshot!(mistakes(r#"[host]
error_history = 0
[router]
retry_count = 101
max_concurrent = 0
max_hops = 1001
[storage]
max_size = 0
[plugins.echo]
instances = 1025
blocking_threads = 513
restart_limit = -1"#), @r#"
    agentsys.toml:2:17: host.error_history is 0; write a whole number from 1 to 1000
    agentsys.toml:4:15: router.retry_count is 101; write a whole number from 0 to 100
    agentsys.toml:5:18: router.max_concurrent is 0; write a whole number from 1 to 1000000
    agentsys.toml:6:12: router.max_hops is 1001; write a whole number from 1 to 1000
    agentsys.toml:8:12: storage.max_size is 0; write a whole number from 1 to 1000000000
    agentsys.toml:10:13: plugins.echo.instances is 1025; write a whole number from 1 to 1024
    agentsys.toml:11:20: plugins.echo.blocking_threads is 513; write a whole number from 1 to 512
    agentsys.toml:12:17: plugins.echo.restart_limit is -1; write a whole number from 0 to 1000000
    "#);
    assert_snapshot!(mistakes("[router]\nretry_count = 99999999999999999999\n"), @"agentsys.toml:2:15: router.retry_count is 99999999999999999999; write a whole number from 0 to 100");
}

#[test]
fn a_value_of_the_wrong_kind_is_told_the_right_one() {
    assert_snapshot!(mistakes(r#"[host]
plugin_dirs = "plugins"
state_dir = 5
[router]
retry_count = 2.5
strategy = ["round_robin"]
[plugins.echo]
enabled = "yes"
lazy = { at = 1 }
config = 5"#), @r#"
    agentsys.toml:2:15: host.plugin_dirs is "plugins"; write a list, as ["plugins"]
    agentsys.toml:3:13: host.state_dir is 5; write text in quotes, not empty
    agentsys.toml:5:15: router.retry_count is 2.5; write a whole number from 0 to 100
    agentsys.toml:6:12: router.strategy is a list; write text in quotes, not empty
    agentsys.toml:8:11: plugins.echo.enabled is "yes"; write true or false
    agentsys.toml:9:8: plugins.echo.lazy is a table; write true or false
    agentsys.toml:10:10: plugins.echo.config is 5; write a table, [plugins.echo.config]
    "#);
    assert_snapshot!(mistakes("[plugins.echo]\nconfig = 5\n"), @"agentsys.toml:2:10: plugins.echo.config is 5; write a table, [plugins.echo.config]");
    assert_snapshot!(mistakes(r#"[host]
plugin_dirs = ["plugins", 5, ""]
state_dir = """#), @r#"
    agentsys.toml:2:27: host.plugin_dirs.1 is 5; write text in quotes, not empty
    agentsys.toml:2:30: host.plugin_dirs.2 is ""; write text in quotes, not empty
    agentsys.toml:3:13: host.state_dir is ""; write text in quotes, not empty
    "#);
}

#[test]
fn a_fallback_is_a_route_or_an_answer() {
    assert_snapshot!(mistakes(r#"[router]
fallback = "other"
[router.routes]
a = { fallback = {} }
b = { fallback = { route = "x", answer = 1 } }
c = { fallback = { rout = "x" } }
d = { fallback = { route = " x" } }
e = { fallback = { route = "e" } }
f = { fallback = { route = "" } }"#), @r#"
    agentsys.toml:2:12: router.fallback is "other"; write { route = "NAME" } or { answer = … }
    agentsys.toml:4:18: router.routes.a.fallback is empty; write { route = "NAME" } or { answer = … }
    agentsys.toml:5:18: router.routes.b.fallback has both a route and an answer; keep one of them
    agentsys.toml:6:20: router.routes.c.fallback.rout is no option; did you mean route?
    agentsys.toml:7:28: router.routes.d.fallback.route is " x", which is no name for a route: it begins or ends with white space
    agentsys.toml:8:28: router.routes.e.fallback.route is "e", the route itself; name another, or write { answer = … }
    agentsys.toml:9:28: router.routes.f.fallback.route is ""; write text in quotes, not empty
    "#);
}

#[test]
fn an_interceptor_is_a_plugin_by_its_name() {
    assert_snapshot!(mistakes(r#"[router]
interceptors = "activity-logger""#), @r#"agentsys.toml:2:16: router.interceptors is "activity-logger"; write a list, as ["activity-logger"]"#);
    assert_snapshot!(mistakes(r#"[router]
interceptors = ["Logger", 5, "a", { plugin = "a" }, { required = true }, { plugin = "b", require = true }, { plugin = "C" }]"#), @r#"
    agentsys.toml:2:17: router.interceptors.0 is "Logger", which is no name for a plugin: write it with a-z, 0-9, _ and - only
    agentsys.toml:2:27: router.interceptors.1 is 5; write a plugin's name in quotes, or { plugin = "NAME", required = true }
    agentsys.toml:2:35: router.interceptors.3 is "a", named twice; keep one
    agentsys.toml:2:53: router.interceptors.4 names no plugin; write { plugin = "NAME" }
    agentsys.toml:2:90: router.interceptors.5.require is no option; did you mean required?
    agentsys.toml:2:119: router.interceptors.6.plugin is "C", which is no name for a plugin: write it with a-z, 0-9, _ and - only
    "#);
}

#[test]
fn a_policy_that_makes_no_sense_is_told_what_would() {
    assert_snapshot!(mistakes(r#"[router]
deadline = 0
item_timeout = "-1s"
eject_time = 0
eject_time_max = 0
retry_budget = -0.1
max_concurrent_per_agent = 0
max_queue = -1
eject_after = -1
idempotent = "yes"
[router.routes.a]
retry_budget = "many"
strategy = "stiky"
[router.routes.b]
strategy = "fastest"
[router.routes.c]
strategy = "plugin:My plugin"
[router.routes.d]
strategy = "plugin:""#), @r#"
    agentsys.toml:2:12: router.deadline is 0: it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    agentsys.toml:3:16: router.item_timeout is "-1s": it is negative; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    agentsys.toml:4:14: router.eject_time is 0: it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    agentsys.toml:5:18: router.eject_time_max is 0: it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    agentsys.toml:6:16: router.retry_budget is -0.1; write a number from 0 to 100
    agentsys.toml:7:28: router.max_concurrent_per_agent is 0; write a whole number from 1 to 1000000
    agentsys.toml:8:13: router.max_queue is -1; write a whole number from 0 to 1000000000
    agentsys.toml:9:15: router.eject_after is -1; write a whole number from 0 to 1000000
    agentsys.toml:10:14: router.idempotent is "yes"; write true or false
    agentsys.toml:12:16: router.routes.a.retry_budget is "many"; write a number from 0 to 100
    agentsys.toml:13:12: router.routes.a.strategy is "stiky"; did you mean "sticky"?
    agentsys.toml:15:12: router.routes.b.strategy is "fastest"; known are "least_loaded", "round_robin", "sticky" and "plugin:NAME"
    agentsys.toml:17:12: router.routes.c.strategy is "plugin:My plugin": "My plugin" is no name for a plugin: write it with a-z, 0-9, _ and - only
    agentsys.toml:19:12: router.routes.d.strategy is "plugin:": "" is no name for a plugin: it is empty
    "#);
}

#[test]
fn a_value_where_a_table_belongs_is_told_so() {
    assert_snapshot!(mistakes(r#"router = 5
plugins = ["echo"]"#), @r#"
    agentsys.toml:1:10: router is 5; write a table, [router]
    agentsys.toml:2:11: plugins is a list; write a table, [plugins]
    "#);
    assert_snapshot!(mistakes(r#"[plugins]
echo = "libecho.so""#), @r#"agentsys.toml:2:8: plugins.echo is "libecho.so"; write a table, [plugins.echo]"#);
    assert_snapshot!(mistakes("[[storage]]\nmax_size = 5\n"), @"agentsys.toml:1:1: storage is a list; write a table, [storage]");
}

#[test]
fn a_wrong_word_gets_the_nearest_right_one() {
    assert_snapshot!(mistakes(r#"[storage]
storage_type = "fil"
[plugins.echo]
restart = "on-failure""#), @r#"
    agentsys.toml:2:16: storage.storage_type is "fil"; did you mean "file"?
    agentsys.toml:4:11: plugins.echo.restart is "on-failure"; did you mean "on_failure"?
    "#);
    assert_snapshot!(mistakes(r#"[storage]
storage_type = "s3""#), @r#"agentsys.toml:2:16: storage.storage_type is "s3"; write "file" or "memory""#);
    assert_snapshot!(mistakes(r#"[router]
strategy = "round-robin""#), @r#"agentsys.toml:2:12: router.strategy is "round-robin"; did you mean "round_robin"?"#);
    assert_snapshot!(mistakes(r#"[router.routes.echo]
strategy = "priority""#), @r#"agentsys.toml:2:12: router.routes.echo.strategy is "priority"; known are "least_loaded", "round_robin", "sticky" and "plugin:NAME""#);
}

#[test]
fn a_name_that_cannot_be_one_is_told_why() {
    assert_snapshot!(mistakes("[plugins.Echo]\n"), @r#"agentsys.toml:1:10: "Echo" is no name for a plugin: write it with a-z, 0-9, _ and - only"#);
    assert_snapshot!(mistakes(r#"[plugins."a b"]
[plugins._a]
[plugins.""]"#), @r#"
    agentsys.toml:1:10: "a b" is no name for a plugin: write it with a-z, 0-9, _ and - only
    agentsys.toml:2:10: "_a" is no name for a plugin: begin it with a letter or a digit
    agentsys.toml:3:10: "" is no name for a plugin: it is empty
    "#);
    assert_snapshot!(mistakes(r#"[router.routes.""]
[router.routes." x"]
[router.routes."a\nb"]"#), @r#"
    agentsys.toml:1:16: "" is no name for a route: it is empty
    agentsys.toml:2:16: " x" is no name for a route: it begins or ends with white space
    agentsys.toml:3:16: "a\nb" is no name for a route: it contains a control character
    "#);
}

#[test]
fn both_names_of_one_option_at_once_are_too_many() {
    assert_snapshot!(mistakes(r#"[storage]
base_path = "a"
storage_path = "b""#), @"agentsys.toml:2:1: storage.base_path is another name of storage.storage_path, which is given too; keep one of them");
}

#[test]
fn a_number_that_plugins_cannot_be_given_is_refused() {
    assert_snapshot!(mistakes(r#"[plugins.echo.config]
a = nan
b = [1, inf]
c = 9223372036854775808"#), @r#"
    agentsys.toml:2:5: plugins.echo.config.a is nan; write a finite number of at most 64 bits
    agentsys.toml:3:9: plugins.echo.config.b.1 is inf; write a finite number of at most 64 bits
    agentsys.toml:4:5: plugins.echo.config.c is 9223372036854775808; write a finite number of at most 64 bits
    "#);
}

#[test]
fn a_syntax_error_has_its_line_and_column() {
    assert_snapshot!(mistakes("[router\ntimeout = 5\n"), @"agentsys.toml:1:8: not TOML: unclosed table, expected `]`");
    assert_snapshot!(mistakes("[router]\ntimeout = 5s\n"), @"agentsys.toml:2:11: not TOML: string values must be quoted, expected literal string");
    assert_snapshot!(mistakes(r#"[router]
timeout =
retry_count = = 3"#), @r#"
    agentsys.toml:2:10: not TOML: string values must be quoted, expected literal string
    agentsys.toml:3:15: not TOML: extra `=`, expected nothing
    "#);
    assert_snapshot!(mistakes(r#"[router]
name = "é" x"#), @"agentsys.toml:2:12: not TOML: unexpected key or value, expected newline, `#`");
}

#[test]
fn a_key_given_twice_is_told_so() {
    assert_snapshot!(mistakes(r#"[router]
timeout = 5
timeout = 6"#), @"agentsys.toml:3:1: timeout is given twice; keep one of them");
    assert_snapshot!(mistakes(r#"[router]
[host]
[router]"#), @"agentsys.toml:3:2: router is given twice; keep one of them");
}

#[test]
fn all_mistakes_come_at_once_in_the_order_of_their_places() {
    assert_snapshot!(mistakes(r#"[router]
timeout = "soon"
retries = 5

[host]
error_history = -1

[plugins.Echo]
instances = 0"#), @r#"
    agentsys.toml:2:11: router.timeout is "soon": it has no number; write seconds as a number (30.0) or text such as "30s", "500ms", "2m"
    agentsys.toml:3:1: router.retries is no option; did you mean retry_budget?
    agentsys.toml:6:17: host.error_history is -1; write a whole number from 1 to 1000
    agentsys.toml:8:10: "Echo" is no name for a plugin: write it with a-z, 0-9, _ and - only
    agentsys.toml:9:13: plugins.Echo.instances is 0; write a whole number from 1 to 1024
    "#);
}

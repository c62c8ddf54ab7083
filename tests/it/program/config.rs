//! What the program makes of `agentsys.toml`, the environment and its own options.

use std::fs;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{json as parsed, place};
use crate::harness::{Ended, Place, Program, agentsys};

/// The program in a place, where its `agentsys.toml` is.
fn at(place: &Place, arguments: &[&str]) -> Command {
    let mut command = agentsys(arguments);
    command.current_dir(place.path());
    command
}

fn ended(mut command: Command) -> Ended {
    command.output().unwrap().into()
}

/// A host on the same file.
fn run(place: &Place) -> Program {
    let file = place.path().join("agentsys.toml");
    Program::run(place, &["--config", file.to_str().unwrap()])
}

fn write(place: &Place, toml: &str) {
    fs::write(place.path().join("agentsys.toml"), toml).unwrap();
}

#[test]
fn the_environment_goes_over_the_file_and_the_command_line_over_both() {
    let place = Place::new();
    write(
        &place,
        "[router]\ntimeout = 1\nretry_count = 1\nmax_hops = 3\n[host]\nstate_dir = \"of-file\"\n",
    );
    let mut command = at(
        &place,
        &[
            "--set",
            "router.timeout=3",
            "config",
            "show",
            "--origin",
            "--set",
            "host.error_history=7",
            "--state-dir",
            "state",
        ],
    );
    command
        .env("AGENTSYS_ROUTER__TIMEOUT", "2")
        .env("AGENTSYS_ROUTER__RETRY_COUNT", "2")
        .env("AGENTSYS_HOST__STATE_DIR", "of-environment");
    let shown = ended(command);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    for line in [
        "timeout = 3  # command line --set router.timeout",
        "retry_count = 2  # environment AGENTSYS_ROUTER__RETRY_COUNT",
        "max_hops = 3  # agentsys.toml:4",
        "error_history = 7  # command line --set host.error_history",
        "state_dir = \"state\"  # command line --state-dir",
        "max_concurrent = 10  # default",
    ] {
        assert!(shown.stdout.contains(line), "{line} in {}", shown.stdout);
    }
}

#[test]
fn what_is_shown_is_a_file_that_loads_as_the_same() {
    let place = Place::new();
    write(
        &place,
        "[plugins.echo]\ninstances = 2\n[plugins.echo.config]\n\"a key\" = [1, 2]\n",
    );
    let first = ended(at(&place, &["config", "show", "--origin"])).stdout;
    write(&place, &first);
    let second = parsed(&ended(at(&place, &["config", "show", "--json"])));
    assert_eq!(second["plugins"]["echo"]["instances"], 2);
    assert_eq!(second["plugins"]["echo"]["config"]["a key"], json!([1, 2]));
    let with_origin = parsed(&ended(at(
        &place,
        &["config", "show", "--json", "--origin"],
    )));
    assert_eq!(with_origin["config"], second);
    let origin = with_origin["origins"]["plugins.echo.instances"].as_str();
    assert!(origin.unwrap().starts_with("agentsys.toml:"), "{origin:?}");
}

#[test]
fn a_broken_file_stops_every_command_with_all_places_and_what_would_be_right() {
    let place = place(&["echo"]);
    write(&place, "[router]\ntimeout = \"soon\"\nretries = 5\n");
    let lines = [
        "error: agentsys.toml:2:11: router.timeout is \"soon\": it has no number; write seconds as a number (30.0) \
         or text such as \"30s\", \"500ms\", \"2m\"",
        "error: agentsys.toml:3:1: router.retries is no option; did you mean retry_budget?",
    ];
    for command in [
        &["run"][..],
        &["status"],
        &["call", "echo", "--data", "x"],
        &["call", "echo", "--data", "x", "--plugins", "plugins"],
        &["config", "check"],
        &["config", "show"],
    ] {
        let ended = ended(at(&place, command));
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(1), ""),
            "{command:?}"
        );
        assert_eq!(
            ended.stderr.lines().collect::<Vec<_>>(),
            lines,
            "{command:?}"
        );
    }
    let ended = ended(at(&place, &["config", "check", "--json"]));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
    let verdict: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(verdict["fine"], false);
    let problem = &verdict["problems"][1];
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&json!("agentsys.toml"), &json!(3), &json!(1))
    );
}

#[test]
fn a_wrong_option_is_wrong_usage_and_a_wrong_value_is_not() {
    let place = Place::new();
    let usage = ended(at(&place, &["--set", "router.timeout", "config", "show"]));
    assert_eq!(usage.code, Some(2));
    assert!(
        usage.stderr.contains("write it as KEY=VALUE"),
        "{}",
        usage.stderr
    );
    let value = ended(at(
        &place,
        &["--set", "router.timeout=soon", "config", "show"],
    ));
    assert_eq!(value.code, Some(1));
    let place_of_it = "error: command line --set router.timeout: router.timeout is \"soon\"";
    assert!(value.stderr.starts_with(place_of_it), "{}", value.stderr);
    let missing = ended(at(&place, &["--config", "no.toml", "config", "check"]));
    assert_eq!(
        (missing.code, missing.stderr.as_str()),
        (
            Some(1),
            "error: no.toml: there is no such file; write it, or give the path of another\n"
        )
    );
}

const FINE: &str = "\
[host]
state_dir = \"state\"
[router.routes.config]
max_concurrent = 1
[plugins.configured]
instances = 2
[plugins.configured.config]
max_rows = 7
[plugins.off]
library = \"configured\"
enabled = false
";

#[test]
fn what_check_accepts_runs_and_what_it_refuses_does_not_serve() {
    let place = place(&["echo", "configured"]);
    write(&place, FINE);
    let checked = ended(at(&place, &["config", "check"]));
    assert_eq!(
        (
            checked.code,
            checked.stdout.as_str(),
            checked.stderr.as_str()
        ),
        (
            Some(0),
            "agentsys.toml is fine: 2 plugins, 1 route with options\n",
            ""
        )
    );
    let mut host = run(&place);
    assert!(
        host.ready.starts_with("ready: 2 plugins, "),
        "{}",
        host.ready
    );
    // The file says where the host is found.
    let answer = ended(at(&place, &["call", "config", "--data", ""]));
    assert_eq!(parsed(&answer)["max_rows"], 7);
    host.signal(Signal::TERM);
    let log = host.wait().stderr;
    let file = place.path().join("agentsys.toml");
    let line = format!("configuration: {}", file.display());
    assert!(log.contains(&line), "{log}");

    write(&place, &FINE.replace("max_rows = 7", "max_rows = 9000"));
    let checked = ended(at(&place, &["config", "check"]));
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(1), ""));
    let problem = "error: agentsys.toml:8:12: plugins.configured.config.max_rows: ";
    assert!(checked.stderr.starts_with(problem), "{}", checked.stderr);
    assert!(checked.stderr.contains("5000"), "{}", checked.stderr);
    assert_eq!(checked.stderr.lines().count(), 1, "{}", checked.stderr);
    let host = run(&place);
    assert_eq!(host.ready, "ready: 1 plugins, 1 routes");
    let status = ended(at(&place, &["status"])).stdout;
    assert!(status.contains("agentsys.toml:8:12"), "{status}");
}

#[test]
fn check_stands_beside_a_running_host_and_a_host_in_a_call_as_well() {
    let place = place(&["configured"]);
    write(&place, FINE);
    let _host = run(&place);
    let checked = ended(at(&place, &["config", "check"]));
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let answer = ended(at(
        &place,
        &["call", "config", "--data", "", "--plugins", "plugins"],
    ));
    assert_eq!(parsed(&answer)["max_rows"], 7);
}

#[test]
fn a_variable_that_was_surely_meant_otherwise_is_told_of() {
    let place = Place::new();
    let mut command = at(&place, &["config", "check"]);
    command.env("AGENTSYS_ROUTER_TIMEOUT", "5");
    let checked = ended(command);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let line = "environment AGENTSYS_ROUTER_TIMEOUT: not read; write AGENTSYS_ROUTER__TIMEOUT, with two underscores";
    assert_eq!(
        checked.stderr.matches(line).count(),
        1,
        "{}",
        checked.stderr
    );
}

#[test]
fn the_schema_holds_the_plugins_own_options_unless_they_are_left_unopened() {
    let place = place(&["configured", "echo"]);
    write(&place, "[plugins.reader]\nlibrary = \"configured\"\n");
    let schema = parsed(&ended(at(&place, &["config", "schema"])));
    let own = &schema["$defs"]["reader.config"]["properties"];
    assert_eq!(own["max_rows"]["maximum"], 5000, "{own}");
    let reader = &schema["properties"]["plugins"]["properties"]["reader"];
    assert_eq!(
        reader["properties"]["config"]["$ref"],
        "#/$defs/reader.config"
    );
    // An editor needs it most where the file is broken.
    write(&place, "[plugins.reader\n");
    let bare = parsed(&ended(at(&place, &["config", "schema", "--no-plugins"])));
    assert_eq!(bare["title"], "agentsys.toml");
    assert!(
        bare["properties"]["plugins"].get("properties").is_none(),
        "{bare}"
    );
}

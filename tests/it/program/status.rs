//! What an operator is told of a running host.

use std::fs;

use serde_json::Value;

use super::{ask, json, place};
use crate::harness::{Place, Program, agentsys};

/// A host with one plugin of each fate.
fn fates() -> (Place, Program) {
    let place = place(&["echo", "initialize_fails", "configured", "typed"]);
    let toml = "\
[plugins.configured]
enabled = false
[plugins.typed]
lazy = true
[plugins.ghost]
library = \"ecko\"
[storage]
storage_type = \"memory\"
";
    let file = place.path().join("of-the-host.toml");
    fs::write(&file, toml).unwrap();
    let host = Program::run(&place, &["--config", file.to_str().unwrap()]);
    (place, host)
}

#[test]
fn the_status_is_one_screen_with_a_line_of_why_for_each_plugin_that_does_not_run() {
    let (place, _host) = fates();
    ask(&place, &["call", "echo", "--data", "x"]);
    let ended = ask(&place, &["status"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let screen = ended.stdout;
    assert!(
        !screen.contains('\x1b'),
        "no colours but on a terminal: {screen}"
    );
    let counts = "5 plugins: 1 running, 2 failed, 1 disabled, 1 loaded; ";
    assert!(screen.contains(counts), "{screen}");
    assert!(screen.contains("; storage: memory\n"), "{screen}");
    assert!(screen.contains("of-the-host.toml\n"), "{screen}");
    let (_, why) = screen.split_once("\nNot running:\n").unwrap();
    let why: Vec<&str> = why.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(
        why,
        [
            "  configured: its config says `enabled = false`",
            "  ghost: no plugin directory holds a library that calls itself \"ecko\"; did you mean \"echo\"?",
            "  initialize_fails: `initialize` failed: the model cannot be loaded: the disk is gone",
            "  typed: loaded (initialized by its first call)",
        ]
    );
    let echo = screen
        .lines()
        .find(|line| line.starts_with("echo "))
        .unwrap();
    let cells: Vec<&str> = echo.split_whitespace().collect();
    assert_eq!(
        cells[..8],
        ["echo", "0.1.0", "running", "1", "1", "1", "1", "0"]
    );

    assert_eq!(ask(&place, &["call", "shout", "--data", "x"]).stdout, "X");
    let screen = ask(&place, &["status"]).stdout;
    assert!(
        screen.contains("5 plugins: 2 running, 2 failed, 1 disabled; "),
        "{screen}"
    );
    assert!(!screen.contains("  typed: "), "{screen}");
}

#[test]
fn programs_get_the_same_as_json() {
    let (place, _host) = fates();
    let status = json(&ask(&place, &["status", "--json"]));
    let lock = fs::read_to_string(place.state().join("control/host.lock")).unwrap();
    assert_eq!(status["pid"].to_string(), lock.trim());
    assert!(status["since"].as_f64().unwrap() <= status["now"].as_f64().unwrap());
    assert_eq!(status["state_dir"], place.state().to_str().unwrap());
    let echo = &status["plugins"][1];
    assert_eq!(
        (&echo["name"], &echo["state"]),
        (&"echo".into(), &"running".into())
    );
    assert_eq!(echo["calls"]["calls"], 0);
    let failed = &status["plugins"][3];
    assert_eq!(failed["state"], "failed", "{failed}");
}

#[test]
fn calls_are_counted_with_their_errors_by_kind() {
    let place = place(&["misbehaves", "typed"]);
    let _host = Program::run(&place, &[]);
    let empty = ask(&place, &["errors"]);
    assert_eq!(empty.stdout, "no task has failed since the host began\n");
    for _ in 0..3 {
        assert_eq!(ask(&place, &["call", "shout", "--data", "a"]).code, Some(0));
    }
    assert_eq!(
        ask(&place, &["call", "fails", "--data", "four"]).code,
        Some(1)
    );
    assert_eq!(
        ask(&place, &["call", "total", "--data", "{}"]).code,
        Some(1)
    );
    assert_eq!(
        ask(&place, &["call", "nowhere", "--data", ""]).code,
        Some(1)
    );

    let metrics = json(&ask(&place, &["metrics", "--json"]));
    let typed = &metrics["plugins"][1];
    assert_eq!(
        (&typed["plugin"], &typed["calls"]["calls"]),
        (&"typed".into(), &4.into())
    );
    assert_eq!(typed["calls"]["errors"]["invalid_input"], 1, "{typed}");
    let table = ask(&place, &["metrics"]).stdout;
    assert!(table.contains("1 (1 invalid_input)"), "{table}");
    assert!(table.lines().next().unwrap().ends_with(" MAX"), "{table}");
    let routes = metrics["routes"].as_array().unwrap();
    let total = routes.iter().find(|it| it["route"] == "total").unwrap();
    assert_eq!(
        (&total["calls"], &total["errors"]["invalid_input"]),
        (&1.into(), &1.into())
    );
    let text = ask(&place, &["metrics", "--format", "prometheus"]).stdout;
    let line = "agentsys_route_errors_total{route=\"total\",kind=\"invalid_input\"} 1";
    assert!(text.lines().any(|it| it == line), "{text}");
    let both = ask(&place, &["metrics", "--json", "--format", "prometheus"]);
    assert_eq!(both.code, Some(2));

    let errors = json(&ask(&place, &["errors", "--json"]));
    let routes: Vec<&Value> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["route"])
        .collect();
    assert_eq!(routes, ["nowhere", "total", "fails"]);
    let fails = &errors[2];
    assert_eq!(
        (&fails["plugin"], &fails["generation"]),
        (&"misbehaves".into(), &1.into())
    );
    assert_eq!(
        (&fails["kind"], &fails["input_bytes"]),
        (&"failed".into(), &4.into())
    );

    let table = ask(&place, &["errors", "--route", "fails"]).stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    for cell in [
        " fails ",
        " misbehaves ",
        " failed ",
        " 4 B ",
        "the report cannot be written",
    ] {
        assert!(lines[1].contains(cell), "{cell} in {table}");
    }
    assert_eq!(
        lines[2..],
        [
            "  caused by: page 7 is full",
            "  caused by: the disk is gone"
        ]
    );
    let limited = ask(&place, &["errors", "--limit", "1"]).stdout;
    assert!(
        limited.ends_with("\n2 failed tasks more: give a larger --limit\n"),
        "{limited}"
    );

    let screen = ask(&place, &["status"]).stdout;
    let (_, failed) = screen
        .split_once("\nFailed last (`agentsys errors` shows more):\n")
        .unwrap();
    let failed: Vec<&str> = failed.lines().collect();
    assert_eq!(failed.len(), 3, "{screen}");
    let last = " ago: fails (misbehaves): failed: the report cannot be written";
    assert!(failed[2].ends_with(last), "{screen}");
}

#[test]
fn events_tell_each_step_of_a_plugin() {
    let (place, _host) = fates();
    let events = json(&ask(
        &place,
        &["events", "--plugin", "initialize_fails", "--json"],
    ));
    let steps: Vec<&str> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["to"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["discovered", "loaded", "initializing", "failed"]);
    assert!(events[0]["at"].as_f64().unwrap() > 1e9);
    let table = ask(&place, &["events"]).stdout;
    assert!(table.contains("the model cannot be loaded"), "{table}");
}

#[test]
fn where_no_host_runs_it_is_said_with_a_code_of_its_own() {
    let place = Place::new();
    for command in ["status", "metrics", "errors", "events"] {
        let ended = ask(&place, &[command]);
        assert_eq!(ended.code, Some(3), "{}", ended.stderr);
        assert!(!ended.stderr.contains("--plugins"), "{}", ended.stderr);
    }
    let ended = agentsys(&["plugins", "--state-dir"])
        .arg(place.state())
        .output()
        .unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(
        stderr.ends_with(", or give --plugins DIR to answer in this process\n"),
        "{stderr}"
    );
}

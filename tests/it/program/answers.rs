//! What the program prints, and how it exits.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use super::{ask, json, place};
use crate::harness::{Ended, Program, agentsys, library};

#[test]
fn a_running_host_says_that_it_is_ready_and_answers_calls() {
    let place = place(&["echo", "data_agents"]);
    let host = Program::run(&place, &[]);
    assert_eq!(host.ready, "ready: 2 plugins, 4 routes");
    let ended = ask(&place, &["call", "echo", "--data", "hello"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (Some(0), "hello", "")
    );
}

#[test]
fn an_answer_is_written_byte_for_byte() {
    let place = place(&["echo"]);
    let sent: Vec<u8> = (0..200_000_u32).map(|at| (at % 256) as u8).collect();
    let file = place.path().join("bytes.bin");
    fs::write(&file, &sent).unwrap();
    let _host = Program::run(&place, &[]);
    for plugins in [None, Some(place.plugins())] {
        let mut command = agentsys(&["call", "echo"]);
        command
            .arg("--file")
            .arg(&file)
            .arg("--state-dir")
            .arg(place.state());
        if let Some(plugins) = plugins {
            command.arg("--plugins").arg(plugins);
        }
        let output = command.output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.stdout == sent);
    }
}

#[test]
fn data_comes_from_standard_input() {
    let place = place(&["echo"]);
    let mut command = agentsys(&["call", "echo"]);
    command
        .arg("--plugins")
        .arg(place.plugins())
        .arg("--state-dir")
        .arg(place.state());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"through a pipe")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"through a pipe");
}

#[test]
fn a_files_ending_or_the_caller_says_the_content_type() {
    let place = place(&["typed"]);
    let _host = Program::run(&place, &[]);
    for (file, content_type) in [("t.csv", "text/csv"), ("t.json", "application/json")] {
        let file = place.path().join(file);
        fs::write(&file, "1").unwrap();
        let ended = ask(
            &place,
            &["call", "content_type", "--file", file.to_str().unwrap()],
        );
        assert_eq!(ended.stdout, content_type);
    }
    let ended = ask(
        &place,
        &[
            "call",
            "content_type",
            "--data",
            "x",
            "--content-type",
            "text/x-ours",
        ],
    );
    assert_eq!(ended.stdout, "text/x-ours");
}

#[test]
fn exit_codes_tell_a_failed_task_from_wrong_usage_and_a_missing_host() {
    let place = place(&["misbehaves"]);
    let ended = ask(&place, &["call", "fails", "--data", ""]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("no host is running on "),
        "{}",
        ended.stderr
    );

    let _host = Program::run(&place, &[]);
    let ended = ask(&place, &["call", "fails", "--data", ""]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    for part in [
        "the report cannot be written",
        "page 7 is full",
        "the disk is gone",
    ] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
    let ended = ask(&place, &["call", "panics", "--data", "x"]);
    assert_eq!(ended.code, Some(1));
    let ended = ask(&place, &["call", "instanse", "--data", ""]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("did you mean \"instance\"?"),
        "{}",
        ended.stderr
    );
    let ended = ask(
        &place,
        &["call", "awaits", "--data", "", "--timeout", "0.05"],
    );
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("timeout"), "{}", ended.stderr);
    let ended = ask(&place, &["call"]);
    assert_eq!(ended.code, Some(2));
}

#[test]
fn plugins_and_routes_are_listed_as_json_and_as_tables() {
    let place = place(&["echo", "clash_1", "clash_2"]);
    fs::write(place.plugins().join("junk.so"), "junk").unwrap();
    let _host = Program::run(&place, &[]);
    let plugins = json(&ask(&place, &["plugins", "--json"]));
    let plugins = plugins.as_array().unwrap();
    assert_eq!(plugins.len(), 4);
    for plugin in plugins {
        for key in ["name", "version", "state", "generation", "path", "reason"] {
            assert!(plugin.get(key).is_some(), "{key} in {plugin}");
        }
    }
    let states: Vec<_> = plugins
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        states,
        [
            ("clash", "discovered"),
            ("clash", "running"),
            ("echo", "running"),
            ("junk.so", "failed")
        ]
    );
    let routes = json(&ask(&place, &["routes", "--json"]));
    for key in [
        "name",
        "description",
        "agents",
        "input_schema",
        "output_schema",
    ] {
        assert!(routes[0].get(key).is_some(), "{key} in {routes}");
    }
    let table = ask(&place, &["plugins"]).stdout;
    assert!(
        table.contains("echo") && table.contains("is not a library"),
        "{table}"
    );
    let table = ask(&place, &["routes"]).stdout;
    assert!(
        table.contains("Answers with the very bytes that it was sent."),
        "{table}"
    );
}

#[test]
fn a_file_is_inspected_without_being_run() {
    let file = library("initialize_blocks");
    let output = agentsys(&["inspect", file.to_str().unwrap(), "--json"])
        .output()
        .unwrap()
        .into();
    let inspected = json(&output);
    assert!(
        inspected.to_string().contains("\"initialize_blocks\""),
        "{inspected}"
    );
    let file = library("plain_library");
    let ended: Ended = agentsys(&["inspect", file.to_str().unwrap()])
        .output()
        .unwrap()
        .into();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    let line =
        "is a shared library but not an AgentSys plugin; build it with the agentsys-plugin crate";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
}

#[test]
fn every_commands_help_has_an_example() {
    let single = [
        "run", "call", "status", "plugins", "routes", "metrics", "errors", "events", "config",
        "inspect", "demo",
    ];
    let single = single.map(|command| vec![command]);
    let of_config = ["check", "show", "schema"].map(|command| vec!["config", command]);
    for command in single.into_iter().chain(of_config) {
        let ended: Ended = agentsys(&command).arg("--help").output().unwrap().into();
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.contains("Example"), "{}", ended.stdout);
    }
}

#[test]
fn the_socket_lies_in_a_directory_of_its_users_own_however_long_the_path() {
    let place = place(&["echo"]);
    let state = place
        .path()
        .join("a-long-name-".repeat(15))
        .join("another-long-name-".repeat(10));
    let mut child = Command::new(crate::harness::program())
        .args(["run", "--plugins"])
        .arg(place.plugins())
        .arg("--state-dir")
        .arg(&state)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stdout.as_mut().unwrap()),
        &mut ready,
    )
    .unwrap();
    let output = agentsys(&["call", "echo", "--data", "hello", "--state-dir"])
        .arg(&state)
        .output()
        .unwrap();
    let mode = fs::metadata(state.join("control"))
        .unwrap()
        .permissions()
        .mode()
        & 0o777;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        output.stdout,
        b"hello",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(mode, 0o700);
}

#[test]
fn the_log_may_be_json() {
    let place = place(&["echo"]);
    let mut host = Program::run(&place, &["--log-format", "json"]);
    host.signal(Signal::TERM);
    let ended = host.wait();
    let lines: Vec<Value> = ended
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.iter().any(|line| {
        line["message"]
            .as_str()
            .is_some_and(|it| it.contains("echo 0.1.0 serves"))
    }));
}

#[test]
fn plugins_may_come_from_several_directories() {
    let (one, two) = (place(&["echo"]), place(&["typed"]));
    let host = Program::run(&one, &["--plugins", two.plugins().to_str().unwrap()]);
    assert!(
        host.ready.starts_with("ready: 2 plugins, "),
        "{}",
        host.ready
    );
}

#[test]
fn a_call_of_a_route_whose_plugin_does_not_run_says_why() {
    let place = place(&["report_agent", "data_agents"]);
    let _host = Program::run(&place, &[]);
    let ended = ask(&place, &["call", "report_get", "--data", "{}"]);
    let why = "route \"report_get\" is not there: its plugin report-agent does not start: it needs activity-logger, and there is no such plugin";
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
    assert_eq!(ended.code, Some(1));
}

#[test]
fn what_a_plugin_says_of_its_agents_is_shown() {
    let file = library("agent_options");
    let inspect = ["inspect", file.to_str().unwrap()];
    let shown: Ended = agentsys(&inspect).output().unwrap().into();
    let line = "Another plugin serves it too. (weight 2, priority=1, zone=a)";
    assert!(shown.stdout.contains(line), "{}", shown.stdout);
    let line = "Awaits the route `gate`. (2 at a time)";
    assert!(shown.stdout.contains(line), "{}", shown.stdout);

    let place = place(&["agent_options", "agent_options_other"]);
    let _host = Program::run(&place, &[]);
    let table = ask(&place, &["routes"]).stdout;
    for words in [
        "agent-options (weight 2, priority=1, zone=a)",
        "agent-options-other (zone=b)",
        "(idempotent)",
    ] {
        assert!(table.contains(words), "{table}");
    }
    let routes = json(&ask(&place, &["routes", "--json"]));
    let mut routes = routes.as_array().unwrap().iter();
    let limited = routes.find(|route| route["name"] == "limited").unwrap();
    let agent = &limited["agents"][0];
    assert_eq!(
        (&agent["max_concurrent"], &agent["weight"]),
        (&2.into(), &1.into())
    );
}

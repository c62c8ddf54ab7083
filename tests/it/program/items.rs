//! `agentsys call` of handlers that answer item by item.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{ask, json as parsed, place};
use crate::harness::{Ended, Place, Program, agentsys};

/// A place with the fixture, which notes what is dropped.
fn streams() -> Place {
    let place = place(&["streams"]);
    let journal = place.path().join("journal");
    let toml = format!("[plugins.streams.config]\njournal = {journal:?}\n");
    fs::write(place.path().join("agentsys.toml"), toml).unwrap();
    place
}

fn run(place: &Place, more: &[&str]) -> Program {
    let file = place.path().join("agentsys.toml");
    let mut arguments = vec!["--config", file.to_str().unwrap()];
    arguments.extend(more);
    Program::run(place, &arguments)
}

/// A call, of the host that runs or in a process of its own.
fn call(place: &Place, own: bool, route: &str, data: &str) -> Command {
    let mut command = agentsys(&["call", route, "--data", data]);
    command
        .arg("--config")
        .arg(place.path().join("agentsys.toml"));
    command.arg("--state-dir").arg(place.state());
    if own {
        command.arg("--plugins").arg(place.plugins());
    }
    command
}

fn ended(mut command: Command) -> Ended {
    command.output().unwrap().into()
}

/// A call under way, and what it prints.
fn begin(mut command: Command) -> (Child, BufReader<ChildStdout>) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

fn next_line(out: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    line
}

/// How many calls of a route are under way.
fn under_way(place: &Place, route: &str) -> u64 {
    let routes = parsed(&ask(place, &["routes", "--json"]));
    let mut all = routes.as_array().unwrap().iter();
    let route = all.find(|known| known["name"] == route).unwrap();
    route["agents"][0]["in_flight"].as_u64().unwrap()
}

#[tokio::test]
async fn items_are_printed_while_they_come_and_a_pipe_that_closes_ends_the_handler() {
    for own in [false, true] {
        let place = streams();
        let _host = (!own).then(|| run(&place, &[]));
        let (mut child, mut out) = begin(call(&place, own, "endless", ""));
        for number in 0..3 {
            assert_eq!(next_line(&mut out), format!("{number}\n"));
        }

        drop(out);

        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(0), "a reader that has enough is no failure");
        place.journal().wait_for("endless dropped").await;
    }
}

#[tokio::test]
async fn a_pipe_that_closes_before_there_is_an_item_ends_the_handler() {
    let place = streams();
    let _host = run(&place, &[]);
    let (mut child, out) = begin(call(&place, false, "awaits", ""));
    while under_way(&place, "awaits") == 0 {}

    drop(out);

    assert_eq!(child.wait().unwrap().code(), Some(0));
    place.journal().wait_for("awaits dropped").await;
}

#[tokio::test]
async fn an_interrupt_ends_the_handler() {
    let place = streams();
    let _host = run(&place, &[]);
    let (mut child, _out) = begin(call(&place, false, "awaits", ""));
    while under_way(&place, "awaits") == 0 {}

    kill_process(Pid::from_child(&child), Signal::INT).unwrap();

    assert_eq!(child.wait().unwrap().code(), None);
    place.journal().wait_for("awaits dropped").await;
    while under_way(&place, "awaits") > 0 {}
}

#[tokio::test]
async fn an_interrupt_ends_the_handler_of_a_host_for_one_call_in_good_order() {
    let place = streams();
    let (child, mut out) = begin(call(&place, true, "endless", ""));
    next_line(&mut out);

    kill_process(Pid::from_child(&child), Signal::INT).unwrap();

    // Read to its end, so that it is not the pipe that ends it.
    while !next_line(&mut out).is_empty() {}
    let ended = Ended::from(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(1));
    let why = "SIGINT came before the answer had ended";
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
    place.journal().wait_for("endless dropped").await;
}

#[test]
fn an_error_after_some_items_is_told_and_is_the_exit_code() {
    let place = streams();
    let _host = run(&place, &[]);
    for own in [false, true] {
        let ended = ended(call(&place, own, "count_down", "3"));
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), "3\n2\n1\n"));
        assert!(ended.stderr.contains("error: lift off"), "{}", ended.stderr);
        let where_from = "(failed, route count_down, agent ";
        assert!(ended.stderr.contains(where_from), "{}", ended.stderr);
    }
    let before = ended(call(&place, false, "count_down", "0"));
    assert_eq!((before.code, before.stdout.as_str()), (Some(1), ""));
    assert!(before.stderr.contains("from nothing"), "{}", before.stderr);
    let panics = ended(call(&place, false, "panics_midway", "x"));
    assert_eq!((panics.code, panics.stdout.as_str()), (Some(1), "1\n"));
    assert!(panics.stderr.contains("no way: x"), "{}", panics.stderr);
}

#[test]
fn one_answer_is_printed_as_it_is_and_one_item_as_a_line() {
    let place = streams();
    let _host = run(&place, &[]);
    for own in [false, true] {
        assert_eq!(ended(call(&place, own, "double", "21")).stdout, "42");
        assert_eq!(ended(call(&place, own, "boxed", "21")).stdout, "21\n");
        let texts = ended(call(&place, own, "count", "2")).stdout;
        assert_eq!(texts, "\"count 1\"\n\"count 2\"\n");
        assert_eq!(ended(call(&place, own, "count", "0")).stdout, "");
        let mut as_json = call(&place, own, "double", "21");
        as_json.arg("--json");
        assert_eq!(ended(as_json).stdout, "42\n");
    }
    let large = ended(call(&place, false, "large", ""));
    assert_eq!(large.stdout.lines().count(), 1);
}

/// To the router its first answer is a stream in any case.
#[test]
fn a_lazy_plugins_first_call_is_shown_as_every_other() {
    for (route, expected) in [("double", "42"), ("boxed", "21\n")] {
        let place = streams();
        let _host = run(&place, &["--set", "plugins.streams.lazy=true"]);
        for _ in 0..2 {
            let ended = ended(call(&place, false, route, "21"));
            assert_eq!(ended.stdout, expected, "{}", ended.stderr);
        }
    }
}

#[test]
fn a_tables_rows_come_through_steps_as_lines() {
    let place = place(&["data_agents"]);
    let _host = Program::run(&place, &[]);
    let request = json!({
        "table": "name,mass\nAda,12.5\nBob,\nCy,30\n",
        "steps": [{ "op": "drop_missing" }],
    });
    let ended = ask(
        &place,
        &["call", "process_stream", "--data", &request.to_string()],
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let rows: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        rows,
        [
            json!({ "name": "Ada", "mass": 12.5 }),
            json!({ "name": "Cy", "mass": 30 })
        ]
    );
}

#[test]
fn a_stream_that_is_late_with_an_item_fails_and_the_time_given_is_that_of_the_whole() {
    let place = streams();
    let _host = run(&place, &["--set", "router.item_timeout=0.05"]);
    let late = ended(call(&place, false, "awaits", ""));
    assert_eq!((late.code, late.stdout.as_str()), (Some(1), ""));
    assert!(late.stderr.contains("timeout"), "{}", late.stderr);
    let mut limited = call(&place, false, "endless", "");
    limited.args(["--timeout", "0.2"]);
    let (child, mut out) = begin(limited);
    while !next_line(&mut out).is_empty() {}
    let ended = Ended::from(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("timeout"), "{}", ended.stderr);
}

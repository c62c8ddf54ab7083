//! How a running host ends, and what the next one finds.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{ask, json, place};
use crate::harness::{Program, agentsys};

#[test]
fn signals_end_a_host_in_good_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = place(&["echo", "typed", "nests", "logs"]);
        let mut host = Program::run(&place, &[]);
        host.signal(signal);
        let ended = host.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let named = |what: &str| {
            let lines = ended.stderr.lines().filter(|line| line.contains(what));
            let name = |line: &str| {
                ["echo", "typed", "nests", "logs"]
                    .into_iter()
                    .find(|name| line.contains(&format!(" {name} ")))
                    .unwrap()
            };
            lines.map(name).collect::<Vec<_>>()
        };
        let (started, mut stopped) = (named(" serves "), named(" is stopped"));
        stopped.reverse();
        assert_eq!(started.len(), 4, "{}", ended.stderr);
        assert_eq!(started, stopped, "the last to serve is the first to stop");
        assert!(place.copies().is_empty());
    }
}

#[test]
fn a_handler_that_never_returns_stops_neither_the_socket_nor_the_end() {
    let place = place(&["misbehaves", "echo"]);
    // Less than tasks have to drain: it holds all the same.
    let mut host = Program::run(&place, &["--shutdown-timeout", "1"]);
    let mut stuck: Vec<_> = (0..3)
        .map(|_| {
            let mut call = agentsys(&["call", "never_returns", "--data", "", "--state-dir"]);
            call.arg(place.state())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let in_flight = || {
        let routes = json(&ask(&place, &["routes", "--json"]));
        let routes = routes.as_array().unwrap().clone();
        let route = routes
            .into_iter()
            .find(|route| route["name"] == "never_returns")
            .unwrap();
        route["agents"][0]["in_flight"].as_u64().unwrap()
    };
    while in_flight() < 3 {}
    let ended = ask(&place, &["call", "echo", "--data", "still here"]);
    assert_eq!(ended.stdout, "still here", "{}", ended.stderr);

    let began = Instant::now();
    host.signal(Signal::TERM);
    let ended = host.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    stuck
        .iter_mut()
        .for_each(|call| assert_eq!(call.wait().unwrap().code(), Some(1)));
}

#[test]
fn a_cleanup_that_never_returns_does_not_stop_the_end() {
    let place = place(&["echo"]);
    place.add("cleanup_blocks");
    let mut host = Program::run(&place, &["--shutdown-timeout", "0.5"]);
    let began = Instant::now();
    host.signal(Signal::TERM);
    assert_eq!(host.wait().code, Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_signal_ends_a_host_whose_plugin_never_finishes_starting() {
    let place = place(&["initialize_blocks"]);
    let mut host = Program::spawn(&place, &[]);
    // The signals are listened for before the plugins are opened, and this is where that begins.
    while !place.state().join("generations").exists() || place.copies().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    host.signal(Signal::TERM);
    let ended = host.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn a_killed_hosts_leftovers_are_removed_and_its_socket_is_replaced() {
    let place = place(&["echo"]);
    let mut host = Program::run(&place, &[]);
    host.signal(Signal::KILL);
    assert_eq!(host.wait().code, None);
    let left = place.copies();
    assert_eq!(left.len(), 1);

    let ended = ask(&place, &["call", "echo", "--data", "anyone?"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);

    let _host = Program::run(&place, &[]);
    let now = place.copies();
    assert_eq!(now.len(), 1);
    assert_ne!(now, left);
    assert_eq!(
        ask(&place, &["call", "echo", "--data", "back"]).stdout,
        "back"
    );
}

#[test]
fn a_second_host_on_the_same_state_directory_is_refused() {
    let place = place(&["echo"]);
    let _host = Program::run(&place, &[]);
    let mut second = Program::spawn(&place, &[]);
    let ended = second.wait();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("already"), "{}", ended.stderr);
    assert_eq!(
        ask(&place, &["call", "echo", "--data", "the first"]).stdout,
        "the first"
    );
}

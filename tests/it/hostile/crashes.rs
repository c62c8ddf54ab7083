//! What ends the process, whoever is host: the next start says whose doing it was and serves the rest, the second time without the culprit.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Place, Program};
use crate::program::{ask, json, place};

fn assert_serves(place: &Place) {
    let ended = ask(place, &["call", "echo", "--data", "still here"]);
    assert_eq!(ended.stdout, "still here", "{}", ended.stderr);
}

/// Starts a host, has the culprit end it, and gives its log.
fn crash(place: &Place, culprit: &str) -> String {
    let mut host = Program::run(place, &[]);
    assert_serves(place);
    let asked = ask(place, &["call", culprit, "--data", ""]);
    assert_ne!(asked.code, Some(0), "{}", asked.stdout);
    host.wait().stderr
}

fn state(place: &Place, plugin: &str) -> (String, String) {
    let plugins = json(&ask(place, &["plugins", "--json"]));
    let plugins = plugins.as_array().unwrap();
    let found = plugins.iter().find(|found| found["name"] == plugin);
    let text = |field: &str| {
        found.unwrap()[field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (text("state"), text("reason"))
}

/// The culprit ends its host twice while it does that, and in that way.
fn ends_its_host(culprit: &str, doing: &str, how: &str) {
    let place = place(&["echo", culprit]);
    let told = format!("plugin {culprit} ended the host: {doing}, {how} (version ");
    let (first, second) = (crash(&place, culprit), crash(&place, culprit));
    assert!(!first.contains(&told), "{first}");
    assert!(second.contains(&told), "{second}");

    let mut host = Program::run(&place, &[]);
    assert_serves(&place);
    let cause = format!("it ended the host: {doing}, {how}");
    let list = json(&ask(&place, &["quarantine", "list", "--json"]));
    let list = list.as_array().unwrap();
    let told_of = |field: &str| {
        list.iter()
            .map(|one| one[field].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(told_of("plugin"), [culprit]);
    assert_eq!(told_of("kind"), ["crashes"]);
    assert_eq!(told_of("crashes"), [json!(2)]);
    assert_eq!(told_of("cause"), [json!(cause)]);
    let (failed, reason) = state(&place, culprit);
    assert_eq!(failed, "failed");
    assert!(reason.contains(&cause), "{reason}");

    assert_eq!(ask(&place, &["quarantine", "clear", culprit]).code, Some(0));
    let reloaded = ask(&place, &["reload", culprit]);
    assert_eq!(reloaded.code, Some(0), "{}", reloaded.stderr);
    assert_eq!(state(&place, culprit).0, "running");
    host.signal(Signal::TERM);
    let third = host.wait().stderr;
    assert!(third.contains(&told), "{third}");
}

#[test]
fn a_segfault_in_a_handler() {
    let doing = "route handler_segfaults";
    ends_its_host("handler_segfaults", doing, "by the signal SIGSEGV");
}

#[test]
fn a_stack_overflow_in_a_handler() {
    let doing = "route handler_overflows_the_stack";
    ends_its_host(
        "handler_overflows_the_stack",
        doing,
        "by the signal SIGSEGV",
    );
}

#[test]
fn an_abort_in_a_handler() {
    let doing = "route handler_aborts";
    ends_its_host("handler_aborts", doing, "by the signal SIGABRT");
}

#[test]
fn an_exit_in_a_handler() {
    let doing = "route handler_exits";
    ends_its_host("handler_exits", doing, "by a call of `exit`");
}

#[test]
fn a_thread_local_whose_destructor_panics() {
    let doing = "what it left on a thread that ends";
    ends_its_host("thread_local_panics", doing, "by the signal SIGABRT");
}

#[test]
fn a_segfault_on_a_thread_of_its_own() {
    let doing = "a thread of its own";
    ends_its_host("thread_segfaults", doing, "by the signal SIGSEGV");
}

//! What is changed of a running host: by commands, and by its config file.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{ask, json};
use crate::harness::{Ended, PATIENCE, Place, Program};

const FILE: &str = "changing.so";

/// A host that takes up what its folder holds when it is asked to.
fn host() -> (Place, Program) {
    let place = Place::new();
    place.add_as("changing_1", FILE);
    let host = Program::run(&place, &["--no-watch"]);
    (place, host)
}

fn answer(place: &Place) -> String {
    ask(place, &["call", "changing_now", "--data", ""]).stdout
}

/// What a command said that worked.
fn said(ended: Ended) -> String {
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    ended.stdout
}

#[test]
fn a_reload_takes_up_the_files_content_and_the_previous_one_comes_back() {
    let (place, _host) = host();
    place.put("changing_2", FILE);
    assert_eq!(answer(&place), "1.0.0");
    let line = said(ask(&place, &["reload", "changing"]));
    assert_eq!(line, "changing 2.0.0 is running (generation 2)\n");
    assert_eq!(answer(&place), "2.0.0");

    let plugin = json(&ask(
        &place,
        &["reload", "changing", "--to-previous", "--json"],
    ));
    assert_eq!(
        (&plugin["version"], &plugin["generation"]),
        (&"1.0.0".into(), &3.into())
    );
    assert_eq!(answer(&place), "1.0.0");

    let history = json(&ask(&place, &["history", "changing", "--json"]));
    let records = history.as_array().unwrap().iter();
    let numbers: Vec<_> = records.map(|it| (&it["number"], &it["version"])).collect();
    let expected: [(Value, Value); 3] = [
        (3.into(), "1.0.0".into()),
        (2.into(), "2.0.0".into()),
        (1.into(), "1.0.0".into()),
    ];
    assert!(numbers.into_iter().eq(expected.iter().map(|(a, b)| (a, b))));
    let table = said(ask(&place, &["history", "changing"]));
    let first = table.lines().nth(3).unwrap();
    assert!(
        first.starts_with("1 ")
            && first.contains("replaced by generation 2: a reload was asked for"),
        "{table}"
    );
}

#[test]
fn a_reload_that_fails_says_why_and_what_served_serves_on() {
    let (place, _host) = host();
    fs::write(place.plugins().join(FILE), "no library").unwrap();
    let ended = ask(&place, &["reload", "changing"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    let begin = "error: plugin changing was not replaced: ";
    assert!(ended.stderr.starts_with(begin), "{}", ended.stderr);
    assert_eq!(answer(&place), "1.0.0");
    let ended = ask(&place, &["reload", "changing", "--to-previous"]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("host.keep_previous"),
        "{}",
        ended.stderr
    );
    let screen = said(ask(&place, &["status"]));
    let (_, why) = screen.split_once("\nRunning, but:\n").unwrap();
    assert!(
        why.contains("changing: ") && why.contains(" did not replace 1.0.0: "),
        "{screen}"
    );
}

#[test]
fn a_plugin_is_disabled_and_enabled_by_its_name() {
    let (place, _host) = host();
    let line = said(ask(&place, &["disable", "changing"]));
    assert_eq!(line, "changing 1.0.0 is disabled (generation 1)\n");
    assert_eq!(
        ask(&place, &["call", "changing_now", "--data", ""]).code,
        Some(1)
    );
    let ended = ask(&place, &["reload", "changing"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("enable it first"), "{}", ended.stderr);
    let plugin = json(&ask(&place, &["enable", "changing", "--json"]));
    assert_eq!(
        (&plugin["state"], &plugin["generation"]),
        (&"running".into(), &2.into())
    );
    assert_eq!(answer(&place), "1.0.0");
}

#[test]
fn a_name_that_is_no_plugins_is_told_with_the_one_that_may_be_meant() {
    let (place, _host) = host();
    for command in ["reload", "enable", "disable"] {
        let ended = ask(&place, &[command, "chnging"]);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(1), ""),
            "{command}"
        );
        let error = "error: there is no plugin \"chnging\"; did you mean \"changing\"?";
        assert!(
            ended.stderr.starts_with(error),
            "{command}: {}",
            ended.stderr
        );
    }
    let ended = ask(&place, &["history", "chnging"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(
        ended.stderr.contains("there is no plugin \"chnging\""),
        "{}",
        ended.stderr
    );
}

#[test]
fn without_a_host_nothing_is_changed_and_the_code_says_so() {
    let place = Place::new();
    for command in ["reload", "enable", "disable", "history"] {
        let ended = ask(&place, &[command, "changing"]);
        assert_eq!(ended.code, Some(3), "{command}: {}", ended.stderr);
    }
}

/// Waits for what a file's change leads to.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(
            began.elapsed() < PATIENCE,
            "it does not come to this: {what}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_config_file_that_changes_takes_effect_and_a_broken_one_changes_nothing() {
    let place = Place::new();
    place.add("configured");
    let file = place.path().join("agentsys.toml");
    let write = |rows: &str| {
        let toml = format!("[plugins.configured.config]\nmax_rows = {rows}\n");
        fs::write(&file, toml).unwrap();
    };
    write("1");
    let _host = Program::run(&place, &["--config", file.to_str().unwrap()]);
    let rows = || json(&ask(&place, &["call", "config", "--data", ""]))["max_rows"].take();
    let trouble = || json(&ask(&place, &["status", "--json"]))["config_trouble"].take();
    assert_eq!((rows(), trouble()), (1.into(), Value::Null));

    write("2");
    until("the change takes effect", || rows() == 2);

    fs::write(
        &file,
        "[router]\ntimeout = \"soon\"\n[plugins.configured.config]\nmax_rows = 3\n",
    )
    .unwrap();
    until("the file's trouble is reported", || !trouble().is_null());
    let told = trouble();
    assert!(
        told.as_str()
            .unwrap()
            .contains("agentsys.toml:2:11: router.timeout is \"soon\""),
        "{told}"
    );
    let screen = said(ask(&place, &["status"]));
    assert!(
        screen.contains("the changed configuration changes nothing: "),
        "{screen}"
    );
    assert_eq!(rows(), 2);

    write("4");
    until("the mended file takes effect", || rows() == 4);
    assert_eq!(trouble(), Value::Null);
    let plugins = json(&ask(&place, &["plugins", "--json"]));
    assert_eq!(plugins[0]["generation"], 3);
}

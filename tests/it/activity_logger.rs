//! `activity-logger` in a host: both routes, what its filters keep out, and that no line is lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentsys_host::{ErrorKind, Payload, RoutePolicy};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Place, Setup, TestHost, options};

/// A host whose logger writes to `activity.log` of its place, with these options beside.
fn logging(config: Value) -> Setup {
    let place = Place::new();
    place.add("activity_logger");
    let mut all = json!({ "log_file": log_of(&place) });
    all.as_object_mut()
        .unwrap()
        .extend(config.as_object().unwrap().clone());
    Setup::at(place).plugin("activity-logger", options(all))
}

fn log_of(place: &Place) -> PathBuf {
    place.path().join("logs/activity.log")
}

impl TestHost {
    async fn log(&self, route: &str, entry: Value) -> Value {
        let entry = Payload::json(entry.to_string());
        let answer = self.call(route, entry).await.unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    fn log_lines(&self) -> Vec<String> {
        let text = fs::read_to_string(log_of(&self.place)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn json_lines(&self) -> Vec<Value> {
        let lines = self.log_lines().into_iter();
        lines
            .map(|line| serde_json::from_str(&line).unwrap())
            .collect()
    }
}

/// A line without its time.
fn without_time(line: &str) -> &str {
    line.split_once(' ').unwrap().1
}

#[tokio::test]
async fn activities_and_errors_are_written_as_sentences() {
    let host = logging(json!({})).start().await;
    let logged = json!({ "logged": true });
    let entry = json!({ "agent": "a", "activity": "started", "details": { "rows": 3 } });
    assert_eq!(host.log("log_activity", entry).await, logged);
    let entry =
        json!({ "agent": "a", "error": "no table", "causes": ["no file"], "kind": "not_found" });
    assert_eq!(host.log("log_error", entry).await, logged);
    let lines = host.log_lines();
    let lines: Vec<&str> = lines.iter().map(|line| without_time(line)).collect();
    assert_eq!(
        lines,
        [
            "INFO Agent 'a' - started: {\"rows\":3}",
            "ERROR Agent 'a' encountered error: no table: no file [not_found]",
        ]
    );
}

#[tokio::test]
async fn json_lines_hold_the_entry_as_an_object() {
    let host = logging(json!({ "format": "json" })).start().await;
    let entry =
        json!({ "agent": "a", "activity": "two\nlines", "details": [1, null], "level": "warn" });
    host.log("log_activity", entry).await;
    let entry = json!({ "agent": "b", "error": "late", "causes": ["snow", "ice"] });
    host.log("log_error", entry).await;
    let mut lines = host.json_lines();
    for line in &mut lines {
        let time = line.as_object_mut().unwrap().remove("time").unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    }
    let expected = [
        json!({ "level": "warn", "agent": "a", "activity": "two\nlines", "details": [1, null] }),
        json!({ "level": "error", "agent": "b", "error": "late", "causes": ["snow", "ice"] }),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn filters_keep_agents_and_levels_out_and_the_caller_is_told() {
    let config = json!({
        "format": "json",
        "log_level": "warn",
        "agents": ["a", "b", "c"],
        "ignore_agents": ["c"],
        "levels": { "b": "debug" },
    });
    let host = logging(config).start().await;
    let mut passed = Vec::new();
    for agent in ["a", "b", "c", "d"] {
        for level in ["trace", "debug", "info", "warn", "error"] {
            let entry = json!({ "agent": agent, "activity": "x", "level": level });
            if host.log("log_activity", entry).await["logged"] == true {
                passed.push(format!("{agent} {level}"));
            }
        }
    }
    let expected = [
        "a warn", "a error", "b debug", "b info", "b warn", "b error",
    ];
    assert_eq!(passed, expected);
    let written = host.json_lines().into_iter().map(|line| {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        format!("{} {}", text("agent"), text("level"))
    });
    assert_eq!(written.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn process_takes_both_kinds_of_entries() {
    let host = logging(json!({})).start().await;
    let logger = host.plugin("activity-logger").unwrap();
    for entry in [
        json!({ "agent": "a", "activity": "started" }),
        json!({ "agent": "a", "error": "no table" }),
    ] {
        let answer = logger.process(Payload::json(entry.to_string())).await;
        assert_eq!(answer.unwrap().to_str().unwrap(), "{\"logged\":true}");
    }
    let error = logger.process(Payload::json("{\"agent\":\"a\"}")).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(host.log_lines().len(), 2);
}

#[tokio::test]
async fn an_entry_that_does_not_fit_is_refused_and_not_written() {
    let host = logging(json!({})).start().await;
    for (route, entry) in [
        ("log_activity", json!({ "agent": "a", "error": "e" })),
        (
            "log_activity",
            json!({ "agent": "a", "activity": "x", "levle": "info" }),
        ),
        ("log_error", json!({ "error": "e" })),
    ] {
        let error = host.call(route, Payload::json(entry.to_string())).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(host.log_lines().is_empty());
}

#[tokio::test]
async fn a_log_file_that_cannot_be_opened_fails_its_start_with_the_reason() {
    let place = Place::new();
    place.add("activity_logger");
    let file = place.path().join("plugins");
    let config = json!({ "log_file": file });
    let host = Setup::at(place)
        .plugin("activity-logger", options(config))
        .start()
        .await;
    let reason = host.failure("activity-logger");
    assert!(
        reason.contains("cannot open the log file DIR: ") && reason.contains("directory"),
        "{reason}"
    );
    let error = host.call("log_activity", "{}").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn options_that_do_not_fit_fail_its_start_with_the_key() {
    for (config, expected) in [
        (json!({ "log_format": "{time} {agnet}" }), "log_format"),
        (json!({ "log_level": "loud" }), "log_level"),
        (json!({ "rotate_size": 0 }), "rotate_size"),
        (json!({ "keep_files": 0 }), "keep_files"),
        (json!({ "log_file": "" }), "log_file"),
        (json!({ "rotate": true }), "rotate"),
    ] {
        let host = logging(config).start().await;
        let reason = host.failure("activity-logger");
        assert!(reason.contains(expected), "{reason}");
    }
}

/// All lines of a log and of its rotated files.
fn all_lines(log: &Path) -> (usize, Vec<String>) {
    let mut files = 0;
    let mut lines = Vec::new();
    for entry in fs::read_dir(log.parent().unwrap()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        lines.extend(text.lines().map(str::to_owned));
        files += 1;
    }
    (files, lines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_thousand_callers_at_once_find_each_line_once_in_the_rotated_files() {
    let patient = RoutePolicy::default().timeout(Duration::from_secs(600));
    let config = json!({ "format": "json", "rotate_size": 20_000, "keep_files": 1000 });
    let host = logging(config)
        .tune(|builder| builder.default_policy(patient))
        .start()
        .await;
    let callers = (0..2_000).map(|number| {
        let router = host.router().clone();
        tokio::spawn(async move {
            let entry = match number % 2 {
                0 => json!({ "agent": "a", "activity": "x", "details": number }),
                _ => json!({ "agent": "a", "error": "x", "details": number }),
            };
            let route = ["log_activity", "log_error"][number % 2];
            router
                .route_task(route, Payload::json(entry.to_string()))
                .await
        })
    });
    for answer in join_all(callers).await {
        assert_eq!(
            answer.unwrap().unwrap().to_str().unwrap(),
            "{\"logged\":true}"
        );
    }
    host.shutdown().await;

    let (files, lines) = all_lines(&log_of(&host.place));
    assert!(files > 5, "{files}");
    let mut seen = BTreeMap::new();
    for line in lines {
        let line: Value = serde_json::from_str(&line).unwrap();
        *seen.entry(line["details"].as_u64().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 2_000);
    assert!(seen.values().all(|times| *times == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_call_that_a_shutdown_let_finish_has_its_line() {
    let host = logging(json!({ "format": "json" })).start().await;
    let callers = (0..1_000).map(|number| {
        let router = host.router().clone();
        tokio::spawn(async move {
            let entry = json!({ "agent": "a", "activity": "x", "details": number });
            let answer = router.route_task("log_activity", Payload::json(entry.to_string()));
            answer.await.is_ok().then_some(number)
        })
    });
    let callers: Vec<_> = callers.collect();
    host.shutdown().await;
    let mut answered: Vec<u64> = Vec::new();
    for caller in callers {
        answered.extend(caller.await.unwrap());
    }
    let mut written: Vec<u64> = host
        .json_lines()
        .iter()
        .map(|line| line["details"].as_u64().unwrap())
        .collect();
    answered.sort_unstable();
    written.sort_unstable();
    assert_eq!(written, answered);
}

#[tokio::test]
async fn two_instances_write_one_file_and_a_restart_appends_to_it() {
    let place = Place::new();
    place.add("activity_logger");
    let config = json!({ "log_file": log_of(&place), "format": "json" });
    for life in 0..2 {
        let host = Setup::at(place.clone())
            .plugin("activity-logger", options(config.clone()).instances(2))
            .start()
            .await;
        for number in 0..10 {
            let entry = json!({ "agent": "a", "activity": "x", "details": life * 10 + number });
            host.log("log_activity", entry).await;
        }
        host.shutdown().await;
    }
    let (files, lines) = all_lines(&log_of(&place));
    assert_eq!(files, 1);
    let numbers = lines.iter().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["details"].as_u64().unwrap()
    });
    assert!(numbers.eq(0..20), "{lines:?}");
}

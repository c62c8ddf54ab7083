//! `#[route("…", logged)]`: begin, end, duration and error of each call, for each kind of handler.

use std::time::Duration;

use agentsys_host::{PluginOptions, RoutePolicy};
use serde_json::Value;

use crate::harness::{Setup, TestHost, logged};

/// A host with the plugin under a name of the test's own.
async fn host(name: &str) -> TestHost {
    setup(name).start().await
}

fn setup(name: &str) -> Setup {
    let options = PluginOptions::default().library("logs-calls");
    Setup::with(&["logs_calls"]).plugin(name, options)
}

struct Line {
    level: String,
    message: String,
    fields: Value,
}

/// What a plugin's calls left in the log.
fn lines(plugin: &str) -> Vec<Line> {
    let all = logged(plugin).into_iter();
    let of_calls = all.filter(|line| {
        line["fields"]["plugin"] == plugin && line["fields"]["module"] == "agentsys_plugin::calls"
    });
    of_calls
        .map(|line| Line {
            level: line["level"].as_str().unwrap().to_owned(),
            message: line["fields"]["message"].as_str().unwrap().to_owned(),
            fields: serde_json::from_str(line["fields"]["fields"].as_str().unwrap()).unwrap(),
        })
        .collect()
}

#[tokio::test]
async fn a_call_that_is_answered_is_logged_at_its_begin_and_its_end() {
    let host = host("calls-answered").await;
    for route in ["plain", "async", "blocking"] {
        host.call(route, "four").await.unwrap();
    }
    let lines = lines("calls-answered");
    let messages: Vec<&str> = lines.iter().map(|line| &line.message[..]).collect();
    assert_eq!(
        messages,
        [
            "`plain` begins",
            "`plain` ended",
            "`async` begins",
            "`async` ended",
            "`blocking` begins",
            "`blocking` ended",
        ]
    );
    for pair in lines.chunks(2) {
        let [begin, end] = pair else { unreachable!() };
        assert_eq!((&begin.level[..], &end.level[..]), ("INFO", "INFO"));
        assert_eq!(begin.fields["bytes"], 4);
        assert_eq!(begin.fields["route"], end.fields["route"]);
        assert!(begin.fields["task"].as_u64().unwrap() > 0);
        assert_eq!(begin.fields["task"], end.fields["task"]);
        assert!(end.fields["ms"].as_f64().unwrap() >= 0.0);
    }
}

#[tokio::test]
async fn a_call_that_fails_is_logged_with_its_error_and_its_causes() {
    let host = host("calls-failed").await;
    for route in ["plain", "async", "blocking"] {
        host.call(route, "fail").await.unwrap_err();
        let line = lines("calls-failed").pop().unwrap();
        assert_eq!(line.level, "ERROR");
        let error = "the book is thin: no such page";
        assert_eq!(line.message, format!("`{route}` failed: {error}"));
        assert_eq!(line.fields["error"], error);
        assert_eq!(line.fields["kind"], "not_found");
        assert!(line.fields["ms"].is_f64());
    }
}

#[tokio::test]
async fn a_call_that_panics_is_logged_with_its_words_and_its_place() {
    let host = host("calls-panicked").await;
    for route in ["plain", "async", "blocking"] {
        host.call(route, "panic").await.unwrap_err();
        let line = lines("calls-panicked").pop().unwrap();
        assert_eq!(line.level, "ERROR", "{}", line.message);
        let begin = format!("`{route}` failed: the handler of route `{route}` panicked at ");
        assert!(line.message.starts_with(&begin), "{}", line.message);
        assert!(line.message.ends_with(": no way"), "{}", line.message);
        assert_eq!(line.fields["kind"], "panicked");
    }
}

#[tokio::test]
async fn input_that_does_not_fit_is_logged_as_the_calls_error() {
    let host = host("calls-misfit").await;
    for route in ["plain", "async", "blocking"] {
        let data = agentsys_host::Payload::from(vec![0xff]);
        host.router().route_task(route, data).await.unwrap_err();
        let line = lines("calls-misfit").pop().unwrap();
        assert_eq!(line.fields["kind"], "invalid_input");
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_is_logged_as_that() {
    let quick = RoutePolicy::default().timeout(Duration::from_millis(30));
    let host = setup("calls-given-up")
        .tune(|builder| builder.route_policy("async", quick))
        .start()
        .await;
    host.call("async", "wait").await.unwrap_err();
    let line = lines("calls-given-up").pop().unwrap();
    assert_eq!(line.level, "WARN");
    assert_eq!(line.message, "`async` was given up before its end");
    assert!(line.fields["ms"].as_f64().unwrap() >= 0.0);
}

#[tokio::test]
async fn a_handler_without_the_word_logs_nothing() {
    let host = host("calls-silent").await;
    host.call("silent", "x").await.unwrap();
    host.call("silent", "fail").await.unwrap_err();
    assert!(lines("calls-silent").is_empty());
}

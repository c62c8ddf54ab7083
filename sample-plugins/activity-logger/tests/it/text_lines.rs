//! Lines of text, to the letter.

use activity_logger::{Template, TemplateError};
use serde_json::json;

use crate::support::{activity, line, trouble};

#[test]
fn an_activity_reads_as_a_sentence() {
    let started = activity(json!({
        "agent": "report-agent", "activity": "started", "details": {"rows": 344, "by": ["island"]}
    }));
    assert_eq!(
        line(json!({}), &started),
        r#"2023-11-14T22:13:20.007Z INFO Agent 'report-agent' - started: {"by":["island"],"rows":344}"#
    );
}

#[test]
fn details_may_be_anything_or_nothing() {
    let with = |details| {
        let entry = json!({"agent": "a", "activity": "waits", "details": details});
        line(json!({"log_format": "{message}"}), &activity(entry))
    };
    assert_eq!(with(json!(null)), "Agent 'a' - waits");
    assert_eq!(with(json!("for rain")), "Agent 'a' - waits: for rain");
    assert_eq!(with(json!(2.5)), "Agent 'a' - waits: 2.5");
    assert_eq!(with(json!([])), "Agent 'a' - waits: []");
}

#[test]
fn an_error_tells_its_causes_kind_and_details() {
    let entry = trouble(json!({
        "agent": "report-agent", "error": "no report", "causes": ["the disk is full", "quota"],
        "kind": "unavailable", "details": {"id": 7}
    }));
    assert_eq!(
        line(json!({}), &entry),
        r#"2023-11-14T22:13:20.007Z ERROR Agent 'report-agent' encountered error: no report: the disk is full: quota [unavailable] {"id":7}"#
    );
    let bare = trouble(json!({"agent": "report-agent", "error": "no report"}));
    assert_eq!(
        line(json!({}), &bare),
        "2023-11-14T22:13:20.007Z ERROR Agent 'report-agent' encountered error: no report"
    );
}

#[test]
fn a_format_places_each_piece() {
    let format = json!({
        "log_format": "{{{time}}}\t{level}|{agent}|{activity}|{error}|{kind}|{causes}|{details}"
    });
    let started = activity(json!({
        "agent": "a", "activity": "started", "level": "debug", "details": [1]
    }));
    assert_eq!(
        line(format.clone(), &started),
        "{2023-11-14T22:13:20.007Z}\tDEBUG|a|started||||[1]"
    );
    let failed = trouble(json!({
        "agent": "a", "error": "late", "kind": "timeout", "causes": ["snow", "ice"]
    }));
    assert_eq!(
        line(format, &failed),
        "{2023-11-14T22:13:20.007Z}\tERROR|a||late|timeout|snow: ice|"
    );
}

#[test]
fn what_an_agent_sends_is_no_placeholder() {
    let entry = activity(json!({"agent": "{time}", "activity": "{level} {{"}));
    assert_eq!(
        line(json!({"log_format": "{agent} {activity}"}), &entry),
        "{time} {level} {{"
    );
}

#[test]
fn a_format_that_is_wrong_says_where() {
    let problem = |format| Template::parse(format).unwrap_err().to_string();
    assert_eq!(
        problem("{time} {agnet}"),
        "the placeholder {agnet} is unknown; known are {time}, {level}, {agent}, {activity}, {error}, {kind}, {causes}, {details}, {message}"
    );
    assert!(problem("{}").starts_with("the placeholder {} is unknown"));
    assert!(problem("{time:%Y}").starts_with("the placeholder {time:%Y} is unknown"));
    assert_eq!(
        problem("ä {time"),
        "the { at character 3 is never closed; write {{ for a brace"
    );
    assert_eq!(
        problem("{time{level}"),
        "the { at character 1 is never closed; write {{ for a brace"
    );
    assert_eq!(
        problem("time} {level}"),
        "the } at character 5 closes nothing; write }} for a brace"
    );
    assert_eq!(
        Template::parse("{time}\n{message}"),
        Err(TemplateError::Control { position: 7 })
    );
    assert_eq!(Template::parse("hello"), Err(TemplateError::Constant));
    assert_eq!(Template::parse(""), Err(TemplateError::Constant));
}

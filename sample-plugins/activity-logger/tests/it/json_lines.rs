//! Lines of JSON, to the letter.

use serde_json::{Value, json};

use crate::support::{activity, line, trouble};

fn json_line(entry: &activity_logger::Entry) -> String {
    line(json!({"format": "json"}), entry)
}

#[test]
fn an_activity_is_an_object() {
    let started = activity(json!({
        "agent": "report-agent", "activity": "started", "level": "warn", "details": {"rows": 344}
    }));
    assert_eq!(
        json_line(&started),
        r#"{"time":"2023-11-14T22:13:20.007Z","level":"warn","agent":"report-agent","activity":"started","details":{"rows":344}}"#
    );
}

#[test]
fn an_error_is_an_object() {
    let failed = trouble(json!({
        "agent": "a", "error": "late", "kind": "timeout", "causes": ["snow"], "details": "no"
    }));
    assert_eq!(
        json_line(&failed),
        r#"{"time":"2023-11-14T22:13:20.007Z","level":"error","agent":"a","error":"late","kind":"timeout","causes":["snow"],"details":"no"}"#
    );
}

#[test]
fn what_is_not_there_is_left_out() {
    let entry = activity(json!({"agent": "a", "activity": "waits"}));
    assert_eq!(
        json_line(&entry),
        r#"{"time":"2023-11-14T22:13:20.007Z","level":"info","agent":"a","activity":"waits"}"#
    );
    let entry = trouble(json!({"agent": "a", "error": "late"}));
    assert_eq!(
        json_line(&entry),
        r#"{"time":"2023-11-14T22:13:20.007Z","level":"error","agent":"a","error":"late"}"#
    );
}

#[test]
fn every_character_comes_back_as_it_was_sent() {
    let text: String = (0..0x3000).filter_map(char::from_u32).collect();
    let entry = activity(json!({
        "agent": &text, "activity": &text, "details": {&text: [&text]}
    }));
    let line = json_line(&entry);
    let back: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(back["agent"], text);
    assert_eq!(back["activity"], text);
    assert_eq!(back["details"][&text][0], text);
    assert!(!line.chars().any(char::is_control));
}

use std::time::Duration;

use serde_json::{from_value, json, to_value};

use super::super::message::{Request, Response, WireError};

#[test]
fn a_call_is_written_with_its_timeout_in_seconds() {
    let request = Request::Call {
        route: "analyze_data".into(),
        content_type: "text/csv".into(),
        timeout: Some(Duration::from_millis(2500)),
        streams: true,
    };

    let written = to_value(&request).unwrap();

    assert_eq!(
        written,
        json!({"kind": "call", "value": {
            "route": "analyze_data", "content_type": "text/csv", "timeout": 2.5, "streams": true
        }})
    );
    assert_eq!(from_value::<Request>(written).unwrap(), request);
}

#[test]
fn a_request_without_values_is_its_kind_alone() {
    assert_eq!(
        to_value(Request::Plugins).unwrap(),
        json!({"kind": "plugins"})
    );
    for (written, request) in [
        ("routes", Request::Routes),
        ("status", Request::Status),
        ("metrics", Request::Metrics),
        ("prometheus", Request::Prometheus),
        ("errors", Request::Errors),
        ("events", Request::Events),
    ] {
        assert_eq!(
            from_value::<Request>(json!({ "kind": written })).unwrap(),
            request
        );
    }
}

#[test]
fn a_negative_timeout_is_refused_when_it_is_read() {
    let error = from_value::<Request>(json!({"kind": "call", "value": {
        "route": "r", "content_type": "text/plain", "timeout": -1.0
    }}))
    .unwrap_err();

    assert_eq!(error.to_string(), "-1 is no duration in seconds");
}

#[test]
fn a_list_may_be_an_array() {
    let response = Response::Plugins(json!([{"name": "echo"}]));

    let written = to_value(&response).unwrap();

    assert_eq!(
        written,
        json!({"kind": "plugins", "value": [{"name": "echo"}]})
    );
    assert_eq!(from_value::<Response>(written).unwrap(), response);
}

#[test]
fn a_failure_needs_a_kind_and_a_message_only() {
    let read: Response = from_value(json!({"kind": "failed", "value": {
        "error": {"kind": "timeout", "message": "too slow", "later": "unknown to us"}
    }}))
    .unwrap();

    let error = WireError {
        kind: "timeout".into(),
        message: "too slow".into(),
        causes: Vec::new(),
        retryable: false,
        route: None,
        agent: None,
    };
    assert_eq!(read, Response::Failed { error });
}

#[test]
fn a_program_that_says_nothing_of_streams_gets_none() {
    let read = from_value(json!({"kind": "call", "value": {
        "route": "r", "content_type": "text/plain"
    }}))
    .unwrap();

    assert!(matches!(read, Request::Call { streams: false, .. }));
}

#[test]
fn the_frames_of_a_stream_are_named() {
    assert_eq!(
        to_value(Response::Item {
            content_type: "text/csv".into()
        })
        .unwrap(),
        json!({"kind": "item", "value": {"content_type": "text/csv"}})
    );
    for (written, response) in [("opened", Response::Opened), ("end", Response::End)] {
        assert_eq!(to_value(&response).unwrap(), json!({ "kind": written }));
    }
}

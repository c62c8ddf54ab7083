//! The agent, with the others played by the test.

#![allow(clippy::unwrap_used, reason = "tests")]

use agentsys_plugin::testing::{Level, TestHost, TestHostBuilder};
use agentsys_plugin::{Error, ErrorKind, ReadPayload};
use report_agent::{Report, ReportAgent};
use serde_json::{Value, json};

fn agent() -> TestHostBuilder {
    TestHost::of::<ReportAgent>()
        .fake("process_data", |_| Ok(json!([{ "a": 1 }, { "a": 2 }])))
        .fake("analyze_data", |_| Ok(json!({ "rows": 2 })))
        .fake("log_activity", |_| Ok(json!({ "logged": true })))
        .fake("log_error", |_| Ok(json!({ "logged": true })))
}

fn table() -> Value {
    json!({ "table": "a\n1\n2\n\n", "id": "7" })
}

#[tokio::test]
async fn a_report_is_stored_made_logged_and_measured() {
    let host = agent().start().await.unwrap();
    let report: Report = host.call("report", table()).await.unwrap().read().unwrap();
    assert_eq!((report.id.as_str(), report.rows), ("7", 2));
    assert_eq!(report.summary, json!({ "rows": 2 }));

    assert_eq!(
        host.stored_keys().await.unwrap(),
        ["task_7", "task_7_result"]
    );
    let stored: Value = host.stored_as("task_7").await.unwrap().unwrap();
    assert_eq!(stored["table"], table()["table"]);
    assert_eq!(
        host.stored_as::<Report>("task_7_result").await.unwrap(),
        Some(report)
    );

    let asked: Value = host.calls("process_data")[0].clone().read().unwrap();
    assert_eq!(asked["steps"], json!([{ "op": "drop_missing" }]));
    let told = host.calls("log_activity").into_iter().map(|entry| {
        let entry: Value = entry.read().unwrap();
        assert_eq!(entry["agent"], "report-agent");
        entry["activity"].as_str().unwrap().to_owned()
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        ["started", "processed", "finished"]
    );
    assert_eq!((host.counter("reports"), host.counter("rows")), (1.0, 2.0));
    assert_eq!(host.measured("process_time"), 1);
    assert!(host.logged("`report` begins") && host.logged("`report` ended"));
    host.cleanup().await.unwrap();
}

#[tokio::test]
async fn a_report_of_an_earlier_life_is_found_again_and_one_that_never_was_is_not() {
    let earlier = Report {
        id: "old".to_owned(),
        rows: 3,
        summary: json!({}),
    };
    let host = agent()
        .stored("task_old_result", earlier.clone())
        .start()
        .await
        .unwrap();
    let found: Report = host
        .call("report_get", json!({ "id": "old" }))
        .await
        .unwrap()
        .read()
        .unwrap();
    assert_eq!(found, earlier);
    let error = host
        .call("report_get", json!({ "id": "new" }))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::NotFound, "there is no report new")
    );
}

#[tokio::test]
async fn what_goes_wrong_is_told_to_the_activity_log_and_to_the_caller() {
    let host = TestHost::of::<ReportAgent>()
        .fake("process_data", |_| {
            Err::<Value, _>(Error::invalid_input("row 3 is ragged"))
        })
        .fake("log_activity", |_| Ok(json!({})))
        .fake("log_error", |_| Ok(json!({})))
        .start()
        .await
        .unwrap();
    let error = host.call("report", table()).await.unwrap_err();
    assert_eq!(error.message(), "report 7 could not be made");
    assert_eq!(error.causes(), ["row 3 is ragged"]);
    let told: Value = host.calls("log_error")[0].clone().read().unwrap();
    assert_eq!(
        (&told["error"], &told["kind"]),
        (&json!("row 3 is ragged"), &json!("invalid_input"))
    );
    assert_eq!(host.counter("reports"), 0.0);
}

#[tokio::test]
async fn an_activity_log_that_fails_costs_a_warning_and_no_report() {
    let host = TestHost::of::<ReportAgent>()
        .fake("process_data", |_| Ok(json!([])))
        .fake("analyze_data", |_| Ok(json!({})))
        .fake("log_activity", |_| {
            Err::<Value, _>(Error::failed("the disk is full"))
        })
        .start()
        .await
        .unwrap();
    host.call("report", table()).await.unwrap();
    let warnings = host
        .logs()
        .into_iter()
        .filter(|line| line.level == Level::Warn);
    assert_eq!(warnings.count(), 3);
}

#[tokio::test]
async fn the_plugins_own_process_reports_too_and_makes_a_number_where_none_is_given() {
    let host = agent().start().await.unwrap();
    let made = host.process(json!({ "table": [] })).await.unwrap();
    let report: Report = made.read().unwrap();
    assert_eq!(report.id.len(), 32);
    let error = host
        .call("report", json!({ "table": [], "id": "a/b" }))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_route_that_cannot_be_one_is_refused_before_the_agent_starts() {
    let error = agent()
        .config(json!({ "process_route": "No Route" }))
        .start()
        .await
        .unwrap_err();
    let expected = "plugins.report-agent.config.process_route: must match ^[a-z0-9]";
    assert!(error.message().contains(expected), "{error:?}");
}

//! `report-agent` with the agents that it uses: a report is stored, processed, analyzed, logged, answered, and found again after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentsys_host::{
    ErrorKind, Metric, Payload, PluginMetrics, PluginState, RoutePolicy, TaskError,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Place, Setup, TestHost, options};

fn place() -> Place {
    let place = Place::new();
    for plugin in ["report_agent", "data_agents", "activity_logger"] {
        place.add(plugin);
    }
    place
}

fn log_of(place: &Place) -> PathBuf {
    place.path().join("activity.log")
}

fn setup(place: &Place) -> Setup {
    let config = json!({ "log_file": log_of(place), "format": "json" });
    Setup::at(place.clone()).plugin("activity-logger", options(config))
}

fn penguins() -> String {
    let path = "../sample-plugins/data-agents/data/penguins.csv";
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn figures(host: &TestHost, plugin: &str) -> PluginMetrics {
    let mut all = host.metrics().plugins.into_iter();
    all.find(|metrics| metrics.plugin == plugin).unwrap()
}

/// What was logged of each report: its activities, or its errors.
fn logged(place: &Place) -> BTreeMap<String, Vec<String>> {
    let mut reports: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in fs::read_to_string(log_of(place)).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["agent"], "report-agent");
        let report = line["details"]["report"].as_str().unwrap();
        let what = line["activity"].as_str().or(line["error"].as_str());
        let of_report = reports.entry(report.to_owned()).or_default();
        of_report.push(what.unwrap().to_owned());
    }
    reports
}

async fn report(host: &TestHost, request: Value) -> Result<Value, TaskError> {
    let answer = host
        .call("report", Payload::json(request.to_string()))
        .await?;
    Ok(serde_json::from_str(&answer).unwrap())
}

async fn report_get(host: &TestHost, id: &str) -> Result<Value, TaskError> {
    let lookup = Payload::json(json!({ "id": id }).to_string());
    let answer = host.call("report_get", lookup).await?;
    Ok(serde_json::from_str(&answer).unwrap())
}

#[tokio::test]
async fn the_penguins_are_reported_on_and_found_again_after_a_restart() {
    let place = place();
    let host = setup(&place).start().await;
    let made = report(&host, json!({ "table": penguins(), "id": "penguins" }))
        .await
        .unwrap();
    assert_eq!(
        (&made["id"], &made["rows"]),
        (&json!("penguins"), &json!(333))
    );
    let processed = json!({ "table": penguins(), "steps": [{ "op": "drop_missing" }] });
    let processed = Payload::json(processed.to_string());
    let rows = host.router().route_task("process_data", processed).await;
    let summary = host.call("analyze_data", rows.unwrap()).await.unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(made["summary"], summary);

    let of_agent = host.shared_storage().namespace("report-agent").unwrap();
    let task = of_agent.get("task_penguins").await.unwrap().unwrap();
    let task: Value = serde_json::from_slice(&task.bytes).unwrap();
    assert_eq!(task["table"], json!(penguins()));
    let result = of_agent.get("task_penguins_result").await.unwrap().unwrap();
    assert_eq!(result.content_type, "application/json");
    let result: Value = serde_json::from_slice(&result.bytes).unwrap();
    assert_eq!(result, made);

    assert_eq!(
        logged(&place)["penguins"],
        ["started", "processed", "finished"]
    );
    let agent = figures(&host, "report-agent");
    assert_eq!(agent.metric("reports"), Some(&Metric::Counter(1.0)));
    assert_eq!(agent.metric("rows"), Some(&Metric::Counter(333.0)));
    host.shutdown().await;

    let host = setup(&place).start().await;
    assert_eq!(report_get(&host, "penguins").await.unwrap(), made);
    let error = report_get(&host, "puffins").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::NotFound, "there is no report puffins")
    );
}

#[tokio::test]
async fn steps_that_are_asked_for_are_taken() {
    let place = place();
    let host = setup(&place).start().await;
    let request = json!({
        "table": penguins(),
        "steps": [
            { "op": "sort", "column": "body_mass_g", "descending": true },
            { "op": "limit", "rows": 10 },
        ],
    });
    let made = report(&host, request).await.unwrap();
    assert_eq!(made["rows"], 10);
    assert_eq!(made["id"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_an_error_that_is_logged_kept_and_counted() {
    let place = place();
    let host = setup(&place).start().await;
    let ragged = json!({ "table": "a,b\n1,2\n3\n", "id": "ragged" });
    let error = report(&host, ragged).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.message(), "report ragged could not be made");
    let cause = error.causes().next().unwrap();
    assert!(cause.contains("line 3"), "{cause}");
    assert_eq!(logged(&place)["ragged"], ["started", cause]);
    let kept = host.errors();
    let routes: Vec<&str> = kept.iter().map(|task| &task.route[..]).collect();
    assert_eq!(routes, ["report", "process_data"]);
    assert_eq!(kept[0].trace, kept[1].trace);
    assert_eq!(kept[0].plugin.as_deref(), Some("report-agent"));
    assert_eq!(kept[1].plugin.as_deref(), Some("data-agents"));
    let calls = figures(&host, "report-agent").calls;
    assert_eq!(calls.errors, [("invalid_input", 1)].into());
}

#[tokio::test]
async fn the_agent_waits_for_those_that_it_needs() {
    let place = Place::new();
    place.add("report_agent");
    place.add("data_agents");
    let host = Setup::at(place).start().await;
    let status = host.status("report-agent");
    assert_ne!(status.state, PluginState::Running);
    let reason = status.reason.unwrap();
    assert!(reason.contains("activity-logger"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_thousand_reports_at_once_are_stored_logged_answered_and_found_after_a_restart() {
    const REPORTS: usize = 2_000;
    let place = place();
    // Only time: places, retries and threads are as they are by default.
    let patient = RoutePolicy::default().timeout(Duration::from_secs(600));
    let host = setup(&place)
        .tune(|builder| builder.default_policy(patient))
        .start()
        .await;
    let callers = (0..REPORTS).map(|number| {
        let router = host.router().clone();
        tokio::spawn(async move {
            let table = format!("n,m\n{number},1\n{number},2\n,3\n");
            let request = json!({ "table": table, "id": format!("r{number}") }).to_string();
            let answer = router.route_task("report", Payload::json(request)).await;
            answer.map(|answer| serde_json::from_slice::<Value>(answer.bytes()).unwrap())
        })
    });
    let mut reports = BTreeMap::new();
    for answer in join_all(callers).await {
        let report = answer.unwrap().unwrap();
        assert_eq!(report["rows"], 2);
        reports.insert(report["id"].as_str().unwrap().to_owned(), report);
    }
    assert_eq!(reports.len(), REPORTS);
    assert!(host.errors().is_empty(), "{:?}", host.errors());
    for plugin in ["report-agent", "data-agents", "activity-logger"] {
        assert!(figures(&host, plugin).calls.errors.is_empty());
    }
    let agent = figures(&host, "report-agent");
    assert_eq!(agent.calls.calls, 2_000);
    assert_eq!(agent.metric("reports"), Some(&Metric::Counter(2_000.0)));
    assert_eq!(figures(&host, "data-agents").calls.calls, 4_000);
    assert_eq!(figures(&host, "activity-logger").calls.calls, 6_000);
    host.shutdown().await;

    let told = logged(&place);
    let ids: BTreeSet<&String> = told.keys().collect();
    assert_eq!(ids, reports.keys().collect());
    let each = ["started", "processed", "finished"];
    assert!(told.values().all(|activities| *activities == each));

    let host = setup(&place).start().await;
    for (id, report) in &reports {
        assert_eq!(report_get(&host, id).await.unwrap(), *report);
    }
    let of_agent = host.shared_storage().namespace("report-agent").unwrap();
    for id in reports.keys() {
        let task = of_agent.get(format!("task_{id}")).await.unwrap().unwrap();
        let task: Value = serde_json::from_slice(&task.bytes).unwrap();
        assert_eq!(task["id"], *id);
    }
}

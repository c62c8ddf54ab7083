//! The way of one report: the table is stored, processed, analyzed; each step is told to the activity log; the answer is stored.

use agentsys_plugin::prelude::*;
use serde_json::{Value, json};

use crate::plugin::Config;
use crate::request::{Report, Request};

/// Under which keys a report is stored.
pub(crate) struct Storing;

impl Storing {
    /// What came in.
    pub(crate) fn task_key(id: &str) -> String {
        format!("task_{id}")
    }

    /// What went out.
    pub(crate) fn result_key(id: &str) -> String {
        format!("task_{id}_result")
    }
}

/// The given number, if it can be one, or a new one.
pub(crate) fn id(given: Option<&str>) -> Result<String> {
    let Some(id) = given else {
        return Ok(uuid::Uuid::new_v4().simple().to_string());
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
        let message = "a report's number is 1 to 64 of a-z, A-Z, 0-9, `_` and `-`";
        return Err(Error::invalid_input(message));
    }
    Ok(id.to_owned())
}

pub(crate) async fn report(
    cx: &Context,
    config: &Config,
    id: &str,
    request: &Request,
) -> Result<Report> {
    tell(cx, config, "started", json!({ "report": id })).await;
    cx.storage()
        .put(Storing::task_key(id), request.clone())
        .await?;

    let table = json!({ "table": request.table, "steps": request.steps });
    let rows = cx.route_task(&config.process_route, table).await?;
    let count: usize = rows.clone().read::<Vec<Value>>()?.len();
    tell(
        cx,
        config,
        "processed",
        json!({ "report": id, "rows": count }),
    )
    .await;

    let summary = cx.route_task(&config.analyze_route, rows).await?;
    let report = Report {
        id: id.to_owned(),
        rows: count,
        summary: summary.read()?,
    };
    cx.storage()
        .put(Storing::result_key(id), report.clone())
        .await?;
    tell(cx, config, "finished", json!({ "report": id })).await;
    Ok(report)
}

/// Tells the activity log. That it cannot be told costs a line in the host's log, and no report.
async fn tell(cx: &Context, config: &Config, activity: &str, details: Value) {
    let agent = cx.host().plugin_name();
    let entry = json!({ "agent": agent, "activity": activity, "details": details });
    send(cx, &config.activity_route, entry).await;
}

/// Tells the activity log what went wrong.
pub(crate) async fn tell_error(cx: &Context, config: &Config, id: &str, error: &Error) {
    let agent = cx.host().plugin_name();
    let entry = json!({
        "agent": agent,
        "error": error.message(),
        "causes": error.causes(),
        "kind": error.kind().as_str(),
        "details": { "report": id },
    });
    send(cx, &config.error_route, entry).await;
}

async fn send(cx: &Context, route: &str, entry: Value) {
    if route.is_empty() {
        return;
    }
    if let Err(error) = cx.route_task(route, entry).await {
        tracing::warn!(route, "the activity log could not be told: {error:#}");
    }
}

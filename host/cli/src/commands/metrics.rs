//! `agentsys metrics`: what was counted and measured, by route, agent and plugin.

use serde_json::Value;

use crate::args::{Metrics, MetricsFormat, Settings};
use crate::control::Request;
use crate::exit::Failure;
use crate::table::Table;
use crate::text::{duration, one_line};

use super::json::{int, rows, text};
use super::{ask, write_json, write_out};

const QUANTILES: [&str; 5] = ["p50", "p90", "p99", "p999", "max"];

pub(crate) async fn metrics(args: Metrics, settings: &Settings) -> Result<(), Failure> {
    let format = match args.json {
        true => MetricsFormat::Json,
        false => args.format,
    };
    let request = match format {
        MetricsFormat::Prometheus => Request::Prometheus,
        _ => Request::Metrics,
    };
    let metrics = ask::report(settings, &args.state, request).await?;
    match format {
        MetricsFormat::Json => write_json(&metrics),
        MetricsFormat::Table => write_out(tables(&metrics).as_bytes()),
        MetricsFormat::Prometheus => write_out(text(&metrics).as_bytes()),
    }
}

fn tables(metrics: &Value) -> String {
    let (routes, plugins) = (&metrics["routes"], &metrics["plugins"]);
    let tables = [
        routes_of(routes),
        agents(routes),
        calls(plugins),
        own(plugins),
    ];
    let tables = tables.iter().filter(|table| !table.is_empty());
    let shown: Vec<String> = tables.map(|table| format!("{table}\n")).collect();
    if shown.is_empty() {
        return "nothing was counted: no plugin has served yet (see `agentsys status`)\n"
            .to_owned();
    }
    shown.join("\n")
}

/// The tasks of each route.
fn routes_of(routes: &Value) -> Table {
    let mut table = Table::new(&[
        "route",
        "tasks",
        "errors",
        "retries",
        "fallbacks",
        "rejected",
        "under way",
        "waiting",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
    ]);
    for route in rows(routes) {
        let [p50, p90, p99, p999, max] = quantiles(&route["latency"], duration);
        table.row([
            one_line(&text(&route["route"])),
            text(&route["calls"]),
            errors(&route["errors"]),
            text(&route["retries"]),
            text(&route["fallbacks"]),
            text(&route["rejected"]),
            text(&route["under_way"]),
            text(&route["waiting"]),
            p50,
            p90,
            p99,
            p999,
            max,
        ]);
    }
    table
}

/// The attempts of each agent that got one.
fn agents(routes: &Value) -> Table {
    let mut table = Table::new(&[
        "agent",
        "of route",
        "of plugin",
        "attempts",
        "errors",
        "retried",
        "under way",
        "left out",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
    ]);
    for route in rows(routes) {
        for agent in rows(&route["agents"]).filter(|agent| int(&agent["calls"]) > 0) {
            let [p50, p90, p99, p999, max] = quantiles(&agent["latency"], duration);
            table.row([
                one_line(&text(&agent["name"])),
                one_line(&text(&route["route"])),
                one_line(&text(&agent["owner"])),
                text(&agent["calls"]),
                errors(&agent["errors"]),
                text(&agent["retries"]),
                text(&agent["under_way"]),
                left_out(agent),
                p50,
                p90,
                p99,
                p999,
                max,
            ]);
        }
    }
    table
}

/// How often, and whether it is now.
fn left_out(agent: &Value) -> String {
    let times = int(&agent["ejections"]);
    match agent["ejected"].as_bool() {
        Some(true) => format!("{times}, now"),
        _ => times.to_string(),
    }
}

/// The calls that the host counts and measures by itself.
fn calls(metrics: &Value) -> Table {
    let mut table = Table::new(&[
        "plugin", "calls", "errors", "p50", "p90", "p99", "p99.9", "max",
    ]);
    for plugin in rows(metrics) {
        let calls = &plugin["calls"];
        let [p50, p90, p99, p999, max] = quantiles(&calls["latency"], duration);
        table.row([
            one_line(&text(&plugin["plugin"])),
            text(&calls["calls"]),
            errors(&calls["errors"]),
            p50,
            p90,
            p99,
            p999,
            max,
        ]);
    }
    table
}

/// `3 (2 timeout, 1 failed)`, the most frequent kind first.
fn errors(errors: &Value) -> String {
    let mut kinds: Vec<(&str, u64)> = errors
        .as_object()
        .into_iter()
        .flatten()
        .map(|(kind, count)| (kind.as_str(), int(count)))
        .collect();
    if kinds.is_empty() {
        return "0".to_owned();
    }
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
    let total: u64 = kinds.iter().map(|(_, count)| count).sum();
    let kinds = kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
    format!("{total} ({})", kinds.collect::<Vec<_>>().join(", "))
}

/// What plugins measure themselves, in units that only their authors know.
fn own(metrics: &Value) -> Table {
    let mut table = Table::new(&[
        "plugin", "metric", "kind", "value", "p50", "p90", "p99", "p99.9", "max",
    ]);
    for plugin in rows(metrics) {
        let name = one_line(&text(&plugin["plugin"]));
        for (metric, figure) in plugin["metrics"].as_object().into_iter().flatten() {
            let value = &figure["value"];
            let shown = match value.as_object() {
                Some(_) => format!("{} values", text(&value["count"])),
                None => value.as_f64().map_or_else(|| "-".to_owned(), number),
            };
            let [p50, p90, p99, p999, max] = quantiles(value, number);
            table.row([
                name.clone(),
                one_line(metric),
                text(&figure["kind"]),
                shown,
                p50,
                p90,
                p99,
                p999,
                max,
            ]);
        }
    }
    table
}

fn quantiles(summary: &Value, show: fn(f64) -> String) -> [String; 5] {
    QUANTILES.map(|quantile| {
        summary[quantile]
            .as_f64()
            .map_or_else(|| "-".to_owned(), show)
    })
}

/// A number in about four digits; whole ones in full.
fn number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return format!("{number:.0}");
    }
    let places = 3 - number.abs().log10().floor() as i32;
    match usize::try_from(places) {
        Ok(places) if places <= 9 => format!("{number:.places$}"),
        Ok(_) => format!("{number:.3e}"),
        Err(_) => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests;

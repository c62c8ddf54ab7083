//! `agentsys metrics`: what was counted and measured, by plugin.

use serde_json::Value;

use crate::args::{Report, Settings};
use crate::control::Request;
use crate::exit::Failure;
use crate::table::Table;
use crate::text::{duration, one_line};

use super::json::{int, rows, text};
use super::{ask, write_json, write_out};

const QUANTILES: [&str; 5] = ["p50", "p90", "p99", "p999", "max"];

pub(crate) async fn metrics(args: Report, settings: &Settings) -> Result<(), Failure> {
    let metrics = ask::report(settings, &args.state, Request::Metrics).await?;
    if args.json {
        return write_json(&metrics);
    }
    write_out(tables(&metrics).as_bytes())
}

fn tables(metrics: &Value) -> String {
    let calls = calls(metrics);
    if calls.is_empty() {
        return "nothing was counted: no plugin has served yet (see `agentsys status`)\n"
            .to_owned();
    }
    let own = own(metrics);
    if own.is_empty() {
        format!("{calls}\n")
    } else {
        format!("{calls}\n\n{own}\n")
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
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_are_shown_with_units_and_own_metrics_with_numbers() {
        let metrics = json!([{
            "plugin": "scan",
            "calls": {
                "calls": 1200,
                "errors": { "failed": 1, "timeout": 2 },
                "latency": { "count": 75, "sum": 1.0, "min": 1e-6, "p50": 0.0000125, "p90": 0.002, "p99": 1.5, "p999": null, "max": 31.0 },
            },
            "metrics": {
                "pages": { "kind": "counter", "value": 17.0 },
                "process_time": { "kind": "histogram", "value": { "count": 3, "sum": 0.5, "p50": 0.0123456, "max": 0.25 } },
            },
        }]);
        let shown = tables(&metrics);
        let lines: Vec<Vec<&str>> = shown
            .lines()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|cell| !cell.is_empty())
                    .collect()
            })
            .collect();
        assert_eq!(
            lines[1],
            [
                "scan",
                "1200",
                "3 (2 timeout, 1 failed)",
                "12.5 µs",
                "2.00 ms",
                "1.50 s",
                "-",
                "31.0 s"
            ]
        );
        assert_eq!(
            lines[4],
            ["scan", "pages", "counter", "17", "-", "-", "-", "-", "-"]
        );
        assert_eq!(
            lines[5],
            [
                "scan",
                "process_time",
                "histogram",
                "3 values",
                "0.01235",
                "-",
                "-",
                "-",
                "0.2500"
            ]
        );
    }

    #[test]
    fn numbers_keep_four_digits() {
        let shown = [0.0, -2.0, 1234.5678, 99999.5, 0.000000123456].map(number);
        assert_eq!(shown, ["0", "-2", "1235", "100000", "1.235e-7"]);
    }

    #[test]
    fn a_host_without_plugins_says_so() {
        assert!(tables(&json!([])).starts_with("nothing was counted"));
    }
}

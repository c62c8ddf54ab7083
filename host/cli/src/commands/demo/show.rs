//! What the demo tells: the summary as a table, what was done, and how to go on.

use std::fmt::Write;
use std::path::Path;

use agentsys_host::Host;
use serde_json::Value;

use crate::table::Table;
use crate::text::{count, plain};

use super::{REPORT, Routed};

/// Where the demo put things.
pub(super) struct Places<'a> {
    pub(super) table: &'a Path,
    pub(super) log: &'a Path,
    pub(super) config: &'a Path,
    pub(super) state_dir: &'a Path,
}

pub(super) fn report(host: &Host, routed: &Routed, places: &Places<'_>) -> String {
    let Places {
        table,
        log,
        config,
        state_dir,
    } = *places;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} of 344 penguins are known in full; `analyze_data` says of them:\n",
        routed.processed
    );
    let _ = writeln!(text, "{}\n", numbers(&routed.summary));
    let _ = writeln!(text, "{}\n", texts(&routed.summary));

    let _ = writeln!(text, "What happened:");
    for plugin in host.plugins() {
        let version = plugin.version.as_deref().unwrap_or("");
        let _ = writeln!(
            text,
            "  {} {version} was built into {} and serves {}: {}",
            plugin.name,
            plugin.path.unwrap_or_default().display(),
            count(plugin.routes.len(), "route"),
            plugin.routes.join(", "),
        );
    }
    let _ = writeln!(
        text,
        "  the table {} went through process_data, then analyze_data",
        table.display()
    );
    let _ = writeln!(
        text,
        "  `report` took it the same way once more, and stored what went in and what came out:"
    );
    for (key, bytes) in &routed.stored {
        let _ = writeln!(text, "    {key}: {bytes} bytes");
    }
    let _ = writeln!(text, "  activity-logger wrote into {}:", log.display());
    for line in &routed.logged {
        let _ = writeln!(text, "    {}", plain(line));
    }
    let _ = writeln!(
        text,
        "  the host kept its private copies of the plugins below {}\n",
        state_dir.display()
    );

    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "agentsys".to_owned());
    let program = format!("{program} --config {}", config.display());
    let _ = writeln!(text, "Go on:");
    for command in [
        "run &".to_owned(),
        format!("call analyze_data --file {}", table.display()),
        format!(r#"call report_get --data '{{"id":"{REPORT}"}}'"#),
        "status".to_owned(),
    ] {
        let _ = writeln!(text, "  {program} {command}");
    }
    text
}

fn numbers(summary: &Value) -> Table {
    let figures = [
        "count", "missing", "mean", "std", "min", "p25", "p50", "p75", "max",
    ];
    let mut table = Table::new(&[
        "column", "count", "missing", "mean", "std", "min", "p25", "p50", "p75", "max",
    ]);
    for (name, column) in columns(summary, "number") {
        let mut cells = [const { String::new() }; 10];
        cells[0] = name.clone();
        for (cell, figure) in cells[1..].iter_mut().zip(figures) {
            *cell = number(&column[figure]);
        }
        table.row(cells);
    }
    table
}

fn texts(summary: &Value) -> Table {
    let mut table = Table::new(&["column", "count", "missing", "distinct", "top", "freq"]);
    for (name, column) in columns(summary, "text") {
        let top = column["top"].as_str().unwrap_or("-").to_owned();
        let [count, missing, distinct, freq] =
            ["count", "missing", "distinct", "freq"].map(|key| number(&column[key]));
        table.row([name.clone(), count, missing, distinct, top, freq]);
    }
    table
}

fn columns<'a>(summary: &'a Value, kind: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let columns = summary["columns"].as_object().into_iter().flatten();
    columns.filter(move |(_, column)| column["type"] == kind)
}

fn number(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => number
            .as_f64()
            .map_or_else(|| "-".to_owned(), |number| format!("{number:.2}")),
        Value::Number(number) => number.to_string(),
        _ => "-".to_owned(),
    }
}

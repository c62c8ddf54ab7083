//! The figures as Prometheus reads them: its text format, version 0.0.4.

use std::fmt::{self, Write as _};

use super::HostMetrics;
use super::families::{Family, Kind, Value, families, quantiles};

impl HostMetrics {
    /// The figures in the text format of Prometheus: to be served as `text/plain; version=0.0.4`.
    ///
    /// Names begin with `agentsys_route_`, `agentsys_agent_` and `agentsys_plugin_`; what plugins measure themselves is `agentsys_own_NAME_total` for a
    /// counter, `agentsys_own_NAME_value` for a gauge, and `agentsys_own_NAME_values` for a histogram, which is a summary here.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        for family in families(self) {
            // A `String` takes whatever is written.
            let _ = write_family(&mut text, &family);
        }
        text
    }
}

fn write_family(text: &mut String, family: &Family) -> fmt::Result {
    let name = &family.name;
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Summary => "summary",
    };
    writeln!(text, "# HELP {name} {}", escaped(family.help, false))?;
    writeln!(text, "# TYPE {name} {kind}")?;
    for sample in &family.samples {
        match &sample.value {
            Value::Number(value) => {
                write_sample(text, name, "", &sample.labels, None, *value)?;
            }
            Value::Summary(summary) => {
                for (quantile, value) in quantiles(summary) {
                    write_sample(text, name, "", &sample.labels, Some(quantile), value)?;
                }
                write_sample(text, name, "_sum", &sample.labels, None, summary.sum)?;
                let count = summary.count as f64;
                write_sample(text, name, "_count", &sample.labels, None, count)?;
            }
        }
    }
    Ok(())
}

fn write_sample(
    text: &mut String,
    name: &str,
    end: &str,
    labels: &[(&'static str, String)],
    quantile: Option<&str>,
    value: f64,
) -> fmt::Result {
    let labels = labels.iter().map(|(label, value)| (*label, value.as_str()));
    let labels = labels.chain(quantile.map(|quantile| ("quantile", quantile)));
    let labels: Vec<String> = labels
        .map(|(label, value)| format!("{label}=\"{}\"", escaped(value, true)))
        .collect();
    writeln!(text, "{name}{end}{{{}}} {value}", labels.join(","))
}

/// A backslash and a line's end; within a label, the quote too.
fn escaped(text: &str, label: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if label => escaped.push_str("\\\""),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;

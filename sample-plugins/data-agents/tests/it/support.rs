//! Short ways to a table, an answer and an expected file.

use std::path::PathBuf;

use data_agents::{Format, Limits, ProcessRequest, Table, TableError, run};
use serde_json::Value;

pub(crate) fn csv(text: &str) -> Result<Table, TableError> {
    Table::parse(text.as_bytes(), Format::Csv, Limits::default())
}

pub(crate) fn json(text: &str) -> Result<Table, TableError> {
    Table::parse(text.as_bytes(), Format::Json, Limits::default())
}

/// The answer of `process_data` to `steps`, as JSON text.
pub(crate) fn process(table: &Value, steps: &Value) -> Result<String, String> {
    let request = serde_json::json!({"table": table, "steps": steps}).to_string();
    let request: ProcessRequest =
        serde_json::from_str(&request).map_err(|error| error.to_string())?;
    let rows = run(request, Limits::default()).map_err(|error| error.to_string())?;
    Ok(serde_json::to_string(&rows).unwrap())
}

pub(crate) fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(path)
}

pub(crate) fn penguins() -> String {
    std::fs::read_to_string(data("penguins.csv")).unwrap()
}

/// The files in `data/expected` whose names begin so: the rest of the name, and the content.
pub(crate) fn expected(prefix: &str) -> Vec<(String, Value)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(data("expected")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if let Some(rest) = name.strip_prefix(prefix) {
            let content = std::fs::read_to_string(&path).unwrap();
            files.push((rest.to_owned(), serde_json::from_str(&content).unwrap()));
        }
    }
    files
}

/// Compares all the way down, numbers within 1e-9 of each other.
pub(crate) fn assert_close(ours: &Value, theirs: &Value, place: &str) {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            let apart = (a - b).abs();
            assert!(
                apart <= 1e-9 * a.abs().max(b.abs()),
                "{place}: {a}, not {b}"
            );
        }
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{place}: {ours} and {theirs}");
            for (key, value) in a {
                assert_close(value, &b[key], &format!("{place}, {key}"));
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{place}: the number of elements");
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                assert_close(a, b, &format!("{place}, {index}"));
            }
        }
        _ => assert_eq!(ours, theirs, "{place}"),
    }
}

//! What is asked of the agent, and what it answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A table to report on.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The table: CSV text, or an array of objects.
    pub table: Value,
    /// What is done with the rows before they are analyzed, as `process_data` takes it. Unless given: rows with missing values are dropped.
    #[serde(default = "drop_missing")]
    pub steps: Vec<Value>,
    /// The report's number: 1 to 64 of a-z, A-Z, 0-9, `_` and `-`. Unless given, a new one is made.
    #[serde(default)]
    pub id: Option<String>,
}

fn drop_missing() -> Vec<Value> {
    vec![serde_json::json!({ "op": "drop_missing" })]
}

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Its number, to get it again by.
    pub id: String,
    /// How many rows were left to be analyzed.
    pub rows: usize,
    /// What `analyze_data` says of them.
    pub summary: Value,
}

/// Which report is wanted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// Its number.
    pub id: String,
}

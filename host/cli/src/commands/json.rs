//! Reading what a host answered, which may be of another version: what is not there is shown as `-`.

use serde_json::Value;

/// The elements of a list.
pub(super) fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A value in a cell.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A whole number, 0 where there is none.
pub(super) fn int(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

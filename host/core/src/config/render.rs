//! Shows a configuration as it is resolved: as TOML with the origin of each value, or as JSON.

use serde_json::{Map, Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::loaded::Loaded;
use crate::config::problem::Origin;
use crate::config::tree::Path;
use crate::config::words;

/// The whole configuration as TOML that loads as the same configuration; with a comment behind each value that says where
/// it came from, if asked: `# agentsys.toml:4`, `# environment AGENTSYS_ROUTER__TIMEOUT`, `# default`. An option that has
/// no value is left out. A configuration made in code that [`Loaded::validate`] refuses may be one that TOML cannot hold:
/// the text is then one comment that says so.
pub fn render(loaded: &Loaded, with_origin: bool) -> String {
    let Ok(text) = toml::to_string(&loaded.config.printable()) else {
        return "# TOML cannot hold this configuration; Loaded::validate says why\n".to_owned();
    };
    if !with_origin {
        return text;
    }
    let mut annotated = String::with_capacity(text.len() * 2);
    let mut copied = 0;
    for (path, end) in leaves(&text) {
        annotated.push_str(&text[copied..end]);
        annotated.push_str("  # ");
        annotated.push_str(&origin(loaded, &path).brief());
        copied = end;
    }
    annotated.push_str(&text[copied..]);
    annotated
}

/// The configuration as JSON: its values under `config`, and under `origins` where each came from, by its key in the
/// file (`router.timeout`).
pub fn to_json_with_origin(loaded: &Loaded) -> Value {
    let text = render(loaded, false);
    let origins: Map<String, Value> = leaves(&text)
        .into_iter()
        .map(|(path, _)| {
            let origin = origin(loaded, &path).to_string();
            (words::dotted(&path), Value::String(origin))
        })
        .collect();
    json!({ "config": loaded.config.to_values(), "origins": origins })
}

fn origin(loaded: &Loaded, path: &[String]) -> Origin {
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    loaded.origin(&keys)
}

/// The values that stand behind a `=`, by where they end.
fn leaves(text: &str) -> Vec<(Path, usize)> {
    let mut leaves = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        for (key, value) in table.get_ref() {
            collect(
                value,
                &mut vec![key.get_ref().to_string()],
                text,
                &mut leaves,
            );
        }
    }
    leaves.sort_by_key(|(_, end)| *end);
    leaves
}

fn collect(
    value: &Spanned<DeValue<'_>>,
    path: &mut Path,
    text: &str,
    leaves: &mut Vec<(Path, usize)>,
) {
    if text[..value.span().start].trim_end().ends_with('=') {
        leaves.push((path.clone(), value.span().end));
        return;
    }
    let children: Vec<(String, &Spanned<DeValue<'_>>)> = match value.get_ref() {
        DeValue::Table(fields) => fields
            .iter()
            .map(|(key, field)| (key.get_ref().to_string(), field))
            .collect(),
        DeValue::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (index.to_string(), item))
            .collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        path.push(key);
        collect(child, path, text, leaves);
        path.pop();
    }
}

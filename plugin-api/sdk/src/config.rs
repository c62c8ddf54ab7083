//! The author's config: read, given its defaults, checked.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use agentsys_abi::bridge::Payload;

use crate::error::{Error, Result};

/// A plugin's config. `#[plugin_config]` implements it; a plugin without options has `type Config = NoConfig`.
pub trait PluginConfig: DeserializeOwned + JsonSchema + Send + 'static {
    /// Says of each value that is not allowed which one, and what would be.
    fn problems(&self) -> Vec<ConfigProblem>;
}

/// What does not fit of a config.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigProblem {
    /// Where: the keys (text) and places in arrays (numbers) from the config's root.
    pub path: Vec<Value>,
    /// What, and what would fit.
    pub message: String,
}

impl ConfigProblem {
    /// A problem with one key of the config.
    pub fn of(key: &str, message: impl Into<String>) -> Self {
        Self {
            path: vec![key.into()],
            message: message.into(),
        }
    }

    fn shown(&self) -> String {
        let mut place = String::new();
        for step in &self.path {
            match step {
                Value::String(key) if place.is_empty() => place.push_str(key),
                Value::String(key) => place.extend([".", key]),
                other => place.push_str(&format!("[{other}]")),
            }
        }
        if place.is_empty() {
            self.message.clone()
        } else {
            format!("`{place}`: {}", self.message)
        }
    }
}

/// The config of a plugin without options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

impl PluginConfig for NoConfig {
    fn problems(&self) -> Vec<ConfigProblem> {
        Vec::new()
    }
}

/// Whether a value of the config matches `#[pattern = "…"]`. The macro has seen that the pattern is one.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    regex_lite::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

/// Reads a config from JSON.
pub(crate) fn read<C: PluginConfig>(payload: &Payload) -> Result<C> {
    check(payload).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ConfigProblem::shown).collect();
        Error::invalid_input(format!("the config does not fit: {}", problems.join("; ")))
    })
}

/// Reads a config from JSON, or says all that does not fit.
pub(crate) fn check<C: PluginConfig>(payload: &Payload) -> Result<C, Vec<ConfigProblem>> {
    let json = if payload.as_slice().is_empty() {
        b"{}"
    } else {
        payload.as_slice()
    };
    let root = |message: String| {
        vec![ConfigProblem {
            path: Vec::new(),
            message,
        }]
    };
    let value: Value =
        serde_json::from_slice(json).map_err(|error| root(format!("is no JSON: {error}")))?;
    let config: C = serde_path_to_error::deserialize(value).map_err(|error| {
        vec![ConfigProblem {
            path: steps(error.path()),
            message: error.inner().to_string(),
        }]
    })?;
    let problems = config.problems();
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(problems)
    }
}

fn steps(path: &Path) -> Vec<Value> {
    path.iter()
        .filter_map(|step| match step {
            Segment::Map { key } => Some(key.as_str().into()),
            Segment::Seq { index } => Some((*index).into()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

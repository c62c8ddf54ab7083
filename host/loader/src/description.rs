//! What a plugin says once its code runs: the schemas of its handlers and its config, and what does not fit of a config.

use std::fmt;

use agentsys_abi::module::PluginModuleRef;
use serde::{Deserialize, Serialize};

use crate::metadata::RouteRecord;

/// What a loaded plugin says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The JSON schema of its config.
    #[serde(default)]
    pub config_schema: Option<serde_json::Value>,
    /// Whether it has a strategy.
    #[serde(default)]
    pub strategy: bool,
    /// Whether it has an interceptor.
    #[serde(default)]
    pub interceptor: bool,
    /// Its handlers, in the order of their numbers.
    pub handlers: Vec<HandlerDescription>,
}

/// What a loaded plugin says of one handler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandlerDescription {
    /// The route's name.
    pub route: String,
    /// The JSON schema of its input, where the type has one.
    #[serde(default)]
    pub input_schema: Option<serde_json::Value>,
    /// The JSON schema of an item that it takes, where the type has one.
    #[serde(default)]
    pub items_schema: Option<serde_json::Value>,
    /// The JSON schema of its output, or of an item of that where it answers a stream; where the type has one.
    #[serde(default)]
    pub output_schema: Option<serde_json::Value>,
    /// Whether it answers a stream.
    #[serde(default)]
    pub streams: bool,
    /// Whether it takes items with its input.
    #[serde(default)]
    pub takes_items: bool,
}

/// Asks a bound plugin.
pub(crate) fn describe(
    module: PluginModuleRef,
    records: &[RouteRecord],
) -> Result<Description, String> {
    // SAFETY: the library is bound.
    let json = unsafe { (module.describe())() };
    let description: Description = serde_json::from_str(json.as_str())
        .map_err(|error| format!("its description cannot be read: {error}"))?;
    let mut loaded: Vec<&str> = description
        .handlers
        .iter()
        .map(|handler| &*handler.route)
        .collect();
    let mut recorded: Vec<&str> = records.iter().map(|record| &*record.name).collect();
    loaded.sort_unstable();
    recorded.sort_unstable();
    if loaded != recorded {
        return Err(format!(
            "its records name the routes {recorded:?}, its code {loaded:?}"
        ));
    }
    Ok(description)
}

/// What does not fit of a plugin's config.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ConfigIssue {
    /// Where: keys and numbers, from the config's root.
    pub path: Vec<ConfigKey>,
    /// What, and what would fit.
    pub message: String,
}

/// A step into a config.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ConfigKey {
    /// An object's member.
    Name(String),
    /// An array's element.
    Index(usize),
}

impl fmt::Display for ConfigIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, key) in self.path.iter().enumerate() {
            match key {
                ConfigKey::Name(name) if at == 0 => f.write_str(name)?,
                ConfigKey::Name(name) => write!(f, ".{name}")?,
                ConfigKey::Index(index) => write!(f, "[{index}]")?,
            }
        }
        if !self.path.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

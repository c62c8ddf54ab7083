//! The author's config: read, given its defaults, checked.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use agentsys_abi::bridge::Payload;

use crate::error::{Error, Result};
use crate::payload::from_json;

/// A plugin's config. `#[plugin_config]` implements it; a plugin without options has `type Config = NoConfig`.
pub trait PluginConfig: DeserializeOwned + JsonSchema + Send + 'static {
    /// Says of each value that is not allowed which one, and what would be.
    fn problems(&self) -> Vec<String>;
}

/// The config of a plugin without options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

impl PluginConfig for NoConfig {
    fn problems(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Reads a config from JSON.
pub(crate) fn read<C: PluginConfig>(payload: &Payload) -> Result<C> {
    let json = if payload.as_slice().is_empty() {
        b"{}"
    } else {
        payload.as_slice()
    };
    let config: C = from_json("config", json)?;
    let problems = config.problems();
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(Error::invalid_input(format!(
            "the config does not fit: {}",
            problems.join("; ")
        )))
    }
}

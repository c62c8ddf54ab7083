//! What is known of a route: by its record before any code runs, or by the plugin that adds it while it runs.
//!
//! The bounds of its options are checked here for both: a router copies an agent's labels, and shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MetadataError, check_name, shorten};

/// The most that a route's weight can be.
pub const MAX_WEIGHT: u32 = 1000;

/// The most labels that a route can have.
pub const MAX_LABELS: usize = 32;

/// The longest name of a label, in bytes.
const MAX_LABEL_NAME_LEN: usize = 64;

/// The longest text of a label, in bytes.
const MAX_LABEL_LEN: usize = 256;

/// The record of one route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawRoute")]
pub struct RouteRecord {
    /// The route's name; see [`check_name`].
    pub name: String,
    /// One line or more, or empty.
    pub description: String,
    /// How its handler runs.
    pub mode: Mode,
    /// Whether it answers a stream.
    pub streams: bool,
    /// Whether it takes items with its input.
    pub takes_items: bool,
    /// What a router is to know of its agents.
    #[serde(flatten)]
    pub options: RouteOptions,
}

/// What a router is to know of a route's agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteOptions {
    /// How much of the route's tasks each gets beside the others: 1 to [`MAX_WEIGHT`].
    pub weight: u32,
    /// How many tasks each works on at a time; none: as many as its route allows.
    pub max_concurrent: Option<u32>,
    /// Whether their tasks may be done twice without harm.
    pub idempotent: bool,
    /// What strategies may go by.
    pub labels: BTreeMap<String, String>,
}

impl Default for RouteOptions {
    fn default() -> Self {
        Self {
            weight: 1,
            max_concurrent: None,
            idempotent: false,
            labels: BTreeMap::new(),
        }
    }
}

impl RouteOptions {
    /// Whether they can be those of a route.
    ///
    /// # Errors
    /// [`MetadataError::RouteOption`].
    pub fn check(&self, route: &str) -> Result<(), MetadataError> {
        let wrong = |option, found: &str, rule| MetadataError::RouteOption {
            route: shorten(route),
            option,
            found: shorten(found),
            rule,
        };
        if !(1..=MAX_WEIGHT).contains(&self.weight) {
            let found = self.weight.to_string();
            return Err(wrong("weight", &found, "it is 1 to 1000"));
        }
        if self.max_concurrent == Some(0) {
            let rule = "it is 1 or more, or left out";
            return Err(wrong("max_concurrent", "0", rule));
        }
        if self.labels.len() > MAX_LABELS {
            let found = self.labels.len().to_string();
            return Err(wrong("number of labels", &found, "it is at most 32"));
        }
        let steers = |text: &str| text.contains(char::is_control);
        for (name, text) in &self.labels {
            if name.is_empty() || name.len() > MAX_LABEL_NAME_LEN || steers(name) {
                let rule = "it is 1 to 64 bytes without control characters";
                return Err(wrong("label's name", name, rule));
            }
            if text.len() > MAX_LABEL_LEN || steers(text) {
                let rule = "it is at most 256 bytes without control characters";
                return Err(wrong("label", text, rule));
            }
        }
        Ok(())
    }
}

/// How a route's handler runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mode {
    /// A plain function that answers inline.
    #[default]
    Plain,
    /// A future.
    Async,
    /// A function that may hold its thread for long.
    Blocking,
    /// A word that this host does not know.
    #[serde(untagged)]
    Other(String),
}

/// The route record as it is written.
#[derive(Deserialize)]
pub(crate) struct RawRoute {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    streams: bool,
    #[serde(default)]
    takes_items: bool,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    max_concurrent: Option<u32>,
    #[serde(default)]
    idempotent: bool,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

fn one() -> u32 {
    1
}

impl TryFrom<RawRoute> for RouteRecord {
    type Error = MetadataError;

    fn try_from(raw: RawRoute) -> Result<Self, MetadataError> {
        check_name("route", &raw.name)?;
        let options = RouteOptions {
            weight: raw.weight,
            max_concurrent: raw.max_concurrent,
            idempotent: raw.idempotent,
            labels: raw.labels,
        };
        options.check(&raw.name)?;
        Ok(RouteRecord {
            name: raw.name,
            description: raw.description,
            mode: raw.mode,
            streams: raw.streams,
            takes_items: raw.takes_items,
            options,
        })
    }
}

//! What agents send: an activity, or an error.
//!
//! Agents are written by people, so a key that is misspelt is refused and not lost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::level::Level;

/// What an agent does: the input of `log_activity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// The agent's name.
    pub agent: String,
    /// What it does, in a word or a sentence.
    pub activity: String,
    /// Whatever belongs to it: any JSON. `null` is the same as nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// How much it matters; `info` if left out.
    #[serde(default)]
    pub level: Level,
}

/// What went wrong with an agent: the input of `log_error`. Its level is `error`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// The agent's name.
    pub agent: String,
    /// What went wrong.
    pub error: String,
    /// Why, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What kind of error it is, for programs that read the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whatever belongs to it: any JSON. `null` is the same as nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// The answer of each route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Logged {
    /// Whether a line was written; `false` if the filters kept the entry out.
    pub logged: bool,
}

/// Either of the two.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// What an agent does.
    Activity(Activity),
    /// What went wrong with one.
    Trouble(Trouble),
}

impl Entry {
    /// The agent's name.
    #[must_use]
    pub fn agent(&self) -> &str {
        match self {
            Entry::Activity(activity) => &activity.agent,
            Entry::Trouble(trouble) => &trouble.agent,
        }
    }

    /// How much the entry matters.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Entry::Activity(activity) => activity.level,
            Entry::Trouble(_) => Level::Error,
        }
    }

    /// What belongs to it, if anything.
    #[must_use]
    pub fn details(&self) -> Option<&Value> {
        match self {
            Entry::Activity(activity) => activity.details.as_ref(),
            Entry::Trouble(trouble) => trouble.details.as_ref(),
        }
    }
}

impl From<Activity> for Entry {
    fn from(activity: Activity) -> Self {
        Entry::Activity(activity)
    }
}

impl From<Trouble> for Entry {
    fn from(trouble: Trouble) -> Self {
        Entry::Trouble(trouble)
    }
}

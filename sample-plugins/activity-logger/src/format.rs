//! Makes one line of an entry: text or JSON, complete with its line break.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;
use crate::entry::{Activity, Entry, Trouble};
use crate::escape::{push_json, push_text};
use crate::level::Level;
use crate::template::{Field, Part, Template, TemplateError};

/// How lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text, for people.
    #[default]
    Text,
    /// An object on each line, for programs.
    Json,
}

/// Makes lines.
#[derive(Debug, Clone)]
pub enum LineFormat {
    /// Text by a format.
    Text(Template),
    /// JSON: `time`, `level`, `agent`, then `activity` or `error`, `kind`, `causes`, then
    /// `details`; what an entry does not have is left out.
    Json,
}

impl LineFormat {
    /// The lines of a config.
    ///
    /// # Errors
    /// What is wrong with `log_format`, if lines are text.
    pub fn new(config: &Config) -> Result<Self, TemplateError> {
        Ok(match config.format {
            Format::Text => LineFormat::Text(Template::parse(&config.log_format)?),
            Format::Json => LineFormat::Json,
        })
    }

    /// The line of an entry at that time, with the line break at its end and no other.
    #[must_use]
    pub fn line(&self, entry: &Entry, time: SystemTime) -> String {
        let time = DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut line = String::new();
        match self {
            LineFormat::Text(template) => push_parts(&mut line, template, entry, &time),
            LineFormat::Json => push_json(&mut line, &Object::new(entry, &time)),
        }
        line.push('\n');
        line
    }
}

fn push_parts(line: &mut String, template: &Template, entry: &Entry, time: &str) {
    for part in &template.parts {
        match part {
            Part::Text(text) => line.push_str(text),
            Part::Field(field) => push_field(line, *field, entry, time),
        }
    }
}

fn push_field(line: &mut String, field: Field, entry: &Entry, time: &str) {
    match (field, entry) {
        (Field::Time, _) => line.push_str(time),
        (Field::Level, _) => line.push_str(entry.level().name()),
        (Field::Agent, _) => push_text(line, entry.agent()),
        (Field::Activity, Entry::Activity(Activity { activity, .. })) => push_text(line, activity),
        (Field::Error, Entry::Trouble(Trouble { error, .. })) => push_text(line, error),
        (Field::Kind, Entry::Trouble(Trouble { kind, .. })) => {
            push_text(line, kind.as_deref().unwrap_or_default());
        }
        (Field::Causes, Entry::Trouble(Trouble { causes, .. })) => {
            push_text(line, &causes.join(": "));
        }
        (Field::Activity, Entry::Trouble(_))
        | (Field::Error | Field::Kind | Field::Causes, Entry::Activity(_)) => {}
        (Field::Details, _) => push_details(line, entry.details()),
        (Field::Message, Entry::Activity(activity)) => push_activity(line, activity),
        (Field::Message, Entry::Trouble(trouble)) => push_trouble(line, trouble),
    }
}

/// `Agent 'a' - started: {"rows":3}`
fn push_activity(line: &mut String, activity: &Activity) {
    push_agent(line, &activity.agent);
    line.push_str(" - ");
    push_text(line, &activity.activity);
    if activity.details.is_some() {
        line.push_str(": ");
        push_details(line, activity.details.as_ref());
    }
}

/// `Agent 'a' encountered error: no report: the disk is full [io] {"rows":3}`
fn push_trouble(line: &mut String, trouble: &Trouble) {
    push_agent(line, &trouble.agent);
    line.push_str(" encountered error: ");
    push_text(line, &trouble.error);
    for cause in &trouble.causes {
        line.push_str(": ");
        push_text(line, cause);
    }
    if let Some(kind) = &trouble.kind {
        line.push_str(" [");
        push_text(line, kind);
        line.push(']');
    }
    if trouble.details.is_some() {
        line.push(' ');
        push_details(line, trouble.details.as_ref());
    }
}

fn push_agent(line: &mut String, agent: &str) {
    line.push_str("Agent '");
    push_text(line, agent);
    line.push('\'');
}

/// Text as it is, anything else as JSON.
fn push_details(line: &mut String, details: Option<&Value>) {
    match details {
        Some(Value::String(text)) => push_text(line, text),
        Some(value) => push_json(line, value),
        None => {}
    }
}

/// A line in JSON; the fields are written in this order.
#[derive(Serialize)]
struct Object<'a> {
    time: &'a str,
    level: Level,
    agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    causes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
}

impl<'a> Object<'a> {
    fn new(entry: &'a Entry, time: &'a str) -> Self {
        let common = Object {
            time,
            level: entry.level(),
            agent: entry.agent(),
            activity: None,
            error: None,
            kind: None,
            causes: &[],
            details: entry.details(),
        };
        match entry {
            Entry::Activity(activity) => Object {
                activity: Some(&activity.activity),
                ..common
            },
            Entry::Trouble(trouble) => Object {
                error: Some(&trouble.error),
                kind: trouble.kind.as_deref(),
                causes: &trouble.causes,
                ..common
            },
        }
    }
}

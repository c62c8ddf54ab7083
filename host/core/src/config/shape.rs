//! What each key of the file may hold, read from the JSON Schema of the sections, so that the checks, the hints and the
//! schema cannot disagree.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::config::sections::Config;
use crate::config::{seconds, words};

/// What a value may be.
#[derive(Debug)]
pub(super) enum Shape {
    /// A table with these keys and no others.
    Table(BTreeMap<String, Shape>),
    /// A table whose keys are names that a person chose.
    Named(Box<Shape>),
    /// A table of anything: a plugin's own options.
    Own,
    /// Anything in such a table.
    Free,
    Seconds {
        zero: bool,
    },
    Whole {
        min: u64,
        max: u64,
    },
    Switch,
    /// Text that is not empty.
    Text,
    /// The name of a strategy; which ones there are is known only when a config is loaded.
    Strategy,
    /// One of these words.
    Words(Vec<String>),
    List(Box<Shape>),
}

static CONFIG: LazyLock<Shape> = LazyLock::new(|| {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<Config>();
    Shape::of("", schema.as_value())
});
static FREE: Shape = Shape::Free;

impl Shape {
    /// The shape of the whole file.
    pub(super) fn config() -> &'static Self {
        &CONFIG
    }

    /// The shape of what is at a path, as far as it is known.
    pub(super) fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<&Self> {
        let Some((key, rest)) = path.split_first() else {
            return Some(self);
        };
        match self {
            Self::Table(fields) => fields.get(key.as_ref())?.at(rest),
            Self::Named(inner) | Self::List(inner) => inner.at(rest),
            Self::Own | Self::Free => Some(&FREE),
            _ => None,
        }
    }

    /// What would be right, for the end of a sentence; `key` is the table's own.
    pub(super) fn hint(&self, key: &str) -> String {
        match self {
            Self::Table(_) | Self::Named(_) | Self::Own => format!("write a table, [{key}]"),
            Self::Free => "write a finite number of at most 64 bits".to_owned(),
            Self::Seconds { .. } => seconds::HINT.to_owned(),
            Self::Whole { min, max } => format!("write a whole number from {min} to {max}"),
            Self::Switch => "write true or false".to_owned(),
            Self::Text | Self::Strategy => "write text in quotes, not empty".to_owned(),
            Self::Words(known) => {
                let quoted: Vec<String> = known.iter().map(|word| format!("{word:?}")).collect();
                format!("write {}", words::list(&quoted, "or"))
            }
            Self::List(_) => "write a list, as [\"plugins\"]".to_owned(),
        }
    }

    /// Only the constructs that the sections' schema uses, which a test holds.
    fn of(name: &str, schema: &Value) -> Self {
        let inner = |key: &str| Box::new(Self::of("", &schema[key]));
        if let Some(number) = schema.pointer("/anyOf/0") {
            return Self::Seconds {
                zero: number.get("minimum").is_some(),
            };
        }
        if let Some(words) = words_of(schema) {
            return Self::Words(words);
        }
        match schema["type"].as_str() {
            Some("object") => match (&schema["properties"], &schema["additionalProperties"]) {
                (Value::Object(fields), _) => Self::Table(
                    fields
                        .iter()
                        .map(|(name, field)| (name.clone(), Self::of(name, field)))
                        .collect(),
                ),
                (_, Value::Object(_)) => Self::Named(inner("additionalProperties")),
                _ => Self::Own,
            },
            Some("array") => Self::List(inner("items")),
            Some("boolean") => Self::Switch,
            Some("integer") => Self::Whole {
                min: schema["minimum"].as_u64().unwrap_or(0),
                max: schema["maximum"].as_u64().unwrap_or(u64::MAX),
            },
            Some("string") if name == "strategy" => Self::Strategy,
            Some("string") => Self::Text,
            _ => Self::Free,
        }
    }
}

/// The words of an enum; documented ones are `oneOf` constants.
fn words_of(schema: &Value) -> Option<Vec<String>> {
    let words = match (&schema["oneOf"], &schema["enum"]) {
        (Value::Array(variants), _) => variants.iter().map(|variant| &variant["const"]).collect(),
        (_, Value::Array(words)) => words.iter().collect(),
        _ => Vec::new(),
    };
    let words: Vec<String> = words
        .into_iter()
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect();
    (!words.is_empty()).then_some(words)
}

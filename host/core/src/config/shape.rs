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
    /// Any number.
    Number {
        min: f64,
        max: f64,
    },
    Switch,
    /// Text that is not empty.
    Text,
    /// The name of a strategy; which ones there are is known only when a config is loaded.
    Strategy,
    /// One of these words.
    Words(Vec<String>),
    List(Box<Shape>),
    /// A table with one of these keys.
    Fallback(BTreeMap<String, Shape>),
    /// The name of a plugin, or a table with these keys.
    Interceptor(BTreeMap<String, Shape>),
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
            Self::Table(fields) | Self::Fallback(fields) | Self::Interceptor(fields) => {
                fields.get(key.as_ref())?.at(rest)
            }
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
            Self::Number { min, max } => format!("write a number from {min} to {max}"),
            Self::Switch => "write true or false".to_owned(),
            Self::Text | Self::Strategy => "write text in quotes, not empty".to_owned(),
            Self::Words(known) => {
                let quoted: Vec<String> = known.iter().map(|word| format!("{word:?}")).collect();
                format!("write {}", words::list(&quoted, "or"))
            }
            Self::List(inner) => match **inner {
                Self::Interceptor(_) => "write a list, as [\"activity-logger\"]".to_owned(),
                _ => "write a list, as [\"plugins\"]".to_owned(),
            },
            Self::Fallback(_) => "write { route = \"NAME\" } or { answer = … }".to_owned(),
            Self::Interceptor(_) => {
                "write a plugin's name in quotes, or { plugin = \"NAME\", required = true }"
                    .to_owned()
            }
        }
    }

    /// Only the constructs that the sections' schema uses, which a test holds.
    fn of(name: &str, schema: &Value) -> Self {
        let inner = |key: &str| Box::new(Self::of("", &schema[key]));
        if let Some(number) = schema.pointer("/anyOf/0") {
            return match schema.pointer("/anyOf/1/properties") {
                Some(fields) => Self::Interceptor(Self::fields(fields)),
                None => Self::Seconds {
                    zero: number.get("minimum").is_some(),
                },
            };
        }
        if let Some(variants) = schema["oneOf"].as_array() {
            let fields = variants.iter().map(|one| Self::fields(&one["properties"]));
            let fields: BTreeMap<String, Self> = fields.flatten().collect();
            if !fields.is_empty() {
                return Self::Fallback(fields);
            }
        }
        if let Some(words) = words_of(schema) {
            return Self::Words(words);
        }
        match schema["type"].as_str() {
            Some("object") => match (&schema["properties"], &schema["additionalProperties"]) {
                (fields @ Value::Object(_), _) => Self::Table(Self::fields(fields)),
                (_, Value::Object(_)) => Self::Named(inner("additionalProperties")),
                _ => Self::Own,
            },
            Some("array") => Self::List(inner("items")),
            Some("boolean") => Self::Switch,
            Some("integer") => Self::Whole {
                min: schema["minimum"].as_u64().unwrap_or(0),
                max: schema["maximum"].as_u64().unwrap_or(u64::MAX),
            },
            Some("number") => Self::Number {
                min: schema["minimum"].as_f64().unwrap_or(f64::MIN),
                max: schema["maximum"].as_f64().unwrap_or(f64::MAX),
            },
            Some("string") if name == "strategy" => Self::Strategy,
            Some("string") => Self::Text,
            _ => Self::Free,
        }
    }

    fn fields(properties: &Value) -> BTreeMap<String, Self> {
        let fields = properties.as_object().into_iter().flatten();
        fields
            .map(|(name, field)| (name.clone(), Self::of(name, field)))
            .collect()
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

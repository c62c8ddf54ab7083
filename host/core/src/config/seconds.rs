//! Durations as a person writes them: seconds as a number, or a number with a unit.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize as _, Deserializer, Serializer, de};
use serde_json::Value;

/// How a duration is written, for the end of a sentence.
pub(super) const HINT: &str =
    "write seconds as a number (30.0) or text such as \"30s\", \"500ms\", \"2m\"";
/// A year: what is longer was surely meant in another unit.
pub(super) const MAX: u64 = 365 * 24 * 3600;
const PATTERN: &str = r"^[0-9]+(\.[0-9]+)? ?(ms|s|m|h)$";

/// Reads a duration, or says what is wrong with it.
pub(super) fn read(value: &Value) -> Result<Duration, String> {
    let seconds = match value {
        Value::Number(number) => number.as_f64().ok_or("it is no number that fits")?,
        Value::String(text) => from_text(text)?,
        _ => return Err("it is no duration".to_owned()),
    };
    if seconds < 0.0 {
        return Err("it is negative".to_owned());
    }
    if seconds > MAX as f64 {
        return Err("it is longer than a year".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| "it is no number that fits".to_owned())
}

fn from_text(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number = number.trim_end();
    if number.is_empty() {
        return Err("it has no number".to_owned());
    }
    let digits = number.strip_prefix('-').unwrap_or(number);
    let plain = !digits.is_empty()
        && digits
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let (true, Ok(number)) = (plain, number.parse::<f64>()) else {
        return Err(format!("{number:?} is no number"));
    };
    Ok(match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "" => return Err("it has no unit".to_owned()),
        other => return Err(format!("{other:?} is no unit")),
    })
}

/// Whole seconds as an integer, others as a float.
pub(super) fn serialize<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if duration.subsec_nanos() == 0 {
        serializer.serialize_u64(duration.as_secs())
    } else {
        serializer.serialize_f64(duration.as_secs_f64())
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    read(&Value::deserialize(deserializer)?)
        .map_err(|reason| de::Error::custom(format!("{reason}; {HINT}")))
}

/// The same for a duration that may be absent.
pub(super) mod optional {
    use super::{Deserializer, Duration, Serializer};

    pub(in crate::config) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        super::deserialize(deserializer).map(Some)
    }
}

/// The schema of a duration that must be more than zero.
pub(super) struct Positive;

/// The schema of a duration that may be zero.
pub(super) struct OrZero;

impl JsonSchema for Positive {
    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Seconds as a number, more than 0, or text with a unit: \"30s\", \"500ms\", \"2m\", \"1h\".",
            "anyOf": [
                { "type": "number", "exclusiveMinimum": 0, "maximum": MAX },
                { "type": "string", "pattern": PATTERN },
            ],
        })
    }
}

impl JsonSchema for OrZero {
    fn schema_name() -> Cow<'static, str> {
        "SecondsOrZero".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Seconds as a number, 0 allowed, or text with a unit: \"30s\", \"500ms\", \"2m\", \"1h\".",
            "anyOf": [
                { "type": "number", "minimum": 0, "maximum": MAX },
                { "type": "string", "pattern": PATTERN },
            ],
        })
    }
}

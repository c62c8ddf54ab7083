//! The author's view of a payload, and how typed values become one: JSON for what serde knows, bytes and
//! text untouched.

use std::any::Any;
use std::str;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use agentsys_abi::bridge::Payload;

use crate::error::{Error, Result};

/// The content types that the SDK itself writes.
pub mod content_type {
    /// JSON: every typed value but bytes and text.
    pub const JSON: &str = "application/json";
    /// Text: a `String`.
    pub const TEXT: &str = "text/plain";
    /// Bytes: a `Vec<u8>`, and what says nothing else.
    pub const BYTES: &str = "application/octet-stream";
}

/// A value that a handler can take. `Kind` keeps payloads and serde's types apart; it is never named.
pub trait FromPayload<Kind>: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput), naming the field that does not fit.
    fn from_payload(payload: Payload) -> Result<Self>;
}

/// A value that a handler can answer. `Kind` as in [`FromPayload`].
pub trait IntoPayload<Kind> {
    /// Writes the value.
    ///
    /// # Errors
    /// Where serde cannot, as with a map whose keys are no text.
    fn into_payload(self) -> Result<Payload>;
}

/// Reading a payload that came as an answer, or from the storage.
pub trait ReadPayload {
    /// The payload as a typed value: text, bytes, or what serde reads from JSON.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput), naming the field that does not fit.
    fn read<T: DeserializeOwned + 'static>(self) -> Result<T>;
}

impl ReadPayload for Payload {
    fn read<T: DeserializeOwned + 'static>(self) -> Result<T> {
        T::from_payload(self)
    }
}

/// The kind of [`Payload`] itself.
pub enum Untouched {}

/// The kind of what serde reads and writes.
pub enum Typed {}

impl FromPayload<Untouched> for Payload {
    fn from_payload(payload: Payload) -> Result<Self> {
        Ok(payload)
    }
}

impl IntoPayload<Untouched> for Payload {
    fn into_payload(self) -> Result<Payload> {
        Ok(self)
    }
}

impl<T: DeserializeOwned + 'static> FromPayload<Typed> for T {
    fn from_payload(payload: Payload) -> Result<Self> {
        let mut value: Option<T> = None;
        let slot: &mut dyn Any = &mut value;
        if let Some(text) = slot.downcast_mut::<Option<String>>() {
            *text = Some(utf8(&payload)?.to_owned());
        } else if let Some(bytes) = slot.downcast_mut::<Option<Vec<u8>>>() {
            *bytes = Some(payload.as_slice().to_vec());
        }
        value.map_or_else(|| from_json("input", payload.as_slice()), Ok)
    }
}

impl<T: Serialize + 'static> IntoPayload<Typed> for T {
    fn into_payload(self) -> Result<Payload> {
        let mut value = Some(self);
        let slot: &mut dyn Any = &mut value;
        if let Some(text) = slot.downcast_mut::<Option<String>>() {
            let bytes = text.take().map(Bytes::from).unwrap_or_default();
            return Ok(Payload::new(bytes, content_type::TEXT));
        }
        if let Some(Some(text)) = slot.downcast_ref::<Option<&'static str>>() {
            let bytes = Bytes::from_static(text.as_bytes());
            return Ok(Payload::new(bytes, content_type::TEXT));
        }
        if let Some(bytes) = slot.downcast_mut::<Option<Vec<u8>>>() {
            let bytes = bytes.take().map(Bytes::from).unwrap_or_default();
            return Ok(Payload::new(bytes, content_type::BYTES));
        }
        let json = serde_json::to_vec(&value)
            .map_err(|error| Error::from(error).context("the answer cannot be written as JSON"))?;
        Ok(Payload::new(json.into(), content_type::JSON))
    }
}

fn utf8(payload: &Payload) -> Result<&str> {
    str::from_utf8(payload.as_slice())
        .map_err(|error| Error::invalid_input(format!("the input is not UTF-8 text: {error}")))
}

/// Reads JSON. Where it does not fit, the error names `what` was read, and the field.
pub(crate) fn from_json<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." {
            String::new()
        } else {
            format!(" at `{path}`")
        };
        Error::invalid_input(format!("the {what} does not fit{place}: {}", error.inner()))
    })?;
    reader
        .end()
        .map_err(|error| Error::invalid_input(format!("the {what} does not fit: {error}")))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::ErrorKind;

    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    struct Order {
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    struct Line {
        amount: u32,
    }

    fn parse<T: FromPayload<Kind>, Kind>(text: &'static str) -> Result<T> {
        T::from_payload(Payload::new(Bytes::from_static(text.as_bytes()), ""))
    }

    #[test]
    fn input_that_does_not_fit_names_the_field() {
        let error = parse::<Order, _>(r#"{"lines":[{"amount":1},{"amount":"two"}]}"#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.message(),
            "the input does not fit at `lines[1].amount`: invalid type: string \"two\", expected u32 at line 1 column 38"
        );
        let error = parse::<Order, _>("{}").unwrap_err();
        assert_eq!(
            error.message(),
            "the input does not fit: missing field `lines` at line 1 column 2"
        );
        assert!(parse::<Order, _>(r#"{"lines":[]} tail"#).is_err());
    }

    #[test]
    fn bytes_and_text_pass_untouched() {
        assert_eq!(parse::<String, _>("\"quoted\"").unwrap(), "\"quoted\"");
        assert_eq!(parse::<Vec<u8>, _>("[1]").unwrap(), b"[1]");
        let text = String::from("as it is").into_payload().unwrap();
        assert_eq!(
            (text.as_slice(), text.content_type()),
            (&b"as it is"[..], "text/plain")
        );
        let literal = "as it stands".into_payload().unwrap();
        assert_eq!(
            (literal.as_slice(), literal.content_type()),
            (&b"as it stands"[..], "text/plain")
        );
        let bytes = vec![0_u8, 255].into_payload().unwrap();
        assert_eq!(
            (bytes.as_slice(), bytes.content_type()),
            (&[0, 255][..], "application/octet-stream")
        );
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        let payload = Payload::new(Bytes::from_static(b"a\xff"), "text/plain");
        let error = String::from_payload(payload).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn typed_values_go_through_json() {
        let order = Order {
            lines: vec![Line { amount: 3 }],
        };
        let payload = order.into_payload().unwrap();
        assert_eq!(
            (payload.as_slice(), payload.content_type()),
            (&br#"{"lines":[{"amount":3}]}"#[..], "application/json")
        );
    }
}

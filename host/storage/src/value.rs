//! What is kept under a key.

use std::borrow::Cow;

use bytes::Bytes;

/// Bytes, and what they are. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The bytes; none at all is a value too.
    pub bytes: Bytes,
    /// Their media type, such as `application/json`. Kept as it comes and not looked at.
    pub content_type: Cow<'static, str>,
}

impl Value {
    /// Bytes of the given content type.
    pub fn new(bytes: impl Into<Bytes>, content_type: impl Into<Cow<'static, str>>) -> Self {
        Self {
            bytes: bytes.into(),
            content_type: content_type.into(),
        }
    }

    fn of(bytes: Bytes, content_type: &'static str) -> Self {
        Self {
            bytes,
            content_type: Cow::Borrowed(content_type),
        }
    }
}

/// Bytes of which nothing more is known: `application/octet-stream`.
impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::of(bytes, "application/octet-stream")
    }
}

/// Bytes of which nothing more is known: `application/octet-stream`.
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

/// `text/plain`.
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::of(text.into(), "text/plain")
    }
}

/// `text/plain`.
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

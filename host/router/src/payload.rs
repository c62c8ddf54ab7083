//! What a task carries in and what its answer carries out: counted bytes that say what they are.
//! Cloning one copies no bytes, so a task can later be retried or broadcast for nothing.

use std::fmt;
use std::str::Utf8Error;

use bytes::Bytes;

use crate::ContentType;

/// Bytes with a content type. A clone shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    bytes: Bytes,
    content_type: ContentType,
}

impl Payload {
    /// Joins bytes and their content type. The bytes are not checked against it.
    pub fn new(bytes: impl Into<Bytes>, content_type: ContentType) -> Self {
        Self {
            bytes: bytes.into(),
            content_type,
        }
    }

    /// A payload of `application/json`.
    pub fn json(bytes: impl Into<Bytes>) -> Self {
        Self::new(bytes, ContentType::JSON)
    }

    /// A payload of `text/plain`.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(text.into(), ContentType::TEXT)
    }

    /// A payload of `text/csv`.
    pub fn csv(bytes: impl Into<Bytes>) -> Self {
        Self::new(bytes, ContentType::CSV)
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes as text, whatever the content type says.
    ///
    /// # Errors
    /// Where the bytes are not UTF-8.
    pub fn to_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.bytes)
    }

    /// What the bytes are.
    pub fn content_type(&self) -> &ContentType {
        &self.content_type
    }

    /// Takes the payload apart, without a copy.
    pub fn into_parts(self) -> (Bytes, ContentType) {
        (self.bytes, self.content_type)
    }
}

/// Shows the size and the type; payloads are too large for logs.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Payload({} bytes of {})",
            self.bytes.len(),
            self.content_type
        )
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes, ContentType::BYTES)
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes, ContentType::BYTES)
    }
}

//! What a payload's bytes are. Its own type, because nearly every payload has one of four content
//! types: those cost no allocation and no reference count.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The media type of a payload, such as `text/csv; charset=utf-8`.
///
/// Cheap to clone. The part before the parameters is kept in lower case, so that two spellings of
/// one type are equal; parameters are kept as they came.
#[derive(Clone)]
pub struct ContentType(Repr);

#[derive(Clone)]
enum Repr {
    Known(&'static str),
    Other(Arc<str>),
}

impl ContentType {
    /// `application/json`
    pub const JSON: Self = Self(Repr::Known("application/json"));
    /// `text/plain`
    pub const TEXT: Self = Self(Repr::Known("text/plain"));
    /// `text/csv`
    pub const CSV: Self = Self(Repr::Known("text/csv"));
    /// `application/octet-stream`: bytes of which nothing more is known.
    pub const BYTES: Self = Self(Repr::Known("application/octet-stream"));

    /// Takes any text; it is not checked against a registry of media types. Nothing but white space
    /// means [`ContentType::BYTES`].
    pub fn new(text: &str) -> Self {
        // Each answer of a plugin comes by here, and nearly all are written so.
        match text {
            "application/json" => Self::JSON,
            "text/plain" => Self::TEXT,
            "text/csv" => Self::CSV,
            "application/octet-stream" => Self::BYTES,
            _ => Self::of_any(text),
        }
    }

    #[cold]
    fn of_any(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::BYTES;
        }
        for known in [Self::JSON, Self::TEXT, Self::CSV, Self::BYTES] {
            if known.as_str().eq_ignore_ascii_case(text) {
                return known;
            }
        }
        let mut owned = text.to_owned();
        let essence_end = owned.find(';').unwrap_or(owned.len());
        owned[..essence_end].make_ascii_lowercase();
        Self(Repr::Other(owned.into()))
    }

    /// The content type as a text of the program's own, where it is one of the constants above.
    pub fn known(&self) -> Option<&'static str> {
        match self.0 {
            Repr::Known(text) => Some(text),
            Repr::Other(_) => None,
        }
    }

    /// The whole content type, with its parameters.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Known(text) => text,
            Repr::Other(text) => text,
        }
    }

    /// The type without its parameters: `text/csv` of `text/csv; charset=utf-8`.
    pub fn essence(&self) -> &str {
        let text = self.as_str();
        text.split_once(';')
            .map_or(text, |(essence, _)| essence.trim_end())
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentType({:?})", self.as_str())
    }
}

impl PartialEq for ContentType {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ContentType {}

impl Hash for ContentType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl From<&str> for ContentType {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::ContentType;

    #[test]
    fn two_spellings_of_a_type_are_equal() {
        assert_eq!(ContentType::new(" Application/JSON "), ContentType::JSON);
        assert_eq!(
            ContentType::new("Image/PNG; Name=A"),
            ContentType::new("image/png; Name=A")
        );
        assert_ne!(ContentType::CSV, ContentType::TEXT);
    }

    #[test]
    fn the_essence_leaves_the_parameters_out() {
        let csv = ContentType::new("text/csv ; charset=utf-8");
        assert_eq!(csv.essence(), "text/csv");
        assert_eq!(csv.as_str(), "text/csv ; charset=utf-8");
        assert_eq!(ContentType::JSON.essence(), "application/json");
    }

    #[test]
    fn no_content_type_means_bytes() {
        assert_eq!(ContentType::new("  "), ContentType::BYTES);
    }
}

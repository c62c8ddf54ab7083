//! Which of the two forms of a table an input is in.
//!
//! Senders often leave the content type out or send a general one, so the bytes decide then.

/// A form in which a table can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CSV text: comma-separated, with a header line.
    Csv,
    /// A JSON array of objects, one for each row.
    Json,
}

impl Format {
    /// Chooses the format of `bytes` sent with `content_type`.
    ///
    /// `text/csv` is CSV, `application/json` is JSON; parameters such as
    /// `; charset=utf-8` are ignored. With any other content type, or none, the input is JSON if
    /// its first byte that is not white is `[` (after a byte-order mark, if there is one).
    #[must_use]
    pub fn choose(content_type: Option<&str>, bytes: &[u8]) -> Format {
        let essence = content_type
            .and_then(|full| full.split(';').next())
            .map(|essence| essence.trim().to_ascii_lowercase());
        match essence.as_deref() {
            Some("text/csv") => Format::Csv,
            Some("application/json") => Format::Json,
            _ => sniff(bytes),
        }
    }
}

fn sniff(bytes: &[u8]) -> Format {
    match without_bom(bytes).trim_ascii_start().first() {
        Some(b'[') => Format::Json,
        _ => Format::Csv,
    }
}

/// The input after its UTF-8 byte-order mark, if it has one.
pub(crate) fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

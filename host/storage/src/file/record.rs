//! How a value stands in the files: a version, the content type's length, the content type, the
//! bytes. The version is the record's own, so that later ones can stand beside it.

use std::borrow::Cow;

use bytes::Bytes;
use fjall::Slice;

use crate::{MAX_CONTENT_TYPE_BYTES, Value};

const VERSION: u8 = 1;
const HEAD: usize = 2;
const _: () = assert!(MAX_CONTENT_TYPE_BYTES <= u8::MAX as usize);

/// Values up to this size are copied out of the engine's memory; larger ones are shared with it.
const COPIED: usize = 1024;

pub(super) fn encode(value: &Value) -> Vec<u8> {
    let content_type = value.content_type.as_bytes();
    let length = u8::try_from(content_type.len()).expect("the limits were checked before");
    let mut record = Vec::with_capacity(HEAD + content_type.len() + value.bytes.len());
    record.extend_from_slice(&[VERSION, length]);
    record.extend_from_slice(content_type);
    record.extend_from_slice(&value.bytes);
    record
}

pub(super) fn decode(record: Slice) -> Result<Value, String> {
    let (&version, rest) = record.split_first().ok_or("its record is empty")?;
    if version != VERSION {
        return Err(format!(
            "its record has version {version}, this program reads {VERSION}: use a newer one"
        ));
    }
    let (&length, rest) = rest.split_first().ok_or("its record is cut off")?;
    let (content_type, bytes) = rest
        .split_at_checked(usize::from(length))
        .ok_or("its record is cut off")?;
    let content_type = str::from_utf8(content_type).map_err(|_| "its content type is no text")?;
    let content_type =
        known(content_type).map_or_else(|| Cow::Owned(content_type.to_owned()), Cow::Borrowed);
    let bytes = if bytes.len() <= COPIED {
        Bytes::copy_from_slice(bytes)
    } else {
        let start = record.len() - bytes.len();
        Bytes::from_owner(record).slice(start..)
    };
    Ok(Value {
        bytes,
        content_type,
    })
}

/// The usual content types cost no allocation.
fn known(content_type: &str) -> Option<&'static str> {
    const KNOWN: [&str; 4] = [
        "application/json",
        "application/octet-stream",
        "text/plain",
        "text/csv",
    ];
    KNOWN.into_iter().find(|known| *known == content_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_back_what_was_put_in() {
        for size in [0, 1, COPIED, COPIED + 1] {
            for content_type in ["", "text/csv", "image/png; q=1", &"x".repeat(255)] {
                let value = Value::new(vec![7; size], content_type.to_owned());
                let record = Slice::from(encode(&value));
                assert_eq!(decode(record), Ok(value));
            }
        }
    }

    #[test]
    fn the_format_is_this() {
        let record = encode(&Value::new(&b"\x00\xff"[..], "a/b"));
        assert_eq!(record, b"\x01\x03a/b\x00\xff");
    }

    #[test]
    fn another_version_or_a_cut_record_is_refused() {
        for record in [&b""[..], b"\x02", b"\x01", b"\x01\x03ab", b"\x01\x01\xff"] {
            assert!(decode(Slice::from(record)).is_err(), "{record:?}");
        }
        let newer = decode(Slice::from(&b"\x02\x00"[..])).expect_err("another version");
        assert!(newer.contains("version 2"), "{newer}");
    }
}

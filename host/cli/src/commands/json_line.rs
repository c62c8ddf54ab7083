//! An item of a stream as one line of JSON, whatever it is: what its content type calls JSON as it stands, all else as a string. The type decides and not the bytes, so that a stream of
//! texts does not turn into numbers where some of them look like it.

use std::str;

use serde::de::IgnoredAny;
use serde_json::json;

/// The line, its end included.
pub(super) fn line(content_type: &str, bytes: &[u8]) -> Vec<u8> {
    let mut line = match str::from_utf8(bytes) {
        Ok(text) if is_json(content_type) && serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            // In JSON a line ends between the tokens only.
            text.trim().replace(['\n', '\r'], " ").into_bytes()
        }
        Ok(text) => json!(text).to_string().into_bytes(),
        Err(_) => json!({ "content_type": content_type, "base64": base64(bytes) })
            .to_string()
            .into_bytes(),
    };
    line.push(b'\n');
    line
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || essence.to_ascii_lowercase().ends_with("+json")
}

/// As RFC 4648 has it, with its padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| {
            bits << 8 | u32::from(three.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= three.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn shown(content_type: &str, bytes: &[u8]) -> String {
        String::from_utf8(line(content_type, bytes)).unwrap()
    }

    #[test]
    fn json_stands_as_it_is_in_one_line() {
        let json = b"{\"b\": 1.50,\r\n \"a\": \"x\\ny\"}\n";
        let line = "{\"b\": 1.50,   \"a\": \"x\\ny\"}\n";
        for content_type in [
            "application/json",
            "application/json; charset=utf-8",
            "application/ld+json",
        ] {
            assert_eq!(shown(content_type, json), line);
        }
    }

    #[test]
    fn text_is_a_string_also_where_it_looks_like_something_else() {
        assert_eq!(shown("text/plain", b"12"), "\"12\"\n");
        assert_eq!(shown("text/csv", b"a,\"b\"\n"), "\"a,\\\"b\\\"\\n\"\n");
        assert_eq!(shown("application/json", b"{\"a\":"), "\"{\\\"a\\\":\"\n");
        assert_eq!(shown("text/plain", b""), "\"\"\n");
    }

    #[test]
    fn bytes_that_are_no_text_are_an_object() {
        let line = shown("application/octet-stream", &[0xff, 0, 1]);
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            object,
            json!({ "content_type": "application/octet-stream", "base64": "/wAB" })
        );
    }

    #[test]
    fn base64_is_padded() {
        let encoded = ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes()));
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }
}

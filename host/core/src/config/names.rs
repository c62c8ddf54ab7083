//! Which names plugins and routes may have.

/// What is wrong with the name of a plugin; `None` if nothing is.
pub(super) fn plugin_fault(name: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let all_plain = name
        .bytes()
        .all(|byte| plain(byte) || byte == b'_' || byte == b'-');
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 64 {
        Some("it is longer than 64 characters")
    } else if !all_plain {
        Some("write it with a-z, 0-9, _ and - only")
    } else if !name.bytes().next().is_some_and(plain) {
        Some("begin it with a letter or a digit")
    } else {
        None
    }
}

/// What is wrong with the name of a route; `None` if nothing is. An embedder's routes may have names that no plugin's has.
pub(super) fn route_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 255 {
        Some("it is longer than 255 bytes")
    } else if name.contains(char::is_control) {
        Some("it contains a control character")
    } else if name.trim() != name {
        Some("it begins or ends with white space")
    } else {
        None
    }
}

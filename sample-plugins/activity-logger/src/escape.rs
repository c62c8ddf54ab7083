//! What keeps an entry on its line, and a terminal out of an agent's hands.
//!
//! Escaped are all control characters (line breaks, and what begins a terminal's commands), the
//! two separators that some readers take for line breaks, and the marks that turn the direction
//! of writing, with which a line can show what it does not say.

use std::fmt::Write;

use serde::Serialize;

/// Appends text that anyone may have written. A backslash is doubled, so that what was escaped
/// and what was sent so stay apart.
pub(crate) fn push_text(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if is_unsafe(c) => push_code(line, c),
            c => line.push(c),
        }
    }
}

/// Appends a value as compact JSON. What is unsafe stands inside of strings only, where JSON
/// reads `\u` as the same character.
pub(crate) fn push_json(line: &mut String, value: &impl Serialize) {
    let json = serde_json::to_string(value).expect("text keys and plain values can be written");
    if json.chars().any(is_unsafe) {
        for c in json.chars() {
            if is_unsafe(c) {
                push_code(line, c);
            } else {
                line.push(c);
            }
        }
    } else {
        line.push_str(&json);
    }
}

fn push_code(line: &mut String, c: char) {
    // All of them have four digits at most.
    write!(line, "\\u{:04x}", u32::from(c)).expect("a string takes everything");
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

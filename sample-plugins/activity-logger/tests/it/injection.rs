//! What agents send stays on its line, and says what it says.

use serde_json::json;

use crate::support::{activity, line, trouble};

const FORGED: &str = "x\r\n2023-11-14T22:13:20.007Z ERROR Agent 'admin' - forged";

/// Line breaks of all kinds, commands of terminals, and marks that turn the writing direction.
const UNSAFE: &str =
    "\n\r\u{b}\u{c}\u{85}\u{2028}\u{2029}\0\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{2066}\u{200f}\u{61c}";

fn is_one_safe_line(line: &str) -> bool {
    let breaks = |c: char| c.is_control() || UNSAFE.contains(c) && !c.is_ascii();
    !line.chars().any(breaks)
}

#[test]
fn no_field_forges_a_second_line() {
    let all = "{agent} {activity} {error} {kind} {causes} {details} {message}";
    for text in [FORGED, UNSAFE] {
        let entries = [
            activity(json!({"agent": text, "activity": text, "details": text})),
            activity(
                json!({"agent": text, "activity": text, "details": {text: [text, {text: 1}]}}),
            ),
            trouble(json!({
                "agent": text, "error": text, "kind": text, "causes": [text, text], "details": [text]
            })),
        ];
        for entry in &entries {
            for config in [
                json!({"log_format": all}),
                json!({"format": "json"}),
                json!({}),
            ] {
                let line = line(config, entry);
                assert!(is_one_safe_line(&line), "{line:?}");
            }
        }
    }
}

#[test]
fn what_is_escaped_can_be_read_and_told_from_what_was_sent_so() {
    let with = |activity_text: &str| {
        let entry = json!({"agent": "a", "activity": activity_text});
        line(json!({"log_format": "{activity}"}), &activity(entry))
    };
    assert_eq!(with("a\nb\r\tc\u{1b}d\u{2028}"), r"a\nb\r\tc\u001bd\u2028");
    assert_eq!(with(r"C:\new"), r"C:\\new");
    assert_eq!(with("grüße, 世界 🐧 'q' \"q\""), "grüße, 世界 🐧 'q' \"q\"");
}

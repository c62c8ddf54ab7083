//! What an agent says of itself beyond its name, in a few words: only what is not as with most.

use serde_json::Value;

use crate::text::one_line;

/// `weight 2, 4 at a time, idempotent, zone=a`; of a route in a file, or of an agent that serves.
pub(super) fn particulars(said: &Value) -> String {
    let mut words = Vec::new();
    if let Some(weight) = said["weight"].as_u64().filter(|weight| *weight != 1) {
        words.push(format!("weight {weight}"));
    }
    if let Some(most) = said["max_concurrent"].as_u64() {
        words.push(format!("{most} at a time"));
    }
    if said["idempotent"] == true {
        words.push("idempotent".to_owned());
    }
    let labels = said["labels"].as_object().into_iter().flatten();
    words.extend(labels.map(|(name, text)| {
        let text = text.as_str().unwrap_or_default();
        one_line(&format!("{name}={text}"))
    }));
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_not_as_with_most_is_said() {
        let most =
            json!({ "weight": 1, "max_concurrent": null, "idempotent": false, "labels": {} });
        assert_eq!(particulars(&most), "");
        assert_eq!(particulars(&json!({ "of": "an older host" })), "");
        let all = json!({ "weight": 2, "max_concurrent": 4, "idempotent": true,
            "labels": { "zone": "a\u{1b}[2J", "priority": "1" } });
        assert_eq!(
            particulars(&all),
            "weight 2, 4 at a time, idempotent, priority=1, zone=a\u{fffd}[2J"
        );
    }
}

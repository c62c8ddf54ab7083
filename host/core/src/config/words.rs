//! The words of messages: keys and values as TOML writes them, lists, and "did you mean".

use serde_json::Value;

/// Longer words are not compared: the comparison takes the product of both lengths.
const MAX_COMPARED: usize = 128;
const LIKE_ENOUGH: f64 = 0.8;
/// A longer value is cut: a message is one line.
const MAX_SHOWN: usize = 60;

/// The key as TOML writes it: `plugins.echo.config."my key"`.
pub(super) fn dotted<S: AsRef<str>>(path: &[S]) -> String {
    let keys: Vec<String> = path.iter().map(|key| quoted(key.as_ref())).collect();
    keys.join(".")
}

fn quoted(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}

/// A value in a message, cut if it is long.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        Value::String(text) if text.chars().count() > MAX_SHOWN => {
            let start: String = text.chars().take(MAX_SHOWN).collect();
            format!("{:?}", format!("{start}…"))
        }
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

/// The nearest of the words, for "did you mean", or `None` where none is near.
pub(super) fn nearest<'a, S: AsRef<str>>(wanted: &str, words: &'a [S]) -> Option<&'a str> {
    let plain = wanted.to_lowercase();
    let mut nearest: Option<(f64, &str)> = None;
    for word in words.iter().map(AsRef::as_ref) {
        // What is much longer has many letters that happen to be in it too.
        let unlike = word.len() > 2 * wanted.len() || wanted.len() > 2 * word.len();
        if wanted.len() > MAX_COMPARED || word.len() > MAX_COMPARED || unlike {
            continue;
        }
        let likeness = strsim::jaro_winkler(&plain, &word.to_lowercase());
        if likeness >= LIKE_ENOUGH && nearest.is_none_or(|(best, _)| likeness > best) {
            nearest = Some((likeness, word));
        }
    }
    nearest.map(|(_, word)| word)
}

/// `a, b and c`.
pub(super) fn list<S: AsRef<str>>(words: &[S], last: &str) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((end, others)) => format!("{} {last} {end}", others.join(", ")),
    }
}

/// Text that stays on its line, whatever the names in it.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

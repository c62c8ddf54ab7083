//! Text for a person: what plugins say must not steer the terminal.

use std::borrow::Cow;

/// The text with control characters shown, but for line ends and tabs.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars()
            .map(|c| {
                if steers(c) {
                    char::REPLACEMENT_CHARACTER
                } else {
                    c
                }
            })
            .collect(),
    )
}

/// `1 plugin`, `2 plugins`.
pub(crate) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_cannot_reach_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\nc"), "a\u{fffd}[2Jb\nc");
        assert!(matches!(plain("plain\ttext"), Cow::Borrowed(_)));
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(
            (count(1, "route"), count(0, "route")),
            ("1 route".to_owned(), "0 routes".to_owned())
        );
    }
}

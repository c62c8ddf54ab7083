//! Text for a person: what plugins say must not steer the terminal, and figures have units.

use std::borrow::Cow;
use std::io::IsTerminal;

use chrono::{DateTime, SecondsFormat};

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

/// The same as one line.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    plain(&words.join(" ")).into_owned()
}

/// Whether a stream shows colours: a terminal, unless `NO_COLOR` is set.
pub(crate) fn colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// `1 plugin`, `2 plugins`.
pub(crate) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A duration in the unit that suits it, in three digits: `850 ns`, `1.25 ms`, `41.0 s`.
pub(crate) fn duration(seconds: f64) -> String {
    let (figure, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let digits = match figure {
        figure if unit == "ns" || figure >= 99.95 => 0,
        figure if figure >= 9.995 => 1,
        _ => 2,
    };
    format!("{figure:.digits$} {unit}")
}

/// A moment, from seconds since 1970, as the log writes it.
pub(crate) fn moment(seconds: f64) -> String {
    let micros = (seconds * 1e6) as i64;
    DateTime::from_timestamp_micros(micros).map_or_else(
        || "-".to_owned(),
        |moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

/// How long ago something was: `12 s`, `3 min`, `5 h`, `2 days`.
pub(crate) fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A size: `0 B`, `1.5 KiB`, `20 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    let mut figure = bytes as f64;
    let mut units = ["B", "KiB", "MiB", "GiB"].into_iter().peekable();
    while let Some(unit) = units.next() {
        if figure < 1024.0 || units.peek().is_none() {
            let digits = usize::from(unit != "B" && figure < 10.0);
            return format!("{figure:.digits$} {unit}");
        }
        figure /= 1024.0;
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_cannot_reach_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\nc"), "a\u{fffd}[2Jb\nc");
        assert!(matches!(plain("plain\ttext"), Cow::Borrowed(_)));
        assert_eq!(one_line(" a\n\tb\x07 "), "a b\u{fffd}");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(
            (count(1, "route"), count(0, "route")),
            ("1 route".to_owned(), "0 routes".to_owned())
        );
    }

    #[test]
    fn durations_have_the_unit_that_suits_them() {
        let shown = [
            0.0, 8.5e-7, 1.5e-5, 0.00125, 0.0999999, 0.25, 1.0, 99.99, 4_000.0,
        ]
        .map(duration);
        assert_eq!(
            shown,
            [
                "0 ns", "850 ns", "15.0 µs", "1.25 ms", "100 ms", "250 ms", "1.00 s", "100 s",
                "4000 s"
            ]
        );
    }

    #[test]
    fn moments_ages_and_sizes_are_short() {
        assert_eq!(moment(1_763_000_000.9), "2025-11-13T02:13:20Z");
        assert_eq!(moment(f64::MAX), "-");
        assert_eq!(
            [-3.0, 119.9, 120.0, 7_300.0, 1e6].map(age),
            ["0 s", "119 s", "2 min", "2 h", "11 days"]
        );
        assert_eq!(
            [0, 1023, 1536, 20 << 20, 5 << 40].map(size),
            ["0 B", "1023 B", "1.5 KiB", "20 MiB", "5120 GiB"]
        );
    }
}

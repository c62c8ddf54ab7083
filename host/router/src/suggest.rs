//! "Did you mean": a mistyped route is the most common mistake of all, and the names are at hand.

use std::fmt;

/// Longer names are not compared: the comparison takes the product of both lengths.
const MAX_COMPARED: usize = 128;
const MAX_SHOWN: usize = 3;
const LIKE_ENOUGH: f64 = 0.8;

/// The end of a sentence about an unknown name: `; did you mean "analyze_data"?`, or nothing.
pub(crate) fn did_you_mean<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = alternatives(near(wanted, names));
    if near.is_empty() {
        return near;
    }
    format!("; did you mean {near}?")
}

/// Names in quotes: `"a", "b" or "c"`.
pub(crate) fn alternatives(names: impl Iterator<Item = impl fmt::Debug>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// The nearest names, the nearest first.
fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let plain = wanted.to_lowercase();
    let mut near: Vec<(f64, &str)> = names
        .filter(|name| wanted.len() <= MAX_COMPARED && name.len() <= MAX_COMPARED)
        .map(|name| (strsim::jaro_winkler(&plain, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= LIKE_ENOUGH)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.into_iter().take(MAX_SHOWN).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    const NAMES: [&str; 4] = ["analyze_data", "process_data", "process_date", "echo"];

    #[test]
    fn a_slip_of_the_finger_finds_the_name() {
        assert_eq!(
            did_you_mean("analyse_data", NAMES.into_iter()),
            "; did you mean \"analyze_data\"?"
        );
        assert_eq!(
            did_you_mean("ECHO", NAMES.into_iter()),
            "; did you mean \"echo\"?"
        );
    }

    #[test]
    fn the_nearest_of_several_comes_first() {
        assert_eq!(
            did_you_mean("process_dat", NAMES.into_iter()),
            "; did you mean \"process_data\" or \"process_date\"?"
        );
    }

    #[test]
    fn a_name_like_no_other_gets_no_hint() {
        assert_eq!(did_you_mean("weather", NAMES.into_iter()), "");
        assert_eq!(did_you_mean(&"echo".repeat(1000), NAMES.into_iter()), "");
    }
}

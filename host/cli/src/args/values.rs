//! What single options may hold, and how it is read.

use std::time::Duration;

use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// One value of the configuration, as `--set` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// `router.timeout=5`. A name in the key may hold `=` where it stands in quotes.
pub(super) fn assignment(text: &str) -> Result<Assignment, String> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '=') => {
                return Ok(Assignment {
                    key: text[..at].to_owned(),
                    value: text[at + 1..].to_owned(),
                });
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    Err("write it as KEY=VALUE, for example router.timeout=5".to_owned())
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .trim_end_matches('s')
        .parse()
        .map_err(|_| "give a number of seconds, as 2.5".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "give a number of seconds that is not negative".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetricsFormat {
    /// Tables, for people.
    Table,
    /// JSON, for programs.
    Json,
    /// The text format of Prometheus, version 0.0.4.
    Prometheus,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_a_fraction_and_a_unit() {
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2500)));
        assert_eq!(seconds("30s"), Ok(Duration::from_secs(30)));
        assert!(seconds("-1").is_err() && seconds("soon").is_err());
    }

    #[test]
    fn a_value_may_be_empty_or_hold_more_signs_and_a_quoted_name_may_too() {
        let split = |text| assignment(text).map(|it| (it.key, it.value));
        let pair = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(split("router.timeout=5"), pair("router.timeout", "5"));
        assert_eq!(split("a.b="), pair("a.b", ""));
        assert_eq!(split("a.b=c=d"), pair("a.b", "c=d"));
        assert_eq!(
            split(r#"router.routes."a=b".timeout=5"#),
            pair(r#"router.routes."a=b".timeout"#, "5")
        );
        assert!(split("router.timeout").is_err());
    }
}

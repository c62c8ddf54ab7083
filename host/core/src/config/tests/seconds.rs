//! Each way to write a duration.

use std::time::Duration;

use super::load;
use crate::config::{Config, render};

fn timeout(value: &str) -> Duration {
    let toml = format!("[router]\ntimeout = {value}");
    load(&toml).config.router.timeout
}

#[test]
fn a_number_is_seconds() {
    assert_eq!(timeout("30"), Duration::from_secs(30));
    assert_eq!(timeout("30.0"), Duration::from_secs(30));
    assert_eq!(timeout("0.25"), Duration::from_millis(250));
    assert_eq!(timeout("31_536_000"), Duration::from_secs(31_536_000));
}

#[test]
fn text_has_a_unit() {
    assert_eq!(timeout("\"30s\""), Duration::from_secs(30));
    assert_eq!(timeout("\"500ms\""), Duration::from_millis(500));
    assert_eq!(timeout("\"2m\""), Duration::from_secs(120));
    assert_eq!(timeout("\"1h\""), Duration::from_secs(3600));
    assert_eq!(timeout("\"1.5 h\""), Duration::from_secs(5400));
}

#[test]
fn serde_alone_reads_and_refuses_the_same() {
    let read = |value: &str| {
        toml::from_str::<Config>(&format!("router.routes.echo.timeout = {value}"))
            .map(|config| config.router.routes["echo"].timeout)
            .map_err(|error| error.message().to_owned())
    };
    assert_eq!(read("\"2m\""), Ok(Some(Duration::from_secs(120))));
    let refused = read("\"2 moons\"").expect_err("it is no duration");
    assert!(
        refused.starts_with("\"moons\" is no unit; write seconds"),
        "{refused}"
    );
}

#[test]
fn whole_seconds_are_shown_without_a_point() {
    let shown = |value: &str| {
        let loaded = load(&format!("[router]\ntimeout = {value}"));
        render(&loaded, false)
    };
    assert!(shown("\"2m\"").contains("\ntimeout = 120\n"));
    assert!(shown("\"500ms\"").contains("\ntimeout = 0.5\n"));
}

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn plugin(json: &str) -> Result<PluginRecord, MetadataError> {
    PluginRecord::try_from(serde_json::from_str::<RawPlugin>(json).unwrap())
}

fn message(json: &str) -> String {
    plugin(json).unwrap_err().to_string()
}

#[test]
fn a_whole_record_is_read_and_unknown_fields_are_ignored() {
    let record = plugin(
        r#"{"name":"data-agents","version":"1.2.3","license":"MIT","description":"Tables.",
            "authors":["A <a@b>"],"interface":"1.0","sdk":"0.1.0","rustc":"rustc 1.95.0",
            "capabilities":["process"],"dependencies":[{"name":"echo","version":"^1.1"}],
            "from_the_future":{"x":[1]}}"#,
    )
    .unwrap();
    assert_eq!(record.name, "data-agents");
    assert_eq!(record.version, Version::new(1, 2, 3));
    assert_eq!(record.interface, Interface { major: 1, minor: 0 });
    assert_eq!(record.capabilities, ["process"]);
    assert!(
        record.dependencies[0]
            .version
            .matches(&Version::new(1, 4, 0))
    );
}

#[test]
fn what_a_record_leaves_out_is_empty() {
    let record = plugin(r#"{"name":"a","version":"1.0.0","interface":"1.0"}"#).unwrap();
    assert_eq!((record.license.as_str(), record.sdk.as_str()), ("", ""));
    assert!(record.authors.is_empty() && record.dependencies.is_empty());
}

#[test]
fn a_record_survives_being_written_as_json() {
    let record = plugin(
        r#"{"name":"a","version":"1.0.0-rc.1","interface":"1.7","dependencies":[{"name":"b"}]}"#,
    )
    .unwrap();
    let json = serde_json::to_string(&record).unwrap();
    assert!(json.contains(r#""version":"1.0.0-rc.1""#), "{json}");
    assert!(json.contains(r#""interface":"1.7""#), "{json}");
    assert_eq!(serde_json::from_str::<PluginRecord>(&json).unwrap(), record);
}

#[test]
fn a_mode_that_this_host_does_not_know_is_kept_as_its_word() {
    for (word, mode) in [
        ("plain", Mode::Plain),
        ("async", Mode::Async),
        ("blocking", Mode::Blocking),
        ("streaming", Mode::Other("streaming".into())),
    ] {
        let json = format!(r#"{{"name":"r","description":"","mode":"{word}"}}"#);
        let route: RouteRecord = serde_json::from_str(&json).unwrap();
        assert_eq!(route.mode, mode);
        assert!(serde_json::to_string(&route).unwrap().contains(word));
    }
}

fn route(json: &str) -> Result<RouteRecord, MetadataError> {
    RouteRecord::try_from(serde_json::from_str::<RawRoute>(json).unwrap())
}

#[test]
fn a_route_that_says_nothing_of_its_agents_has_what_all_have() {
    let of_older = route(r#"{"name":"r","description":"","mode":"plain"}"#).unwrap();
    assert_eq!(of_older.options, RouteOptions::default());
    assert_eq!(of_older.options.weight, 1);
}

#[test]
fn what_a_route_says_of_its_agents_is_read_and_survives_being_written_as_json() {
    let record = route(
        r#"{"name":"r","weight":1000,"max_concurrent":4,"idempotent":true,"labels":{"zone":"a","tier":""}}"#,
    )
    .unwrap();
    let options = &record.options;
    assert_eq!(
        (options.weight, options.max_concurrent, options.idempotent),
        (1000, Some(4), true)
    );
    let labels = [("tier", ""), ("zone", "a")].map(|(name, text)| (name.into(), text.into()));
    assert_eq!(options.labels, labels.into());
    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(
        (&json["weight"], &json["labels"]["zone"]),
        (&1000.into(), &"a".into())
    );
    assert_eq!(serde_json::from_value::<RouteRecord>(json).unwrap(), record);
}

#[test]
fn a_route_that_says_nonsense_of_its_agents_is_refused_in_one_line() {
    let long = "x".repeat(65);
    let many: Vec<String> = (0..33).map(|number| format!(r#""{number}":"""#)).collect();
    for (options, message) in [
        (
            r#""weight":0"#,
            r#"has a bad weight "0" for its route r: it is 1 to 1000"#,
        ),
        (
            r#""weight":1001"#,
            r#"has a bad weight "1001" for its route r: it is 1 to 1000"#,
        ),
        (
            r#""max_concurrent":0"#,
            r#"has a bad max_concurrent "0" for its route r: it is 1 or more, or left out"#,
        ),
        (
            r#""labels":{"":"a"}"#,
            r#"has a bad label's name "" for its route r: it is 1 to 64 bytes without control characters"#,
        ),
        (
            &format!(r#""labels":{{"{long}":"a"}}"#),
            &format!(
                r#"has a bad label's name "{long}" for its route r: it is 1 to 64 bytes without control characters"#
            ),
        ),
        (
            r#""labels":{"a":"\u001b[2J\n"}"#,
            r#"has a bad label "\u{1b}[2J\n" for its route r: it is at most 256 bytes without control characters"#,
        ),
        (
            &format!(r#""labels":{{{}}}"#, many.join(",")),
            r#"has a bad number of labels "33" for its route r: it is at most 32"#,
        ),
    ] {
        let error = route(&format!(r#"{{"name":"r",{options}}}"#)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn names_are_lower_case_words_of_at_most_64_bytes() {
    for good in ["a", "0", "data-agents", "data_agents2", &"x".repeat(64)] {
        assert_eq!(check_name("plugin", good), Ok(()));
    }
    for bad in [
        "",
        "-a",
        "_a",
        "Echo",
        "a b",
        "a/b",
        "..",
        "é",
        "a\n",
        &"x".repeat(65),
    ] {
        assert!(check_name("plugin", bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_bad_name_is_quoted_on_one_line() {
    assert_eq!(
        check_name("route", "Two\nlines").unwrap_err().to_string(),
        "has a bad route name \"Two\\nlines\": a name is 1 to 64 of a-z, 0-9, _ and -, \
         and begins with a letter or digit; rename it"
    );
}

#[test]
fn an_endless_name_is_shortened_in_the_message() {
    let error = check_name("plugin", &"é".repeat(1_000_000)).unwrap_err();
    assert!(error.to_string().len() < 400);
}

#[test]
fn bad_versions_are_named() {
    assert_eq!(
        message(r#"{"name":"a","version":"one","interface":"1.0"}"#),
        "has a bad version \"one\": unexpected character 'o' while parsing major version number; \
         write it like 1.2.3"
    );
    assert_eq!(
        message(r#"{"name":"a","version":"1.0.0","interface":"1"}"#),
        "has a bad interface version \"1\": an interface version is two numbers, such as 1.0; \
         rebuild it with a current SDK"
    );
    assert_eq!(
        message(
            r#"{"name":"a","version":"1.0.0","interface":"1.0",
                "dependencies":[{"name":"b","version":"=>1"}]}"#
        ),
        "has a bad version \"=>1\" for its dependency b: unexpected character '>' while parsing \
         major version number; write it like ^1.2"
    );
}

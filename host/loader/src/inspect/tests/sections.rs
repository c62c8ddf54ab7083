//! Damaged and contradicting plugin sections.

use agentsys_abi::record::{KIND_PLUGIN, KIND_ROUTE};

use super::super::fixture::record;
use super::*;

fn of_section(records: &[Vec<u8>]) -> String {
    refusal(&Elf::plugin(records.concat()).bytes())
}

#[test]
fn zero_bytes_between_records_are_skipped() {
    let records = [
        vec![0; 5],
        plugin("a", "1.0.0"),
        vec![0; 3],
        route("r"),
        vec![0; 9],
    ];
    let inspected = on_linux(&Elf::plugin(records.concat()).bytes()).unwrap();
    assert_eq!(inspected.metadata.routes.len(), 1);
}

#[test]
fn a_record_of_an_unknown_kind_is_skipped() {
    let records = [record(999, "anything"), plugin("a", "1.0.0")];
    assert!(on_linux(&Elf::plugin(records.concat()).bytes()).is_ok());
}

#[test]
fn bytes_that_begin_no_record_are_damage() {
    assert_eq!(
        of_section(&[plugin("a", "1.0.0"), b"\0\0AGENTSYX...".to_vec()]),
        "has a damaged plugin section: no record begins at byte 66; copy or build it again"
    );
}

#[test]
fn a_record_that_ends_beyond_the_section_is_damage() {
    let mut cut = record(KIND_PLUGIN, r#"{"name":"a"}"#);
    cut.truncate(20);
    assert_eq!(
        of_section(&[cut]),
        "has a damaged plugin section: the record at byte 0 ends at byte 28, \
         the section at byte 20; copy or build it again"
    );
    let mut endless = plugin("a", "1.0.0");
    endless[12..16].fill(0xff);
    assert_eq!(
        of_section(&[endless]),
        "has a damaged plugin section: the record at byte 0 ends at byte 4294967311, \
         the section at byte 64; copy or build it again"
    );
}

#[test]
fn a_section_that_ends_in_a_records_header_is_damage() {
    assert_eq!(
        of_section(&[plugin("a", "1.0.0"), b"AGENT".to_vec()]),
        "has a damaged plugin section: the record at byte 64 ends at byte 80, \
         the section at byte 69; copy or build it again"
    );
}

#[test]
fn a_newer_record_format_asks_for_a_newer_host() {
    let mut newer = plugin("a", "1.0.0");
    newer[8] = 2;
    assert_eq!(
        of_section(&[newer]),
        "record format 2; this host reads 1; update the host"
    );
}

#[test]
fn text_that_is_not_utf8_is_damage_with_its_place() {
    let mut broken = plugin("a", "1.0.0");
    broken[20] = 0xff;
    assert_eq!(
        of_section(&[broken]),
        "has a damaged plugin section: not UTF-8 at byte 20; copy or build it again"
    );
}

#[test]
fn text_that_is_no_json_object_is_damage_with_its_place() {
    assert_eq!(
        of_section(&[plugin("a", "1.0.0"), record(KIND_ROUTE, "{\"name\":}")]),
        "has a damaged plugin section: not a JSON object in the record at byte 64: \
         expected value at line 1 column 9; copy or build it again"
    );
    assert_eq!(
        of_section(&[record(KIND_PLUGIN, "[]")]),
        "has a damaged plugin section: not a JSON object in the record at byte 0: \
         it is another value; copy or build it again"
    );
}

#[test]
fn deeply_nested_json_is_refused_and_overflows_nothing() {
    let deep = "[".repeat(1_000_000);
    assert!(of_section(&[record(KIND_PLUGIN, &deep)]).contains("recursion limit"));
}

#[test]
fn a_missing_field_is_named() {
    assert_eq!(
        of_section(&[record(KIND_PLUGIN, r#"{"name":"a","interface":"1.0"}"#)]),
        "has a wrong plugin record: missing field `version`; rebuild it with a current SDK"
    );
    assert_eq!(
        of_section(&[plugin("a", "1.0.0"), record(KIND_ROUTE, "{}")]),
        "has a wrong route record: missing field `name`; rebuild it with a current SDK"
    );
}

#[test]
fn a_field_of_another_type_is_named_and_its_value_kept_on_one_line() {
    let json = r#"{"name":"a","version":"1.0.0","interface":"1.0","authors":["x",5]}"#;
    assert_eq!(
        of_section(&[record(KIND_PLUGIN, json)]),
        "has a wrong plugin record: authors[1]: invalid type: integer `5`, expected a string; \
         rebuild it with a current SDK"
    );
    let hostile = format!(
        r#"{{"name":"a","authors":"\n\u001b[2J{}"}}"#,
        "x".repeat(9999)
    );
    let message = of_section(&[record(KIND_PLUGIN, &hostile)]);
    assert!(
        message.len() < 400 && !message.contains(char::is_control),
        "{message}"
    );
}

#[test]
fn a_section_without_a_plugin_record_says_so() {
    let message =
        "has a plugin section without a plugin record; mark one type in it with #[plugin]";
    assert_eq!(of_section(&[route("r")]), message);
    assert_eq!(of_section(&[]), message);
    assert_eq!(of_section(&[vec![0; 64]]), message);
}

#[test]
fn two_plugins_in_one_library_are_both_named() {
    assert_eq!(
        of_section(&[plugin("echo", "1.0.0"), plugin("tables", "1.0.0")]),
        "links two plugins: echo and tables; build each as a library of its own"
    );
}

#[test]
fn two_routes_of_one_name_are_refused() {
    assert_eq!(
        of_section(&[route("r"), route("s"), plugin("a", "1.0.0"), route("r")]),
        "has two routes named r; rename one of them"
    );
}

#[test]
fn a_route_that_says_nonsense_of_its_agents_is_refused() {
    let record = |options: &str| {
        let json = format!(r#"{{"name":"r",{options}}}"#);
        of_section(&[plugin("a", "1.0.0"), record(KIND_ROUTE, &json)])
    };
    assert_eq!(
        record(r#""weight":0"#),
        "has a bad weight \"0\" for its route r: it is 1 to 1000"
    );
    assert_eq!(
        record(r#""max_concurrent":-1"#),
        "has a wrong route record: max_concurrent: invalid value: integer `-1`, expected u32; \
         rebuild it with a current SDK"
    );
}

#[test]
fn a_bad_name_and_a_bad_version_are_quoted() {
    assert_eq!(
        of_section(&[plugin("../Echo", "1.0.0")]),
        "has a bad plugin name \"../Echo\": a name is 1 to 64 of a-z, 0-9, _ and -, \
         and begins with a letter or digit; rename it"
    );
    assert_eq!(
        of_section(&[plugin("echo", "1.0")]),
        "has a bad version \"1.0\": unexpected end of input while parsing minor version number; \
         write it like 1.2.3"
    );
}

#[test]
fn more_records_than_any_plugin_has_are_refused() {
    let mut records: Vec<_> = (0..MAX_RECORDS).map(|n| route(&format!("r{n}"))).collect();
    records.push(plugin("a", "1.0.0"));
    assert_eq!(
        of_section(&records),
        "has more than 4096 records; split it into several plugins"
    );
}

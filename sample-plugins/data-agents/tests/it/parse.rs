use data_agents::{Format, Kind, Table};

use crate::support::{csv, json};

/// The cells of a table, row by row.
fn cells(table: &Table) -> Vec<Vec<Option<&str>>> {
    (0..table.rows())
        .map(|row| table.columns().iter().map(|c| c.cell(row)).collect())
        .collect()
}

fn names(table: &Table) -> Vec<&str> {
    table.columns().iter().map(|c| c.name()).collect()
}

fn kinds(table: &Table) -> Vec<Kind> {
    table.columns().iter().map(|c| c.kind()).collect()
}

#[test]
fn the_content_type_decides_the_format_and_its_parameters_do_not_matter() {
    for (content_type, bytes, format) in [
        ("text/csv", "[1]", Format::Csv),
        ("text/plain; charset=utf-8", "[1]", Format::Json),
        ("Text/CSV;header=present", "[1]", Format::Csv),
        ("application/json", "a,b", Format::Json),
        ("application/json; charset=utf-8", "a,b", Format::Json),
    ] {
        assert_eq!(
            Format::choose(Some(content_type), bytes.as_bytes()),
            format,
            "{content_type}"
        );
    }
}

#[test]
fn without_a_telling_content_type_the_first_byte_decides() {
    for (bytes, format) in [
        ("[{}]", Format::Json),
        (" \r\n\t[]", Format::Json),
        ("\u{feff}[]", Format::Json),
        ("\u{feff} [", Format::Json),
        ("a,[b]", Format::Csv),
        ("{}", Format::Csv),
        ("", Format::Csv),
    ] {
        for content_type in [None, Some("application/octet-stream"), Some("")] {
            assert_eq!(
                Format::choose(content_type, bytes.as_bytes()),
                format,
                "{bytes:?}"
            );
        }
    }
}

#[test]
fn empty_na_and_nan_cells_are_missing_in_csv() {
    let table = csv("a,b\n,NA\nNaN,x\n\"\",na\n").unwrap();
    assert_eq!(
        cells(&table),
        [[None, None], [None, Some("x")], [None, Some("na")],]
    );
}

#[test]
fn null_absent_empty_na_and_nan_cells_are_missing_in_json() {
    let table = json(r#"[{"a":null,"b":1},{"b":""},{"a":"NA","b":"NaN"},{"a":"x"}]"#).unwrap();
    assert_eq!(
        cells(&table),
        [
            [None, Some("1")],
            [None, None],
            [None, None],
            [Some("x"), None],
        ]
    );
}

#[test]
fn quotes_line_ends_and_the_byte_order_mark_are_understood() {
    let table = csv("\u{feff}\"a\",b\r\n\"x, \"\"y\"\"\r\nz\",1\r\n").unwrap();
    assert_eq!(names(&table), ["a", "b"]);
    assert_eq!(cells(&table), [[Some("x, \"y\"\r\nz"), Some("1")]]);
}

#[test]
fn a_quote_inside_a_bare_cell_opens_nothing() {
    let table = csv("size,n\n5\",1\n6\" or 7\",2").unwrap();
    assert_eq!(cells(&table)[0][0], Some("5\""));
    let table = csv("n,size\n1,5\"").unwrap();
    assert_eq!(cells(&table)[0][1], Some("5\""));
}

#[test]
fn a_last_cell_that_ends_with_an_escaped_quote_is_closed() {
    let table = csv("a,b\n1,\"said \"\"hei\"\"\"").unwrap();
    assert_eq!(cells(&table)[0][1], Some("said \"hei\""));
}

#[test]
fn a_header_alone_is_a_table_without_rows() {
    for text in ["a,b", "a,b\n", "\u{feff}a,b\r\n"] {
        let table = csv(text).unwrap();
        assert_eq!((names(&table), table.rows()), (vec!["a", "b"], 0));
    }
}

#[test]
fn json_columns_come_in_the_order_of_first_appearance() {
    let table = json(r#"[{"b":1},{"a":2,"b":3},{"c":4,"a":5}]"#).unwrap();
    assert_eq!(names(&table), ["b", "a", "c"]);
    assert_eq!(
        cells(&table),
        [
            [Some("1"), None, None],
            [Some("3"), Some("2"), None],
            [None, Some("5"), Some("4")],
        ]
    );
}

#[test]
fn objects_without_keys_are_rows_without_columns() {
    let table = json("[{}, {}]").unwrap();
    assert_eq!((table.rows(), table.columns().len()), (2, 0));
}

#[test]
fn a_column_is_of_numbers_if_every_value_is_one() {
    let table = csv("a,b,c,d\n1, 2 ,x,\n,inf,1,NA\n-1e3,.5,2,NaN\n").unwrap();
    assert_eq!(
        kinds(&table),
        [Kind::Number, Kind::Number, Kind::Text, Kind::Number]
    );
}

#[test]
fn json_text_that_is_a_number_makes_a_number_column_and_true_makes_text() {
    let table = json(r#"[{"a":"12","b":true,"c":1},{"a":13,"b":false,"c":"x"}]"#).unwrap();
    assert_eq!(kinds(&table), [Kind::Number, Kind::Text, Kind::Text]);
    assert_eq!(cells(&table)[1], [Some("13"), Some("false"), Some("x")]);
}

#[test]
fn json_numbers_keep_their_last_digit() {
    let text = "[1.7976931348623157e308,0.30000000000000004,123456789012345678,18.0,1e-7]";
    let rows: Vec<String> = text
        .trim_matches(['[', ']'])
        .split(',')
        .map(|number| format!("{{\"n\":{number}}}"))
        .collect();
    let table = json(&format!("[{}]", rows.join(","))).unwrap();
    let cells: Vec<&str> = table.columns()[0].values().collect();
    assert_eq!(
        cells,
        [
            "1.7976931348623157e308",
            "0.30000000000000004",
            "123456789012345678",
            "18.0",
            "1e-7",
        ]
    );
}

//! What people read when a table or a step is refused, word for word.

use data_agents::{Format, Limits, ProcessRequest, Table, run};
use serde_json::{Value, json};

use crate::support::{csv, json, process};

fn csv_error(text: &str) -> String {
    csv(text).unwrap_err().to_string()
}

fn json_error(text: &str) -> String {
    json(text).unwrap_err().to_string()
}

fn limited(text: &str, format: Format, max_rows: usize, max_cells: usize) -> Result<(), String> {
    let limits = Limits {
        max_rows,
        max_cells,
    };
    Table::parse(text.as_bytes(), format, limits)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// The error of one step on a small table.
fn step_error(step: Value) -> String {
    process(
        &json!("n,t\n1,x\n2,y\n"),
        &json!([{"op": "limit", "rows": 5}, step]),
    )
    .unwrap_err()
}

#[test]
fn an_empty_input() {
    let message =
        "the input is empty; send CSV text with a header line, or a JSON array of objects";
    for text in ["", "\n\r\n", "\u{feff}", " "] {
        assert_eq!(csv_error(text), message);
        assert_eq!(json_error(text), message);
    }
}

#[test]
fn text_that_is_not_utf8() {
    for (bytes, line) in [
        (&b"a\xff,b\n1,2\n"[..], 1),
        (b"a,b\r\n1,2\r\n3,\xe9t\xe9\r\n", 3),
        (b"\xef\xbb\xbfa\r1\r\xff", 3),
    ] {
        for format in [Format::Csv, Format::Json] {
            let error = Table::parse(bytes, format, Limits::default()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("line {line} is not valid UTF-8; save the table as UTF-8")
            );
        }
    }
}

#[test]
fn a_ragged_row() {
    for (text, line, found) in [
        ("a,b\n1\n", 2, "1 cell"),
        ("a,b\r\n1,2\r\n1,2,3\r\n", 3, "3 cells"),
        ("a,b\r\n1,2\r\n\r\n\r\n3\r\n", 5, "1 cell"),
        ("a,b\n\"x\ny\",1\n1,2,3", 4, "3 cells"),
        ("a,b\r1,2\r3,4,5\r", 3, "3 cells"),
    ] {
        assert_eq!(
            csv_error(text),
            format!(
                "line {line} has {found}, the header has 2; \
                 put quotes around a cell that holds a comma"
            )
        );
    }
}

#[test]
fn a_quote_that_is_never_closed() {
    for (text, line) in [
        ("a,b\n1,2\n3,\"4\n5,6\n", 3),
        ("a,b\r\n1,2\r\n\"3,4\r\n5,6\r\n", 3),
        ("a,\"b\n1,2", 1),
        ("a,b\n1,\"2\"\"", 2),
    ] {
        assert_eq!(
            csv_error(text),
            format!("a quoted cell in the row that begins on line {line} is never closed")
        );
    }
}

#[test]
fn a_column_name_that_comes_twice() {
    assert_eq!(
        csv_error("a,b,a\n"),
        r#"the header names column "a" twice; give each column a name of its own"#
    );
    assert_eq!(
        json_error(r#"[{"a":1},{"b":1,"a":null,"b":2}]"#),
        r#"the object at index 1 has the key "b" twice"#
    );
}

#[test]
fn an_element_that_is_not_an_object() {
    for (element, found) in [
        ("[]", "an array"),
        ("\"x\"", "text"),
        ("1", "a number"),
        ("-1", "a number"),
        ("1.5", "a number"),
        ("true", "true or false"),
        ("null", "null"),
    ] {
        assert_eq!(
            json_error(&format!(r#"[{{"a":1}},{element}]"#)),
            format!("the element at index 1 is {found}; every element must be an object")
        );
    }
}

#[test]
fn a_nested_cell() {
    for (cell, found) in [("[1]", "an array"), ("{\"x\":1}", "an object")] {
        assert_eq!(
            json_error(&format!(r#"[{{"a":1}},{{"a":2,"b":{cell}}}]"#)),
            format!(
                r#"column "b" holds {found} in the object at index 1; a cell must be text, a number, true, false or null"#
            )
        );
    }
}

#[test]
fn what_is_not_an_array_or_not_json() {
    assert_eq!(
        json_error(r#"[{"a":1}"#),
        "the input is not a JSON array of objects: EOF while parsing a list at line 1 column 8"
    );
    assert_eq!(
        json_error(r#"{"a":1}"#),
        "the input is not a JSON array of objects: \
         invalid type: map, expected an array of objects at line 1 column 0"
    );
    assert_eq!(
        json_error("[] x"),
        "the input is not a JSON array of objects: trailing characters at line 1 column 4"
    );
}

#[test]
fn too_many_rows_for_the_limit() {
    let message = "the table has more than 2 rows, the limit; send it in parts or raise max_rows";
    let (two, three) = ("a\n1\n2\n", "a\n1\n2\n3\n");
    assert_eq!(limited(two, Format::Csv, 2, 100), Ok(()));
    assert_eq!(limited(three, Format::Csv, 2, 100), Err(message.into()));
    assert_eq!(limited("[{},{}]", Format::Json, 2, 100), Ok(()));
    assert_eq!(
        limited("[{},{},{}]", Format::Json, 2, 100),
        Err(message.into())
    );

    let request = json!({"table": three, "steps": [{"op": "limit", "rows": 1}]});
    let request: ProcessRequest = serde_json::from_value(request).unwrap();
    let limits = Limits {
        max_rows: 2,
        ..Limits::default()
    };
    assert_eq!(run(request, limits).unwrap_err().to_string(), message);
}

#[test]
fn too_many_cells_for_the_limit() {
    let message =
        "the table has more than 6 cells, the limit, missing ones included; send it in parts";
    assert_eq!(limited("a,b\n1,2\n1,2\n1,2\n", Format::Csv, 9, 6), Ok(()));
    for (text, format) in [
        ("a,b\n1,2\n1,2\n1,2\n1,2\n", Format::Csv),
        (r#"[{"a":1},{"b":1},{"c":1}]"#, Format::Json),
    ] {
        assert_eq!(limited(text, format, 9, 6), Err(message.into()));
    }
}

#[test]
fn many_different_keys_do_not_make_a_huge_table() {
    let objects: Vec<String> = (0..20_000).map(|key| format!("{{\"{key}\":1}}")).collect();
    assert_eq!(
        json_error(&format!("[{}]", objects.join(","))),
        "the table has more than 50000000 cells, the limit, missing ones included; \
         send it in parts"
    );
}

#[test]
fn a_step_with_a_column_that_is_not_there() {
    let there = r#"there is no column "m"; there are "n", "t""#;
    for (op, step) in [
        (
            "drop_missing",
            json!({"op": "drop_missing", "columns": ["n", "m"]}),
        ),
        (
            "filter",
            json!({"op": "filter", "column": "m", "cmp": "<", "value": 1}),
        ),
        ("select", json!({"op": "select", "columns": ["m"]})),
        ("sort", json!({"op": "sort", "column": "m"})),
    ] {
        assert_eq!(step_error(step), format!("step 2 ({op}): {there}"));
    }
}

#[test]
fn the_columns_to_choose_from_are_those_before_the_step_and_not_too_many() {
    let steps = json!([{"op": "select", "columns": ["t"]}, {"op": "sort", "column": "n"}]);
    assert_eq!(
        process(&json!("n,t\n1,x\n"), &steps).unwrap_err(),
        r#"step 2 (sort): there is no column "n"; there are "t""#
    );

    let header: Vec<String> = (0..22).map(|number| number.to_string()).collect();
    let steps = json!([{"op": "sort", "column": "x"}]);
    let message = process(&json!(header.join(",")), &steps).unwrap_err();
    assert!(message.ends_with(r#""18", "19" and 2 more"#), "{message}");

    assert_eq!(
        process(&json!([]), &steps).unwrap_err(),
        r#"step 1 (sort): there is no column "x"; the table has no columns"#
    );
}

#[test]
fn a_step_with_a_value_that_does_not_suit() {
    let filter = |column, value| {
        step_error(json!({"op": "filter", "column": column, "cmp": "==", "value": value}))
    };
    assert_eq!(
        filter("n", json!("many")),
        r#"step 2 (filter): column "n" holds numbers and "many" is not a number"#
    );
    assert_eq!(
        filter("n", json!(true)),
        r#"step 2 (filter): column "n" holds numbers and "true" is not a number"#
    );
    for (value, found) in [
        (json!(null), "null"),
        (json!([1]), "an array"),
        (json!({}), "an object"),
    ] {
        assert_eq!(
            filter("t", value),
            format!(
                "step 2 (filter): the value must be text, a number, true or false, not {found}; \
                 drop_missing removes the rows with missing cells"
            )
        );
    }
}

#[test]
fn a_select_with_a_column_twice() {
    assert_eq!(
        step_error(json!({"op": "select", "columns": ["t", "n", "t"]})),
        r#"step 2 (select): column "t" is named twice"#
    );
}

#[test]
fn a_step_that_is_misspelt() {
    for (step, message) in [
        (
            json!({"op": "drop"}),
            "unknown variant `drop`, expected one of \
             `drop_missing`, `filter`, `select`, `sort`, `limit`",
        ),
        (json!({"rows": 1}), "missing field `op`"),
        (
            json!({"op": "sort", "column": "n", "desc": true}),
            "unknown field `desc`, expected `column` or `descending`",
        ),
        (
            json!({"op": "drop_missing", "column": "n"}),
            "unknown field `column`, expected `columns`",
        ),
        (
            json!({"op": "filter", "column": "n", "value": 1}),
            "missing field `cmp`",
        ),
        (
            json!({"op": "filter", "column": "n", "cmp": "=", "value": 1}),
            "unknown variant `=`, expected one of `==`, `!=`, `<`, `<=`, `>`, `>=`",
        ),
        (
            json!({"op": "limit", "rows": -1}),
            "invalid value: integer `-1`, expected usize",
        ),
    ] {
        let error = step_error(step);
        let said = error.split(" at line ").next().unwrap();
        assert_eq!(said, format!("step 2: {message}"));
    }
}

#[test]
fn a_request_that_is_misspelt() {
    let error = |request: Value| {
        let request = serde_json::from_value::<ProcessRequest>(request);
        request.unwrap_err().to_string()
    };
    assert_eq!(error(json!({"table": "a"})), "missing field `steps`");
    assert_eq!(
        error(json!({"table": "a", "steps": [], "step": 1})),
        "unknown field `step`, expected `table` or `steps`"
    );
    assert_eq!(
        error(json!({"table": 5, "steps": []})),
        "invalid type: integer `5`, expected a table: CSV text or an array of objects"
    );
    assert_eq!(
        error(json!({"table": [{"a": 1}, 5], "steps": []})),
        "the element at index 1 is a number; every element must be an object"
    );
}

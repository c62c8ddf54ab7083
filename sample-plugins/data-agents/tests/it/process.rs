use serde_json::{Map, Value, json};

use crate::support::{assert_close, expected, penguins, process};

#[test]
fn steps_leave_the_rows_that_pandas_leaves() {
    let cases = expected("process_");
    assert!(cases.len() > 20, "the expected files are there");
    for (name, content) in cases {
        let rows = process(&json!(penguins()), &content["steps"]).unwrap();
        let rows: Vec<Map<String, Value>> = serde_json::from_str(&rows).unwrap();
        let columns: Vec<&str> = content["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| column.as_str().unwrap())
            .collect();
        let rows: Value = rows
            .iter()
            .map(|row| {
                assert_eq!(row.len(), columns.len(), "{name}");
                columns.iter().map(|&column| row[column].clone()).collect()
            })
            .collect::<Vec<Value>>()
            .into();
        assert_close(&rows, &content["rows"], &name);
    }
}

#[test]
fn numbers_are_answered_as_they_were_written() {
    let first = process(&json!(penguins()), &json!([{"op": "limit", "rows": 1}])).unwrap();
    assert_eq!(
        first,
        concat!(
            r#"[{"species":"Adelie","island":"Torgersen","bill_length_mm":39.1,"#,
            r#""bill_depth_mm":18.7,"flipper_length_mm":181,"body_mass_g":3750,"#,
            r#""sex":"male","year":2007}]"#
        )
    );
    for (written, answered) in [
        ("18.0", "18.0"),
        ("+7", "7"),
        (" 007 ", "7"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("18446744073709551615", "18446744073709551615"),
        ("1.5e3", "1500.0"),
        ("inf", "null"),
        ("NA", "null"),
    ] {
        let rows = process(&json!(format!("n,m\n{written},1\n")), &json!([])).unwrap();
        assert_eq!(rows, format!(r#"[{{"n":{answered},"m":1}}]"#), "{written}");
    }
}

#[test]
fn a_table_of_objects_is_taken_like_csv_text() {
    let table = json!([{"n": 2, "t": "x"}, {"n": 1.5}, {"n": null, "t": true}]);
    let rows = process(&table, &json!([{"op": "sort", "column": "n"}])).unwrap();
    assert_eq!(
        rows,
        r#"[{"n":1.5,"t":null},{"n":2,"t":"x"},{"n":null,"t":"true"}]"#
    );
}

#[test]
fn csv_text_in_a_request_may_have_a_byte_order_mark() {
    let rows = process(&json!("\u{feff}n\r\n1\r\n"), &json!([])).unwrap();
    assert_eq!(rows, r#"[{"n":1}]"#);
}

#[test]
fn a_text_column_is_compared_as_text_with_whatever_value() {
    let table = json!([{"t": "10"}, {"t": "9"}, {"t": "x"}, {"t": true}]);
    for (cmp, value, left) in [
        ("<", json!(9), r#"[{"t":"10"}]"#),
        ("==", json!(10), r#"[{"t":"10"}]"#),
        ("==", json!(true), r#"[{"t":"true"}]"#),
        (">=", json!("x"), r#"[{"t":"x"}]"#),
    ] {
        let step = json!({"op": "filter", "column": "t", "cmp": cmp, "value": value});
        assert_eq!(process(&table, &json!([step])).unwrap(), left);
    }
}

#[test]
fn long_identifiers_are_told_apart() {
    let table = json!("id\n12345678901234567\n12345678901234568\n12345678901234569\n");
    let step = json!({"op": "filter", "column": "id", "cmp": "==", "value": 12345678901234567_i64});
    assert_eq!(
        process(&table, &json!([step])).unwrap(),
        r#"[{"id":12345678901234567}]"#
    );
}

#[test]
fn a_column_without_values_can_be_filtered_by_text() {
    let table = json!("sex,n\n,1\nNA,2\n");
    let filter = |cmp| json!([{"op": "filter", "column": "sex", "cmp": cmp, "value": "male"}]);
    assert_eq!(process(&table, &filter("==")).unwrap(), "[]");
    assert_eq!(
        process(&table, &filter("!=")).unwrap(),
        r#"[{"sex":null,"n":1},{"sex":null,"n":2}]"#
    );
}

#[test]
fn steps_take_the_columns_of_the_table_before_them() {
    let steps = json!([
        {"op": "select", "columns": ["b"]},
        {"op": "drop_missing"},
    ]);
    let rows = process(&json!("a,b\n,1\n2,\n"), &steps).unwrap();
    assert_eq!(rows, r#"[{"b":1}]"#);
}

#[test]
fn sorting_mixed_zeros_and_infinities_is_stable() {
    let table = json!("n,i\n0,1\n-0.0,2\ninf,3\n-inf,4\n0.0,5\n");
    let steps = json!([
        {"op": "sort", "column": "n", "descending": true},
        {"op": "select", "columns": ["i"]},
    ]);
    assert_eq!(
        process(&table, &steps).unwrap(),
        r#"[{"i":3},{"i":1},{"i":2},{"i":5},{"i":4}]"#
    );
}

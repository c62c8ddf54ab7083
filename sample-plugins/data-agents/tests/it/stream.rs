//! Rows taken through steps one by one: as `process_data` does, where it can, and in memory that does not grow.

use std::io::{self, Read};

use data_agents::{Step, stream_csv};
use serde_json::{Value, json};

use crate::support::{assert_close, expected, penguins};

/// The rows that are left, as JSON lines, and what ended them.
fn stream(input: impl Read, steps: &Value, text_columns: &[&str]) -> (Vec<String>, String) {
    let steps: Vec<Step> = serde_json::from_value(steps.clone()).unwrap();
    let text_columns: Vec<String> = text_columns.iter().map(|&name| name.to_owned()).collect();
    let mut rows = Vec::new();
    let ended = stream_csv(input, steps, &text_columns, |row| {
        rows.push(serde_json::to_string(&row).unwrap());
        true
    });
    (
        rows,
        ended.map_or_else(|error| error.to_string(), |()| String::new()),
    )
}

fn rows(text: &str, steps: &Value) -> Vec<String> {
    let (rows, ended) = stream(text.as_bytes(), steps, &[]);
    assert_eq!(ended, "");
    rows
}

fn refusal(text: &str, steps: &Value) -> String {
    let (rows, ended) = stream(text.as_bytes(), steps, &[]);
    assert_eq!(rows, <[String; 0]>::default());
    ended
}

/// The same piece again and again, and as often as it is read.
struct Endless {
    header: &'static [u8],
    piece: &'static [u8],
    at: usize,
}

impl Endless {
    fn new(header: &'static str, piece: &'static str) -> Self {
        Self {
            header: header.as_bytes(),
            piece: piece.as_bytes(),
            at: 0,
        }
    }
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.header.is_empty() {
            return self.header.read(buffer);
        }
        for byte in &mut *buffer {
            *byte = self.piece[self.at];
            self.at = (self.at + 1) % self.piece.len();
        }
        Ok(buffer.len())
    }
}

#[test]
fn steps_leave_the_rows_that_pandas_leaves() {
    let mut tried = 0;
    for (name, content) in expected("process_") {
        let steps = content["steps"].as_array().unwrap();
        if steps.iter().any(|step| step["op"] == "sort") {
            continue;
        }
        let rows = rows(&penguins(), &content["steps"]).into_iter();
        let rows: Value = rows
            .map(|row| {
                let row: Value = serde_json::from_str(&row).unwrap();
                let columns = content["columns"].as_array().unwrap().iter();
                columns
                    .map(|column| row[column.as_str().unwrap()].clone())
                    .collect::<Value>()
            })
            .collect();
        assert_close(&rows, &content["rows"], &name);
        tried += 1;
    }
    assert!(tried > 10, "{tried}");
}

#[test]
fn rows_come_while_a_table_without_end_is_read() {
    let mut seen = 0;
    let ended = stream_csv(Endless::new("n,t\n", "1,x\n"), Vec::new(), &[], |_| {
        seen += 1;
        seen < 100_000
    });
    assert!(ended.is_ok());
    assert_eq!(seen, 100_000);
    let steps = json!([
        { "op": "filter", "column": "n", "cmp": ">", "value": 1 },
        { "op": "limit", "rows": 3 },
    ]);
    let input = Endless::new("n,t\n", "1,x\n2,y\n");
    let (rows, ended) = stream(input, &steps, &[]);
    assert_eq!((rows.len(), ended.as_str()), (3, ""));
}

#[test]
fn a_quote_that_is_never_closed_ends_what_would_fill_the_memory() {
    let (rows, ended) = stream(Endless::new("n,t\n1,a\n2,\"", "x\n"), &json!([]), &[]);
    assert_eq!(rows, [r#"{"n":1,"t":"a"}"#]);
    assert_eq!(
        ended,
        "row 2 is longer than 16777216 bytes; is a quoted cell never closed?"
    );
}

#[test]
fn a_cell_is_a_number_by_itself_unless_its_column_holds_text() {
    let text = "id,n\n007,1\nx,2.50\nNA,\n";
    assert_eq!(
        rows(text, &json!([])),
        [
            r#"{"id":7,"n":1}"#,
            r#"{"id":"x","n":2.5}"#,
            r#"{"id":null,"n":null}"#
        ]
    );
    let (rows, _) = stream(text.as_bytes(), &json!([]), &["id"]);
    assert_eq!(rows[0], r#"{"id":"007","n":1}"#);
    let seven = json!([{ "op": "filter", "column": "id", "cmp": "==", "value": 7 }]);
    assert_eq!(stream(text.as_bytes(), &seven, &[]).0.len(), 1);
    assert_eq!(stream(text.as_bytes(), &seven, &["id"]).0.len(), 0);
    let other = json!([{ "op": "filter", "column": "id", "cmp": "!=", "value": 7 }]);
    assert_eq!(stream(text.as_bytes(), &other, &[]).0.len(), 2);
}

#[test]
fn a_byte_order_mark_line_ends_and_blank_lines_are_understood() {
    let text = "\u{feff}n,t\r\n\r\n1,\"a\r\nb\"\r\n";
    assert_eq!(rows(text, &json!([])), [r#"{"n":1,"t":"a\r\nb"}"#]);
}

#[test]
fn what_is_wrong_with_a_table_is_said_with_the_row_after_those_before_it() {
    let none = json!([]);
    assert!(refusal("", &none).starts_with("the input is empty"));
    assert!(refusal(" \n", &none).starts_with("the input is empty"));
    assert!(refusal("a,a\n", &none).contains("\"a\" twice"));
    let (rows, ended) = stream("a,b\n1,2\n\n3\n".as_bytes(), &none, &[]);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        ended,
        "row 2 has 1 cell, the header has 2; put quotes around a cell that holds a comma"
    );
    let (_, ended) = stream(&b"a\n1\n\xff\n"[..], &none, &[]);
    assert_eq!(ended, "row 2 is not valid UTF-8; save the table as UTF-8");
    let (rows, ended) = stream("a,b\n1,\"2".as_bytes(), &none, &[]);
    assert_eq!(rows.len(), 1);
    assert_eq!(ended, "a quoted cell in the last row is never closed");
}

#[test]
fn steps_that_do_not_suit_are_refused_before_the_first_row() {
    let sort = json!([{ "op": "limit", "rows": 1 }, { "op": "sort", "column": "a" }]);
    assert!(refusal("a\n1\n", &sort).starts_with("step 2 (sort): a stream's rows"));
    let gone =
        json!([{ "op": "select", "columns": ["a"] }, { "op": "drop_missing", "columns": ["b"] }]);
    assert_eq!(
        refusal("a,b\n1,2\n", &gone),
        "step 2 (drop_missing): there is no column \"b\"; there are \"a\""
    );
    let twice = json!([{ "op": "select", "columns": ["a", "a"] }]);
    assert!(refusal("a\n1\n", &twice).contains("named twice"));
    let null = json!([{ "op": "filter", "column": "a", "cmp": "==", "value": null }]);
    assert!(refusal("a\n1\n", &null).contains("not null"));
}

#[test]
fn selected_columns_come_in_their_order_and_dropped_ones_do_not_count_as_missing() {
    let steps = json!([{ "op": "select", "columns": ["c", "a"] }, { "op": "drop_missing" }]);
    assert_eq!(rows("a,b,c\n1,,3\n4,5,\n", &steps), [r#"{"c":3,"a":1}"#]);
}

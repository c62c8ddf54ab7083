//! The figures of `data-agents` through the routes of a host: those of pandas.

use std::fs;
use std::path::{Path, PathBuf};

use agentsys_host::Payload;
use agentsys_router::ErrorKind;
use serde_json::{Value, json};

use crate::harness::{Setup, TestHost};

async fn host() -> TestHost {
    Setup::with(&["data_agents"]).start().await
}

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../sample-plugins/data-agents/data")
        .join(path)
}

/// The files with pandas' figures whose names begin so: the rest of the name, and what they hold.
fn expected(kind: &str) -> Vec<(String, Value)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(data("expected")).unwrap() {
        let path = entry.unwrap().path();
        if let Some(case) = path
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .strip_prefix(kind)
        {
            files.push((
                case.to_owned(),
                serde_json::from_slice(&fs::read(&path).unwrap()).unwrap(),
            ));
        }
    }
    assert!(files.len() > 10, "the files are there");
    files
}

/// Numbers within 1e-9 of each other; all else equal.
fn assert_close(ours: &Value, theirs: &Value, place: &str) {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!(
                (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
                "{place}: {a}, not {b}"
            );
        }
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{place}: {ours}, not {theirs}");
            a.iter()
                .for_each(|(key, value)| assert_close(value, &b[key], &format!("{place}, {key}")));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{place}");
            a.iter()
                .zip(b)
                .enumerate()
                .for_each(|(at, (a, b))| assert_close(a, b, &format!("{place}, {at}")));
        }
        _ => assert_eq!(ours, theirs, "{place}"),
    }
}

#[tokio::test]
async fn analyze_data_answers_what_pandas_answers() {
    let host = host().await;
    for (case, pandas) in expected("describe_") {
        let file = match case.as_str() {
            "penguins" => data("penguins.csv"),
            case => data("cases").join(case).with_extension("csv"),
        };
        let answer = host
            .call("analyze_data", Payload::csv(fs::read(file).unwrap()))
            .await
            .unwrap();
        assert_close(
            &serde_json::from_str(&answer).unwrap(),
            &pandas["summary"],
            &case,
        );
    }
}

#[tokio::test]
async fn process_data_answers_what_pandas_answers() {
    let host = host().await;
    let table = fs::read_to_string(data("penguins.csv")).unwrap();
    for (case, pandas) in expected("process_") {
        let request = json!({ "table": table, "steps": pandas["steps"] }).to_string();
        let answer = host
            .call("process_data", Payload::json(request))
            .await
            .unwrap();
        let answer: Vec<Value> = serde_json::from_str(&answer).unwrap();
        let columns = pandas["columns"].as_array().unwrap();
        let rows: Vec<Value> = answer
            .iter()
            .map(|row| {
                columns
                    .iter()
                    .map(|column| row[column.as_str().unwrap()].clone())
                    .collect()
            })
            .collect();
        assert_close(&Value::Array(rows), &pandas["rows"], &case);
    }
}

#[tokio::test]
async fn what_one_route_answers_the_other_takes() {
    let host = host().await;
    let table = fs::read_to_string(data("penguins.csv")).unwrap();
    let request = json!({ "table": table, "steps": [] }).to_string();
    let rows = host
        .router()
        .route_task("process_data", Payload::json(request))
        .await
        .unwrap();
    let of_rows = host.call("analyze_data", rows).await.unwrap();
    let of_table = host
        .call("analyze_data", Payload::csv(table))
        .await
        .unwrap();
    assert_eq!(of_rows, of_table);
}

#[tokio::test]
async fn a_ragged_row_is_an_error_with_its_line() {
    let error = host()
        .await
        .call("analyze_data", Payload::csv("a,b\n1,2\n3\n"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("line 3"), "{}", error.message());
}

//! The figures of `data-agents` through the routes of a host: those of pandas.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentsys_host::Payload;
use agentsys_loader::{CallStream, DataStream, Generation, Instance, Invoked};
use agentsys_router::ErrorKind;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::harness::loader::{Ending, NoServices, SomeTask, handler, open, text};
use crate::harness::{Place, Setup, TestHost};

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

/// `process_stream`, called at the loader.
struct Streaming {
    place: Place,
    generation: Generation,
    instance: Arc<Instance>,
    end: Ending,
}

impl Streaming {
    async fn new() -> Self {
        let place = Place::new();
        let (generation, end) = open(&place, "data_agents", NoServices);
        let instance = Instance::create(&generation).unwrap();
        let folder = place.path().join("tables");
        fs::create_dir(&folder).unwrap();
        let config = json!({ "folder": folder }).to_string();
        instance.initialize(config.into()).outcome().await.unwrap();
        Self {
            place,
            generation,
            instance,
            end,
        }
    }

    fn stream(&self, request: &Value, items: Option<DataStream>) -> CallStream {
        let number = handler(&self.generation, "process_stream");
        let data = text(&request.to_string());
        let invoked = match items {
            None => self.instance.invoke(number, &SomeTask, data, None),
            Some(items) => self
                .instance
                .invoke_with_items(number, &SomeTask, data, items, None),
        };
        match invoked {
            Invoked::Stream(stream) => stream,
            other => panic!("no stream: {other:?}"),
        }
    }

    async fn all(&self, request: Value, items: Option<DataStream>) -> Vec<String> {
        self.stream(&request, items)
            .map(|item| match item {
                Ok(data) => String::from_utf8(data.bytes.to_vec()).unwrap(),
                Err(failure) => format!("error: {}", failure.message),
            })
            .collect()
            .await
    }
}

#[tokio::test]
async fn a_tables_rows_come_item_by_item_from_text_a_file_and_items() {
    let it = Streaming::new().await;
    let left = [r#"{"b":"x","a":1}"#, r#"{"b":"y","a":3}"#];
    let steps = json!([
        { "op": "drop_missing" },
        { "op": "select", "columns": ["b", "a"] },
    ]);
    let table = "a,b\n1,x\n2,\n3,y\n";
    let request = json!({ "table": table, "steps": steps });
    assert_eq!(it.all(request, None).await, left);

    fs::write(it.place.path().join("tables/t.csv"), table).unwrap();
    let request = json!({ "file": "t.csv", "steps": steps });
    assert_eq!(it.all(request, None).await, left);

    let items = [
        r#"{"a":1,"b":"x"}"#,
        r#"{"a":2}"#,
        r#"{"a":2,"c":0}"#,
        "[]",
        r#"{"a":3,"b":"y"}"#,
    ];
    let items = stream::iter(items.map(|item| Ok(text(item))));
    let request = json!({ "steps": steps });
    let answers = it.all(request, Some(Box::pin(items))).await;
    assert_eq!((&*answers[0], &*answers[3]), (left[0], left[1]));
    assert_eq!(
        answers[1],
        "error: the object at index 2 has the key \"c\", which the first one, whose keys are the columns, had not"
    );
    assert!(answers[2].starts_with("error: the input does not fit"));
}

#[tokio::test]
async fn files_outside_of_the_folder_of_tables_are_not_read() {
    let it = Streaming::new().await;
    let outside = it.place.path().join("secret.csv");
    fs::write(&outside, "a\n1\n").unwrap();
    let not_in_folder = "; name a file in it";
    for file in ["../secret.csv".into(), outside.clone()] {
        let answers = it.all(json!({ "file": file }), None).await;
        assert!(answers[0].ends_with(not_in_folder), "{answers:?}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&outside, it.place.path().join("tables/link.csv")).unwrap();
        let answers = it.all(json!({ "file": "link.csv" }), None).await;
        assert_eq!(
            answers,
            ["error: link.csv is no file in the folder of tables"]
        );
    }
    let answers = it.all(json!({ "file": "none.csv" }), None).await;
    assert_eq!(answers, ["error: the table none.csv cannot be read"]);
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_reading() {
    let mut it = Streaming::new().await;
    let table = format!("a\n{}", "1\n".repeat(100_000));
    let mut stream = it.stream(&json!({ "table": table }), None);
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    drop((it.generation, it.instance));
    it.end.unloaded().await;
}

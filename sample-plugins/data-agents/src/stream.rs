//! What `process_stream` is asked for, and where the rows come from: text, a file, or whoever sends them.
//!
//! Reading and taking steps may block, so it has a thread of its own; rows go from there to the reader in small batches, of which a few wait at most. A reader that
//! is slow so makes the thread wait, and one that goes away ends it.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Component, Path, PathBuf};

use agentsys_plugin::Out;
use agentsys_plugin::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc::{self, Sender, error::TrySendError};

use crate::csv_stream::stream_csv;
use crate::error::TableError;
use crate::pipeline::{Pipeline, Row};
use crate::process::text_of;
use crate::steps::{Step, read_numbered};
use crate::table::is_missing;

/// A table that is taken through steps row by row: `{"file": …, "steps": […]}`. Without `table` and `file`, its rows are the items that are sent along.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamRequest {
    /// The table as CSV text.
    pub table: Option<String>,
    /// The table as a CSV file, in the folder that the plugin's config names.
    pub file: Option<PathBuf>,
    /// The steps, taken one after the other: all but `sort`.
    #[serde(default, deserialize_with = "read_numbered")]
    pub steps: Vec<Step>,
    /// The columns that hold text, also where a cell looks like a number, as `007` does.
    #[serde(default)]
    pub text_columns: Vec<String>,
}

/// How many rows go together.
const BATCH: usize = 128;

/// How many batches wait at most.
const WAITING: usize = 2;

/// Hands out the rows that are left.
///
/// # Errors
/// What is wrong with the input or a step.
pub(crate) async fn run(
    request: StreamRequest,
    folder: Option<&Path>,
    items: Items<Map<String, Value>>,
    out: Out<Row>,
) -> Result<()> {
    let StreamRequest {
        table,
        file,
        steps,
        text_columns,
    } = request;
    match (table, file) {
        (Some(table), None) => read_rows(Cursor::new(table), steps, text_columns, out).await,
        (None, Some(file)) => read_rows(open(folder, &file)?, steps, text_columns, out).await,
        (None, None) => take_items(items, steps, &text_columns, out).await,
        (Some(_), Some(_)) => Err(Error::invalid_input("`table` and `file` are both given")),
    }
}

/// The folder is the operator's word on what callers may read: what a link in it leads out to, they may not.
fn open(folder: Option<&Path>, file: &Path) -> Result<File> {
    let Some(folder) = folder else {
        let message = "this host reads no files: set `folder` in the plugin's config";
        return Err(Error::invalid_input(message));
    };
    let shown = file.display();
    let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !file.components().all(plain) {
        let message = format!("{shown} does not lie in the folder of tables; name a file in it");
        return Err(Error::invalid_input(message));
    }
    let failed = |error: io::Error| {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Failed,
        };
        Error::from(error)
            .with_kind(kind)
            .context(format!("the table {shown} cannot be read"))
    };
    let folder = folder.canonicalize().map_err(failed)?;
    let path = folder.join(file).canonicalize().map_err(failed)?;
    // Not a pipe either, which would wait for whoever writes to it.
    if !path.starts_with(&folder) || !path.is_file() {
        let message = format!("{shown} is no file in the folder of tables");
        return Err(Error::invalid_input(message));
    }
    File::open(path).map_err(failed)
}

async fn read_rows(
    input: impl Read + Send + 'static,
    steps: Vec<Step>,
    text_columns: Vec<String>,
    mut out: Out<Row>,
) -> Result<()> {
    let (sender, mut batches) = mpsc::channel(WAITING);
    let reading = tokio::task::spawn_blocking(move || {
        let mut batch = Batch {
            rows: Vec::new(),
            sender,
        };
        let read = stream_csv(input, steps, &text_columns, |row| batch.add(row));
        batch.send();
        read
    });
    while let Some(batch) = batches.recv().await {
        for row in batch {
            out.send(row).await;
        }
    }
    reading.await?.map_err(invalid)
}

/// Rows that go together: as soon as the reader has room, and at the latest when they are enough.
struct Batch {
    rows: Vec<Row>,
    sender: Sender<Vec<Row>>,
}

impl Batch {
    /// False where nobody wants more.
    fn add(&mut self, row: Row) -> bool {
        self.rows.push(row);
        if self.rows.len() >= BATCH {
            return self.send();
        }
        match self.sender.try_send(std::mem::take(&mut self.rows)) {
            Ok(()) => true,
            Err(TrySendError::Full(rows)) => {
                self.rows = rows;
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }

    fn send(&mut self) -> bool {
        let rows = std::mem::take(&mut self.rows);
        rows.is_empty() || self.sender.blocking_send(rows).is_ok()
    }
}

/// Rows as they are sent. The first one's keys are the table's columns; one that does not fit is an error, and others follow it.
async fn take_items(
    mut items: Items<Map<String, Value>>,
    steps: Vec<Step>,
    text_columns: &[String],
    mut out: Out<Row>,
) -> Result<()> {
    let Some(first) = items.next().await else {
        return Ok(());
    };
    let first = first?;
    let columns: Vec<String> = first.keys().cloned().collect();
    let mut pipeline = Pipeline::new(&columns, steps, text_columns).map_err(invalid)?;
    let (mut next, mut index) = (Some(Ok(first)), 0);
    while let Some(object) = next {
        match object.and_then(|object| cells(object, &columns, index).map_err(invalid)) {
            Ok(cells) => {
                if let Some(row) = pipeline.take(|at| cells[at].as_deref()) {
                    out.send(row).await;
                }
            }
            Err(error) => out.fail(error).await,
        }
        if pipeline.is_over() {
            break;
        }
        (next, index) = (items.next().await, index + 1);
    }
    Ok(())
}

/// An object as a row of these columns.
fn cells(
    object: Map<String, Value>,
    columns: &[String],
    index: usize,
) -> Result<Vec<Option<String>>, TableError> {
    let mut cells = vec![None; columns.len()];
    for (name, value) in object {
        let Some(at) = columns.iter().position(|column| *column == name) else {
            return Err(TableError::NewColumn {
                column: name,
                index,
            });
        };
        cells[at] = match &value {
            Value::Null => None,
            value => match text_of(value) {
                Ok(text) => Some(text).filter(|text| !is_missing(text)),
                Err(found) => {
                    return Err(TableError::NestedCell {
                        column: name,
                        index,
                        found,
                    });
                }
            },
        };
    }
    Ok(cells)
}

/// Whatever is wrong with a table lies in the input.
pub(crate) fn invalid(error: TableError) -> Error {
    Error::from(error).with_kind(ErrorKind::InvalidInput)
}

//! Takes a table through steps: what `process_data` does.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::TableError;
use crate::number::Number;
use crate::rows::Rows;
use crate::steps::{Comparison, Step, read_numbered};
use crate::table::{Column, Kind, Limits, Table};

/// A table and what to do with it: `{"table": …, "steps": […]}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessRequest {
    /// The table: CSV text, or an array of objects.
    #[schemars(with = "TableText")]
    pub table: Table,
    /// The steps, taken one after the other.
    #[serde(deserialize_with = "read_numbered")]
    pub steps: Vec<Step>,
}

/// A table as JSON holds it.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes what `Table` reads")]
enum TableText {
    /// CSV text.
    Csv(String),
    /// One object a row.
    Rows(Vec<HashMap<String, Value>>),
}

/// Takes the steps and returns the rows that are left.
///
/// Each column stays what it was in the table (see [`Kind`]), whichever rows are left.
///
/// # Errors
/// The table exceeds a limit, or a step names a column that is not there or a value that does not
/// suit its column. The error names the step, counted from 1.
pub fn run(request: ProcessRequest, limits: Limits) -> Result<Rows, TableError> {
    let ProcessRequest { table, steps } = request;
    limits.check(table.rows(), table.columns().len())?;
    let mut rows = Rows::all(table);
    for (before, step) in steps.into_iter().enumerate() {
        let number = before + 1;
        match step {
            Step::DropMissing { columns } => drop_missing(&mut rows, number, columns.as_deref())?,
            Step::Filter { column, cmp, value } => filter(&mut rows, number, &column, cmp, &value)?,
            Step::Select { columns } => select(&mut rows, number, &columns)?,
            Step::Sort { column, descending } => sort(&mut rows, number, &column, descending)?,
            Step::Limit { rows: most } => rows.truncate(most),
        }
    }
    Ok(rows)
}

fn drop_missing(
    rows: &mut Rows,
    step: usize,
    columns: Option<&[String]>,
) -> Result<(), TableError> {
    let positions = match columns {
        None => rows.positions().to_vec(),
        Some(names) => find_all(rows, step, "drop_missing", names)?,
    };
    for position in positions {
        rows.retain(position, |cell| cell.is_some());
    }
    Ok(())
}

fn filter(
    rows: &mut Rows,
    step: usize,
    column: &str,
    cmp: Comparison,
    value: &Value,
) -> Result<(), TableError> {
    let position = find(rows, step, "filter", column)?;
    let value = text_of(value).map_err(|found| TableError::NotAValue { step, found })?;
    match filter_kind(rows.column(position)) {
        Kind::Text => rows.retain(position, |cell| {
            cmp.holds(cell.map(|text| text.cmp(value.as_str())))
        }),
        Kind::Number => {
            let number = Number::parse(&value).ok_or_else(|| TableError::NotANumber {
                step,
                column: column.to_owned(),
                value: value.clone(),
            })?;
            rows.retain(position, |cell| {
                cmp.holds(cell.and_then(Number::parse).map(|cell| cell.cmp(&number)))
            });
        }
    }
    Ok(())
}

/// A column without values suits a value of either kind: that a batch happens to have none does
/// not make the step wrong.
fn filter_kind(column: &Column) -> Kind {
    if column.is_empty() {
        Kind::Text
    } else {
        column.kind()
    }
}

/// A value's text, or what it is that has none.
pub(crate) fn text_of(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null => Err("null"),
        Value::Array(_) => Err("an array"),
        Value::Object(_) => Err("an object"),
    }
}

fn select(rows: &mut Rows, step: usize, columns: &[String]) -> Result<(), TableError> {
    let positions = find_all(rows, step, "select", columns)?;
    let mut seen = vec![false; rows.width()];
    for (&position, column) in positions.iter().zip(columns) {
        if std::mem::replace(&mut seen[position], true) {
            return Err(TableError::SelectedTwice {
                step,
                column: column.clone(),
            });
        }
    }
    rows.select(positions);
    Ok(())
}

fn sort(rows: &mut Rows, step: usize, column: &str, descending: bool) -> Result<(), TableError> {
    let position = find(rows, step, "sort", column)?;
    match rows.column(position).kind() {
        Kind::Number => rows.sort_by_key(position, descending, Number::parse),
        Kind::Text => rows.sort_by_key(position, descending, Some),
    }
    Ok(())
}

fn find(rows: &Rows, step: usize, op: &'static str, column: &str) -> Result<usize, TableError> {
    rows.find(column)
        .ok_or_else(|| unknown(rows, step, op, column))
}

fn find_all(
    rows: &Rows,
    step: usize,
    op: &'static str,
    columns: &[String],
) -> Result<Vec<usize>, TableError> {
    let positions: HashMap<&str, usize> =
        rows.names().zip(rows.positions().iter().copied()).collect();
    columns
        .iter()
        .map(|column| {
            let position = positions.get(column.as_str()).copied();
            position.ok_or_else(|| unknown(rows, step, op, column))
        })
        .collect()
}

fn unknown(rows: &Rows, step: usize, op: &'static str, column: &str) -> TableError {
    TableError::UnknownColumn {
        step,
        op,
        column: column.to_owned(),
        known: rows.names().map(str::to_owned).collect(),
    }
}

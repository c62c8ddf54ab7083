//! Takes rows through steps one by one: what `process_stream` does.
//!
//! Nothing of a row is kept once it has passed, so a table may be larger than memory. What only the whole table tells is not known then: a sort is refused,
//! and whether a cell is a number is read from the cell itself and not from its column.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::error::TableError;
use crate::number::{self, Number};
use crate::process::text_of;
use crate::rows::Cell;
use crate::steps::{Comparison, Step};
use crate::table::Kind;

/// The steps, ready for a table with certain columns.
#[derive(Debug)]
pub struct Pipeline {
    stages: Vec<Stage>,
    /// The columns of the rows that come out.
    columns: Arc<[OutColumn]>,
}

#[derive(Debug)]
enum Stage {
    Present(Vec<usize>),
    Filter {
        position: usize,
        cmp: Comparison,
        value: String,
        /// Where cells are compared as numbers.
        number: Option<Number>,
    },
    Limit {
        left: usize,
    },
}

#[derive(Debug, Clone)]
struct OutColumn {
    name: String,
    /// Where it is in the rows that go in.
    position: usize,
    is_text: bool,
}

impl Pipeline {
    /// The steps for rows of these columns, of which `text_columns` hold text, whatever it looks like.
    ///
    /// # Errors
    /// A step names a column that is not there or a value that does not suit, or sorts. The error names the step, counted from 1.
    pub fn new(
        columns: &[String],
        steps: Vec<Step>,
        text_columns: &[String],
    ) -> Result<Self, TableError> {
        let texts: HashSet<&str> = text_columns.iter().map(String::as_str).collect();
        let columns = columns.iter().enumerate();
        let mut columns: Vec<OutColumn> = columns
            .map(|(position, name)| OutColumn {
                name: name.clone(),
                position,
                is_text: texts.contains(name.as_str()),
            })
            .collect();
        let mut stages = Vec::new();
        for (before, step) in steps.into_iter().enumerate() {
            let at = Place {
                step: before + 1,
                columns: &columns,
            };
            match step {
                Step::DropMissing { columns: None } => {
                    let all = columns.iter().map(|column| column.position);
                    stages.push(Stage::Present(all.collect()));
                }
                Step::DropMissing {
                    columns: Some(names),
                } => {
                    let found = at.find_all("drop_missing", &names)?;
                    stages.push(Stage::Present(
                        found.into_iter().map(|column| column.position).collect(),
                    ));
                }
                Step::Filter { column, cmp, value } => {
                    let column = at.find("filter", &column)?;
                    let value = text_of(&value).map_err(|found| TableError::NotAValue {
                        step: at.step,
                        found,
                    })?;
                    let number = Number::parse(&value).filter(|_| !column.is_text);
                    stages.push(Stage::Filter {
                        position: column.position,
                        cmp,
                        value,
                        number,
                    });
                }
                Step::Select { columns: names } => columns = at.select(&names)?,
                Step::Sort { .. } => return Err(TableError::SortInStream { step: at.step }),
                Step::Limit { rows } => stages.push(Stage::Limit { left: rows }),
            }
        }
        Ok(Self {
            stages,
            columns: columns.into(),
        })
    }

    /// Takes a row through the steps, by its cells, of which a missing one is none. None where a step drops it.
    pub fn take<'c>(&mut self, cell: impl Fn(usize) -> Option<&'c str>) -> Option<Row> {
        for stage in &mut self.stages {
            let keep = match stage {
                Stage::Present(positions) => positions.iter().all(|at| cell(*at).is_some()),
                Stage::Filter {
                    position,
                    cmp,
                    value,
                    number,
                } => cmp.holds(match number {
                    Some(number) => cell(*position)
                        .and_then(Number::parse)
                        .map(|cell| cell.cmp(number)),
                    None => cell(*position).map(|text| text.cmp(value.as_str())),
                }),
                Stage::Limit { left: 0 } => false,
                Stage::Limit { left } => {
                    *left -= 1;
                    true
                }
            };
            if !keep {
                return None;
            }
        }
        let cells = self.columns.iter();
        Some(Row {
            cells: cells
                .map(|column| cell(column.position).map(str::to_owned))
                .collect(),
            columns: Arc::clone(&self.columns),
        })
    }

    /// Whether no more rows can pass, so that none need be read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let mut stages = self.stages.iter();
        stages.any(|stage| matches!(stage, Stage::Limit { left: 0 }))
    }
}

/// The columns before a step.
struct Place<'a> {
    step: usize,
    columns: &'a [OutColumn],
}

impl<'a> Place<'a> {
    fn find(&self, op: &'static str, name: &str) -> Result<&'a OutColumn, TableError> {
        let mut columns = self.columns.iter();
        let found = columns.find(|column| column.name == name);
        found.ok_or_else(|| TableError::UnknownColumn {
            step: self.step,
            op,
            column: name.to_owned(),
            known: self.columns.iter().map(|its| its.name.clone()).collect(),
        })
    }

    fn find_all(
        &self,
        op: &'static str,
        names: &[String],
    ) -> Result<Vec<&'a OutColumn>, TableError> {
        names.iter().map(|name| self.find(op, name)).collect()
    }

    fn select(&self, names: &[String]) -> Result<Vec<OutColumn>, TableError> {
        let mut seen = HashSet::new();
        let columns = self.find_all("select", names)?.into_iter();
        columns
            .map(|column| {
                if seen.insert(column.position) {
                    return Ok(column.clone());
                }
                Err(TableError::SelectedTwice {
                    step: self.step,
                    column: column.name.clone(),
                })
            })
            .collect()
    }
}

/// A row that came through. In JSON an object, whose cells are written as those of [`Rows`](crate::Rows), but that each one is a number by itself.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(with = "HashMap<String, Value>")]
pub struct Row {
    columns: Arc<[OutColumn]>,
    cells: Vec<Option<String>>,
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.cells.len()))?;
        for (column, cell) in self.columns.iter().zip(&self.cells) {
            let text = cell.as_deref();
            let is_number = !column.is_text && text.is_none_or(|it| number::parse(it).is_some());
            let kind = if is_number { Kind::Number } else { Kind::Text };
            object.serialize_entry(&column.name, &Cell { text, kind })?;
        }
        object.end()
    }
}

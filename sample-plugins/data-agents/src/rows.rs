//! A choice of a table's rows and columns, and how it is written as JSON.
//!
//! Steps move row numbers, never cells: a step costs what the rows left cost, and the table is
//! never copied.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::ser::{Serialize, SerializeMap, Serializer};

use serde_json::Value;

use crate::number;
use crate::table::{Column, Kind, Table};

/// Some rows and columns of a table, in an order of their own.
///
/// In JSON an array of objects. A cell of a number column is a number: whole if it was written
/// without a fraction (`181`, exact up to 64 bits), else a float; an infinite one becomes null,
/// as in pandas. Other cells are text, missing ones null.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(with = "Vec<HashMap<String, Value>>")]
pub struct Rows {
    table: Table,
    columns: Vec<usize>,
    rows: Vec<u32>,
}

impl Rows {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no row is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The names of the columns, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|&at| self.column(at).name())
    }

    /// All of a table, whose rows `Limits::check` has passed.
    pub(crate) fn all(table: Table) -> Rows {
        Rows {
            columns: (0..table.columns().len()).collect(),
            rows: (0..table.rows() as u32).collect(),
            table,
        }
    }

    /// Where the column of that name is in the table, if it is selected.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let mut columns = self.columns.iter().copied();
        columns.find(|&at| self.column(at).name() == name)
    }

    /// The selected columns' positions in the table.
    pub(crate) fn positions(&self) -> &[usize] {
        &self.columns
    }

    /// The column at that position in the table.
    pub(crate) fn column(&self, position: usize) -> &Column {
        &self.table.columns()[position]
    }

    /// How many columns the table has, selected or not.
    pub(crate) fn width(&self) -> usize {
        self.table.columns().len()
    }

    /// Keeps the rows whose cell in a column passes.
    pub(crate) fn retain(&mut self, position: usize, keep: impl Fn(Option<&str>) -> bool) {
        let column = &self.table.columns()[position];
        self.rows.retain(|&row| keep(column.cell(row as usize)));
    }

    /// Keeps these columns of the table.
    pub(crate) fn select(&mut self, positions: Vec<usize>) {
        self.columns = positions;
    }

    /// Keeps the first rows.
    pub(crate) fn truncate(&mut self, most: usize) {
        self.rows.truncate(most);
    }

    /// Sorts by a key of the cells in a column. Equal keys keep their order; cells without a key
    /// come last.
    pub(crate) fn sort_by_key<'t, K: Ord>(
        &'t mut self,
        position: usize,
        descending: bool,
        key: impl Fn(&'t str) -> Option<K>,
    ) {
        let column = &self.table.columns()[position];
        let (mut keyed, mut last) = (Vec::new(), Vec::new());
        for &row in &self.rows {
            match column.cell(row as usize).and_then(&key) {
                Some(key) => keyed.push((key, row)),
                None => last.push(row),
            }
        }
        if descending {
            keyed.sort_by(|(left, _), (right, _)| right.cmp(left));
        } else {
            keyed.sort_by(|(left, _), (right, _)| left.cmp(right));
        }
        self.rows.clear();
        self.rows.extend(keyed.into_iter().map(|(_, row)| row));
        self.rows.append(&mut last);
    }
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|&row| Row {
            of: self,
            row: row as usize,
        }))
    }
}

struct Row<'r> {
    of: &'r Rows,
    row: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.of.columns.len()))?;
        for &position in &self.of.columns {
            let column = self.of.column(position);
            let cell = Cell {
                text: column.cell(self.row),
                kind: column.kind(),
            };
            object.serialize_entry(column.name(), &cell)?;
        }
        object.end()
    }
}

/// A cell on its way into JSON.
pub(crate) struct Cell<'r> {
    pub(crate) text: Option<&'r str>,
    pub(crate) kind: Kind,
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(text) = self.text else {
            return serializer.serialize_none();
        };
        if self.kind == Kind::Text {
            return serializer.serialize_str(text);
        }
        let digits = number::trim(text);
        if let Ok(whole) = digits.parse::<i64>() {
            serializer.serialize_i64(whole)
        } else if let Ok(whole) = digits.parse::<u64>() {
            serializer.serialize_u64(whole)
        } else {
            number::parse(text).serialize(serializer)
        }
    }
}

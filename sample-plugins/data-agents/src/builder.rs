//! Fills a table row by row, within its limits.
//!
//! Both readers stream into it, so neither ever holds the input in a second form.

use std::collections::HashMap;

use crate::error::TableError;
use crate::table::{Column, Limits, Table};

/// A table that is being read.
pub(crate) struct TableBuilder {
    columns: Vec<Column>,
    positions: HashMap<String, usize>,
    rows: usize,
    limits: Limits,
}

impl TableBuilder {
    pub(crate) fn new(limits: Limits) -> Self {
        TableBuilder {
            columns: Vec::new(),
            positions: HashMap::new(),
            rows: 0,
            limits,
        }
    }

    /// The name of the column at `position`.
    pub(crate) fn name(&self, position: usize) -> Option<&str> {
        self.columns.get(position).map(Column::name)
    }

    /// Where the column of that name is.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// Adds a column, missing in the rows so far. Its name must be new.
    pub(crate) fn add_column(&mut self, name: &str) -> Result<usize, TableError> {
        let position = self.columns.len();
        self.limits.check(self.rows, position + 1)?;
        self.columns.push(Column::new(name));
        self.positions.insert(name.to_owned(), position);
        Ok(position)
    }

    /// Begins the next row.
    pub(crate) fn start_row(&mut self) -> Result<(), TableError> {
        self.limits.check(self.rows + 1, self.columns.len())?;
        self.rows += 1;
        Ok(())
    }

    /// How many rows have begun.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the row that was begun last has its cell in this column already.
    pub(crate) fn is_filled(&self, position: usize) -> bool {
        self.columns[position].filled() == self.rows
    }

    /// Puts a cell into the row that was begun last.
    pub(crate) fn fill(&mut self, position: usize, text: &str) -> Result<(), TableError> {
        self.columns[position].fill(self.rows - 1, text)
    }

    pub(crate) fn finish(self) -> Table {
        Table::new(self.columns, self.rows)
    }
}

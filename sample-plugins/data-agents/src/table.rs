//! The table in memory, held by column.
//!
//! A table of 100 MB has tens of millions of cells. A `String` for each would take several times
//! the input, so each column keeps its cells' text in one piece with the offsets of their ends:
//! about the input's size, and four bytes a cell. Numbers are read from the text when asked for;
//! the text is kept so that the answer can show a whole number as it was written.

use crate::error::TableError;
use crate::format::{Format, without_bom};
use crate::{number, read_csv, read_json};

/// A table: named columns, each with one cell for every row.
///
/// In JSON (`Deserialize`) a table is CSV text or an array of objects, read with
/// [`Limits::default`].
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: usize,
}

impl Table {
    /// Reads a table.
    ///
    /// CSV is comma-separated with a header line; quotes, CRLF, and a UTF-8 byte-order mark are
    /// understood, blank lines skipped. A JSON array of objects has the columns in the order in which keys
    /// first appear; a key that an object lacks is a missing cell there, and `true` and `false`
    /// are text.
    ///
    /// A cell is *missing* if it is empty, `NA`, `NaN`, or JSON `null`. See [`Kind`] for what
    /// makes a column one of numbers.
    ///
    /// # Errors
    /// What is wrong with the input and where, or which of the `limits` it exceeds.
    pub fn parse(bytes: &[u8], format: Format, limits: Limits) -> Result<Table, TableError> {
        let bytes = without_bom(bytes);
        let text = str::from_utf8(bytes).map_err(|error| TableError::InvalidUtf8 {
            line: read_csv::line_at(bytes, error.valid_up_to()),
        })?;
        match format {
            Format::Csv => read_csv::read(text, limits),
            Format::Json => read_json::read(text, limits),
        }
    }

    /// The columns, in the order of the input.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn new(columns: Vec<Column>, rows: usize) -> Table {
        Table { columns, rows }
    }
}

/// How large a table may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most rows. There is a bound of 4,294,967,295 besides.
    pub max_rows: usize,
    /// The most cells: rows times columns. A small JSON array whose objects have different keys
    /// makes a huge table; this stops it.
    pub max_cells: usize,
}

impl Default for Limits {
    /// Any number of rows, 50 million cells: more than 100 MB of ordinary CSV holds.
    fn default() -> Self {
        Limits {
            max_rows: usize::MAX,
            max_cells: 50_000_000,
        }
    }
}

impl Limits {
    /// Checks a table's size.
    pub(crate) fn check(&self, rows: usize, columns: usize) -> Result<(), TableError> {
        let max_rows = self.max_rows.min(u32::MAX as usize);
        if rows > max_rows {
            return Err(TableError::TooManyRows { limit: max_rows });
        }
        if rows.saturating_mul(columns) > self.max_cells {
            return Err(TableError::TooManyCells {
                limit: self.max_cells,
            });
        }
        Ok(())
    }
}

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Every value present is a number as pandas' `read_csv` understands it: sign, decimals,
    /// exponent, `inf` or `infinity` in any case, ASCII space around. How it was sent does not
    /// matter: a JSON column of `"12"` and `"13"` is one of numbers. So is a column without any
    /// value, as in pandas (which differs only for a table without rows).
    Number,
    /// Anything else.
    Text,
}

/// A named column.
#[derive(Debug, Clone)]
pub struct Column {
    name: String,
    kind: Kind,
    text: String,
    /// Where each cell ends in `text`. A missing cell is empty, and missing cells after the last
    /// value have no entry.
    ends: Vec<u32>,
}

impl Column {
    /// The column's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its cells are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The cell's text as it was written, or `None` if it is missing.
    #[must_use]
    pub fn cell(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)? as usize;
        let start = match row.checked_sub(1) {
            Some(before) => self.ends[before] as usize,
            None => 0,
        };
        Some(&self.text[start..end]).filter(|text| !text.is_empty())
    }

    /// The values that are not missing, from the first row to the last.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).filter_map(|row| self.cell(row))
    }

    /// Whether no cell has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(crate) fn new(name: &str) -> Column {
        Column {
            name: name.to_owned(),
            kind: Kind::Number,
            text: String::new(),
            ends: Vec::new(),
        }
    }

    /// How many rows have been filled.
    pub(crate) fn filled(&self) -> usize {
        self.ends.len()
    }

    /// Puts a cell into `row`, which must not be filled; skipped rows are missing.
    pub(crate) fn fill(&mut self, row: usize, text: &str) -> Result<(), TableError> {
        debug_assert!(self.ends.len() <= row, "a cell is filled once");
        self.ends
            .resize(row, self.ends.last().copied().unwrap_or(0));
        if !is_missing(text) {
            if self.kind == Kind::Number && number::parse(text).is_none() {
                self.kind = Kind::Text;
            }
            self.text.push_str(text);
        }
        let end = u32::try_from(self.text.len()).map_err(|_| TableError::ColumnTooLong {
            column: self.name.clone(),
        })?;
        self.ends.push(end);
        Ok(())
    }
}

/// Whether a cell that is written so is missing.
pub(crate) fn is_missing(text: &str) -> bool {
    matches!(text, "" | "NA" | "NaN")
}

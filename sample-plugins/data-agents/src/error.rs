//! Every way in which a table or a step can be refused.
//!
//! The messages go to the person who sent the table. They name the place in the input as that
//! person counts it: lines of a CSV text and steps from 1, elements of a JSON array by index.

use std::fmt;

/// Why a table could not be read, or a step could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The input holds no header line and no array.
    #[error("the input is empty; send CSV text with a header line, or a JSON array of objects")]
    Empty,

    /// The input is not UTF-8 text.
    #[error("line {line} is not valid UTF-8; save the table as UTF-8")]
    InvalidUtf8 {
        /// The line of the first wrong byte, from 1.
        line: usize,
    },

    /// A CSV row has more or fewer cells than the header.
    #[error(
        "line {line} has {}, the header has {expected}; put quotes around a cell that holds a comma",
        Cells(*.found)
    )]
    Ragged {
        /// The line on which the row begins, from 1.
        line: usize,
        /// The cells of the row.
        found: usize,
        /// The cells of the header.
        expected: usize,
    },

    /// A quoted CSV cell never ends.
    #[error("a quoted cell in the row that begins on line {line} is never closed")]
    UnclosedQuote {
        /// The line on which the row begins, from 1.
        line: usize,
    },

    /// Two columns of a CSV header have one name.
    #[error("the header names column {column:?} twice; give each column a name of its own")]
    DuplicateColumn {
        /// The name.
        column: String,
    },

    /// An object of a JSON array has one key twice.
    #[error("the object at index {index} has the key {column:?} twice")]
    DuplicateKey {
        /// The key.
        column: String,
        /// The object's index in the array, from 0.
        index: usize,
    },

    /// An element of a JSON array is not an object.
    #[error("the element at index {index} is {found}; every element must be an object")]
    NotAnObject {
        /// The element's index in the array, from 0.
        index: usize,
        /// What it is instead.
        found: &'static str,
    },

    /// A cell of a JSON table is an array or an object.
    #[error(
        "column {column:?} holds {found} in the object at index {index}; \
         a cell must be text, a number, true, false or null"
    )]
    NestedCell {
        /// The column's name.
        column: String,
        /// The object's index in the array, from 0.
        index: usize,
        /// What the cell is.
        found: &'static str,
    },

    /// The input is not JSON, or not an array.
    #[error("the input is not a JSON array of objects: {0}")]
    Json(#[source] serde_json::Error),

    /// The CSV reader failed.
    #[error("the input could not be read as CSV: {0}")]
    Csv(#[source] csv::Error),

    /// The table has more rows than the configuration allows.
    #[error("the table has more than {limit} rows, the limit; send it in parts or raise max_rows")]
    TooManyRows {
        /// The most rows allowed.
        limit: usize,
    },

    /// Rows times columns is more than the limit.
    #[error(
        "the table has more than {limit} cells, the limit, missing ones included; send it in parts"
    )]
    TooManyCells {
        /// The most cells allowed.
        limit: usize,
    },

    /// One column holds more text than its offsets can address.
    #[error("column {column:?} holds more than 4 GiB of text; send the table in parts")]
    ColumnTooLong {
        /// The column's name.
        column: String,
    },

    /// A step names a column that the table does not have at that point.
    #[error("step {step} ({op}): there is no column {column:?}; {}", Known(.known))]
    UnknownColumn {
        /// The step's number, from 1.
        step: usize,
        /// The step's operation.
        op: &'static str,
        /// The name that was not found.
        column: String,
        /// The columns there are before this step.
        known: Vec<String>,
    },

    /// A `select` names a column twice.
    #[error("step {step} (select): column {column:?} is named twice")]
    SelectedTwice {
        /// The step's number, from 1.
        step: usize,
        /// The name.
        column: String,
    },

    /// A number column is compared with something that is not a number.
    #[error("step {step} (filter): column {column:?} holds numbers and {value:?} is not a number")]
    NotANumber {
        /// The step's number, from 1.
        step: usize,
        /// The column's name.
        column: String,
        /// The value of the step.
        value: String,
    },

    /// A row of a stream has more or fewer cells than the header.
    #[error(
        "row {row} has {}, the header has {expected}; put quotes around a cell that holds a comma",
        Cells(*.found)
    )]
    RaggedRow {
        /// The row's number after the header, from 1.
        row: usize,
        /// The cells of the row.
        found: usize,
        /// The cells of the header.
        expected: usize,
    },

    /// A row of a stream is not UTF-8 text.
    #[error("row {row} is not valid UTF-8; save the table as UTF-8")]
    InvalidRow {
        /// The row's number after the header, from 1; 0 for the header.
        row: usize,
    },

    /// A row of a stream is longer than any should be.
    #[error("row {row} is longer than {limit} bytes; is a quoted cell never closed?")]
    RowTooLong {
        /// The row's number after the header, from 1; 0 for the header.
        row: usize,
        /// The most bytes.
        limit: usize,
    },

    /// The last quoted cell of a stream never ends.
    #[error("a quoted cell in the last row is never closed")]
    UnclosedQuoteAtEnd,

    /// A row that was sent as an item has a column of its own.
    #[error(
        "the object at index {index} has the key {column:?}, which the first one, whose keys are the columns, had not"
    )]
    NewColumn {
        /// The key.
        column: String,
        /// The object's index among the items, from 0.
        index: usize,
    },

    /// A stream is to be sorted.
    #[error(
        "step {step} (sort): a stream's rows are not kept, so they cannot be sorted; `process_data` sorts"
    )]
    SortInStream {
        /// The step's number, from 1.
        step: usize,
    },

    /// A filter's value is null, an array or an object.
    #[error(
        "step {step} (filter): the value must be text, a number, true or false, not {found}; \
         drop_missing removes the rows with missing cells"
    )]
    NotAValue {
        /// The step's number, from 1.
        step: usize,
        /// What the value is.
        found: &'static str,
    },
}

/// A count of cells, with its plural.
struct Cells(usize);

impl fmt::Display for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 cell"),
            many => write!(f, "{many} cells"),
        }
    }
}

/// The columns to choose from; a wide table's list is cut, to keep the message on a line.
struct Known<'a>(&'a [String]);

impl Known<'_> {
    const SHOWN: usize = 20;
}

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the table has no columns");
        }
        f.write_str("there are ")?;
        for (position, name) in self.0.iter().take(Self::SHOWN).enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{name:?}")?;
        }
        match self.0.len().saturating_sub(Self::SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

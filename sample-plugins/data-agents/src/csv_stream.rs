//! Reads the rows of a CSV table one by one, in memory that does not grow with the table.
//!
//! What the `csv` crate would let grow is one row: a quote that is never closed makes one of all that follows it. So the input is read through a gauge that ends it
//! where a row is longer than any should be.

use std::io::{self, Read};

use csv::{Reader, ReaderBuilder, StringRecord};

use crate::error::TableError;
use crate::pipeline::{Pipeline, Row};
use crate::read_csv::Quotes;
use crate::steps::Step;
use crate::table::is_missing;

/// The most bytes of a row.
const MAX_ROW: usize = 16 * 1024 * 1024;

/// Takes the rows of CSV text with a header line through steps, and gives those that are left to `each`, until that says `false`.
///
/// # Errors
/// What is wrong with the input and in which row, counted from 1 after the header; or with a step. Rows before it were given.
pub fn stream_csv(
    input: impl Read,
    steps: Vec<Step>,
    text_columns: &[String],
    mut each: impl FnMut(Row) -> bool,
) -> Result<(), TableError> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(Gauge {
            input,
            left: MAX_ROW,
            quotes: Quotes::default(),
        });
    let mut record = StringRecord::new();
    if !read(&mut reader, &mut record, 0)? || is_blank(&record) {
        return Err(TableError::Empty);
    }
    let columns = header(&record)?;
    let mut pipeline = Pipeline::new(&columns, steps, text_columns)?;
    let mut row = 0;
    while !pipeline.is_over() {
        row += 1;
        if !read(&mut reader, &mut record, row)? {
            return match reader.get_ref().quotes.are_open() {
                true => Err(TableError::UnclosedQuoteAtEnd),
                false => Ok(()),
            };
        }
        if record.len() != columns.len() {
            return Err(TableError::RaggedRow {
                row,
                found: record.len(),
                expected: columns.len(),
            });
        }
        let taken = pipeline.take(|at| record.get(at).filter(|text| !is_missing(text)));
        if taken.is_some_and(|taken| !each(taken)) {
            return Ok(());
        }
    }
    Ok(())
}

fn header(record: &StringRecord) -> Result<Vec<String>, TableError> {
    let mut columns: Vec<String> = Vec::with_capacity(record.len());
    for name in record {
        if columns.iter().any(|before| before == name) {
            return Err(TableError::DuplicateColumn {
                column: name.to_owned(),
            });
        }
        columns.push(name.to_owned());
    }
    Ok(columns)
}

fn is_blank(header: &StringRecord) -> bool {
    header.iter().all(|name| name.trim().is_empty()) && header.len() == 1
}

/// Reads the row of that number, 0 for the header. False where there is none.
fn read<R: Read>(
    reader: &mut Reader<Gauge<R>>,
    record: &mut StringRecord,
    row: usize,
) -> Result<bool, TableError> {
    let read = reader.read_record(record);
    let gauge = reader.get_mut();
    let too_long = gauge.left == 0;
    gauge.left = MAX_ROW;
    read.map_err(|error| match error.kind() {
        csv::ErrorKind::Utf8 { .. } => TableError::InvalidRow { row },
        csv::ErrorKind::Io(_) if too_long => TableError::RowTooLong {
            row,
            limit: MAX_ROW,
        },
        _ => TableError::Csv(error),
    })
}

/// The input, as far as a row may go.
struct Gauge<R> {
    input: R,
    left: usize,
    quotes: Quotes,
}

impl<R: Read> Read for Gauge<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("the row is too long"));
        }
        let read = self.input.read(buffer)?;
        self.left = self.left.saturating_sub(read);
        self.quotes.feed(&buffer[..read]);
        Ok(read)
    }
}

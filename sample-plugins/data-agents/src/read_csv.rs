//! Reads CSV text into a table.
//!
//! The `csv` crate splits and unquotes. Two things it does not tell are worked out from the input,
//! and only once something is wrong or at the end: the line a row begins on (its own count is off
//! after CRLF and blank lines), and whether the last quoted cell was ever closed.

use csv::{ReaderBuilder, StringRecord};

use crate::builder::TableBuilder;
use crate::error::TableError;
use crate::table::{Limits, Table};

/// Reads CSV text with a header line.
pub(crate) fn read(text: &str, limits: Limits) -> Result<Table, TableError> {
    if text.trim_ascii().is_empty() {
        return Err(TableError::Empty);
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut builder = TableBuilder::new(limits);

    let mut start = 0;
    if reader.read_record(&mut record).map_err(TableError::Csv)? {
        read_header(&record, &mut builder)?;
    }
    let columns = record.len();

    loop {
        let next = reader.position().byte();
        if !reader.read_record(&mut record).map_err(TableError::Csv)? {
            break;
        }
        start = usize::try_from(next).expect("a position in a slice fits");
        if record.len() != columns {
            let line = first_line_from(text, start);
            return Err(if ends_in_quotes(&text[start..]) {
                TableError::UnclosedQuote { line }
            } else {
                TableError::Ragged {
                    line,
                    found: record.len(),
                    expected: columns,
                }
            });
        }
        builder.start_row()?;
        for (position, cell) in record.iter().enumerate() {
            builder.fill(position, cell)?;
        }
    }
    if ends_in_quotes(&text[start..]) {
        return Err(TableError::UnclosedQuote {
            line: first_line_from(text, start),
        });
    }
    Ok(builder.finish())
}

/// The line, from 1, of the byte at `offset`. A line ends with CR, LF or CRLF.
pub(crate) fn line_at(bytes: &[u8], offset: usize) -> usize {
    let before = &bytes[..offset];
    let ends = |(at, byte): (usize, &u8)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    1 + before.iter().enumerate().filter(|end| ends(*end)).count()
}

fn read_header(record: &StringRecord, builder: &mut TableBuilder) -> Result<(), TableError> {
    for name in record {
        if builder.position(name).is_some() {
            return Err(TableError::DuplicateColumn {
                column: name.to_owned(),
            });
        }
        builder.add_column(name)?;
    }
    Ok(())
}

/// The line on which the row begins that is read next from `offset`: blank lines come before it,
/// and the LF of the CRLF that ended the row before.
fn first_line_from(text: &str, offset: usize) -> usize {
    let rest = &text[offset..];
    let blank = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    line_at(text.as_bytes(), offset + blank)
}

/// Whether the text, which begins with a row, ends inside a quoted cell.
fn ends_in_quotes(text: &str) -> bool {
    let mut quotes = Quotes::default();
    quotes.feed(text.as_bytes());
    quotes.are_open()
}

/// Follows quotes through CSV text that begins with a row.
#[derive(Debug, Default)]
pub(crate) struct Quotes(At);

#[derive(Debug, Clone, Copy, Default)]
enum At {
    #[default]
    CellStart,
    Bare,
    Quoted,
    /// After a quote in a quoted cell: its end, or the first half of an escaped quote.
    Quote,
}

impl Quotes {
    /// Goes on through the text that follows.
    pub(crate) fn feed(&mut self, text: &[u8]) {
        for byte in text {
            self.0 = match (self.0, byte) {
                (At::Quoted, b'"') => At::Quote,
                (At::Quoted, _) => At::Quoted,
                (At::CellStart | At::Quote, b'"') => At::Quoted,
                (_, b',' | b'\r' | b'\n') => At::CellStart,
                _ => At::Bare,
            };
        }
    }

    /// Whether the text so far ends inside a quoted cell.
    pub(crate) fn are_open(&self) -> bool {
        matches!(self.0, At::Quoted)
    }
}

//! Reads a JSON array of objects into a table, cell by cell.
//!
//! A tree of `serde_json::Value`s would take many times the input. Here every value goes from the
//! parser straight into its column.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::builder::TableBuilder;
use crate::error::TableError;
use crate::read_csv;
use crate::table::{Limits, Table};

/// Reads a JSON array of objects.
pub(crate) fn read(text: &str, limits: Limits) -> Result<Table, TableError> {
    if text.trim_ascii().is_empty() {
        return Err(TableError::Empty);
    }
    let mut sink = Sink::new(limits);
    let mut json = serde_json::Deserializer::from_str(text);
    let outcome = json
        .deserialize_seq(ArrayVisitor(&mut sink))
        .and_then(|()| json.end());
    match (outcome, sink.failure) {
        (Ok(()), _) => Ok(sink.builder.finish()),
        (Err(_), Some(failure)) => Err(failure),
        (Err(source), None) => Err(TableError::Json(source)),
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TableVisitor)
    }
}

/// A table inside a larger document: CSV text, or an array of objects.
struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = Table;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table: CSV text or an array of objects")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Table, E> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        read_csv::read(text, Limits::default()).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Table, A::Error> {
        let mut sink = Sink::new(Limits::default());
        ArrayVisitor(&mut sink).visit_seq(array)?;
        Ok(sink.builder.finish())
    }
}

/// Where the cells go. serde can carry a failure as text only, so it is kept here beside.
struct Sink {
    builder: TableBuilder,
    failure: Option<TableError>,
}

impl Sink {
    fn new(limits: Limits) -> Self {
        Sink {
            builder: TableBuilder::new(limits),
            failure: None,
        }
    }

    fn keep<T, E: de::Error>(&mut self, outcome: Result<T, TableError>) -> Result<T, E> {
        outcome.map_err(|error| {
            let text = E::custom(&error);
            self.failure = Some(error);
            text
        })
    }

    /// The index of the object that is being read.
    fn index(&self) -> usize {
        self.builder.rows() - 1
    }

    /// Finds or adds the column of a key. Objects mostly have their keys in one order, so the
    /// column at `likely` is tried first.
    fn column(&mut self, key: &str, likely: usize) -> Result<usize, TableError> {
        let known = if self.builder.name(likely) == Some(key) {
            Some(likely)
        } else {
            self.builder.position(key)
        };
        match known {
            None => self.builder.add_column(key),
            Some(column) if self.builder.is_filled(column) => Err(TableError::DuplicateKey {
                column: key.to_owned(),
                index: self.index(),
            }),
            Some(column) => Ok(column),
        }
    }
}

struct ArrayVisitor<'s>(&'s mut Sink);

impl<'de> Visitor<'de> for ArrayVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while array.next_element_seed(Row(self.0))?.is_some() {}
        Ok(())
    }
}

/// One element of the array.
struct Row<'s>(&'s mut Sink);

impl Row<'_> {
    fn refuse<E: de::Error>(self, found: &'static str) -> Result<(), E> {
        let index = self.0.builder.rows();
        self.0.keep(Err(TableError::NotAnObject { index, found }))
    }
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let started = self.0.builder.start_row();
        self.0.keep(started)?;
        let mut likely = 0;
        while let Some(column) = object.next_key_seed(Key {
            sink: &mut *self.0,
            likely,
        })? {
            object.next_value_seed(Cell {
                sink: &mut *self.0,
                column,
            })?;
            likely = column + 1;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.refuse("an array")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        self.refuse("text")
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.refuse("a number")
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.refuse("a number")
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.refuse("a number")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.refuse("true or false")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.refuse("null")
    }
}

/// A key of an object; its value is the position of its column.
struct Key<'s> {
    sink: &'s mut Sink,
    likely: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<usize, E> {
        let column = self.sink.column(key, self.likely);
        self.sink.keep(column)
    }
}

/// A value of an object, which goes into its column.
struct Cell<'s> {
    sink: &'s mut Sink,
    column: usize,
}

impl Cell<'_> {
    fn fill<E: de::Error>(self, text: &str) -> Result<(), E> {
        let filled = self.sink.builder.fill(self.column, text);
        self.sink.keep(filled)
    }

    fn refuse<E: de::Error>(self, found: &'static str) -> Result<(), E> {
        let column = self.sink.builder.name(self.column).unwrap_or_default();
        let error = TableError::NestedCell {
            column: column.to_owned(),
            index: self.sink.index(),
            found,
        };
        self.sink.keep(Err(error))
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cell: text, a number, true, false or null")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.fill(text)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.fill(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.fill(&value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        // The debug form keeps the `.0` that tells 18.0 from 18.
        self.fill(&format!("{value:?}"))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.fill(if value { "true" } else { "false" })
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.fill("")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.refuse("an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.refuse("an object")
    }
}

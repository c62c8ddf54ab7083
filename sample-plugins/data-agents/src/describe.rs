//! Sums a table up, column by column, in the shape that `analyze_data` answers.

use std::collections::HashMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::frequency::Frequency;
use crate::number;
use crate::statistics::Statistics;
use crate::table::{Column, Kind, Table};

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// How many rows there are.
    pub rows: usize,
    /// The columns by name, in the table's order; in JSON an object.
    #[serde(serialize_with = "write_in_order", deserialize_with = "read_in_order")]
    #[schemars(with = "HashMap<String, ColumnSummary>")]
    pub columns: Vec<(String, ColumnSummary)>,
}

/// What a column holds; in JSON told apart by `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ColumnSummary {
    /// A column of numbers.
    Number(NumberSummary),
    /// Any other column.
    Text(TextSummary),
}

/// The figures of a number column.
///
/// One is `None`, in JSON null, where it does not exist (the mean of no values, the deviation of
/// one), and where infinite values make it infinite or undefined: JSON can write neither.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NumberSummary {
    /// How many values there are.
    pub count: usize,
    /// How many rows have none.
    pub missing: usize,
    /// The arithmetic mean.
    pub mean: Option<f64>,
    /// The sample standard deviation (over n - 1).
    pub std: Option<f64>,
    /// The least value.
    pub min: Option<f64>,
    /// The first quartile, interpolated linearly.
    pub p25: Option<f64>,
    /// The median, interpolated linearly.
    pub p50: Option<f64>,
    /// The third quartile, interpolated linearly.
    pub p75: Option<f64>,
    /// The greatest value.
    pub max: Option<f64>,
}

/// The figures of a text column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextSummary {
    /// How many values there are.
    pub count: usize,
    /// How many rows have none.
    pub missing: usize,
    /// How many different values there are.
    pub distinct: usize,
    /// The most frequent value; among equals, as in pandas, the one that comes first in the
    /// table. `None` without values.
    pub top: Option<String>,
    /// How often `top` occurs.
    pub freq: Option<usize>,
}

/// Sums up each column of a table.
#[must_use]
pub fn describe(table: &Table) -> Summary {
    let summarize = |column: &Column| {
        let summary = match column.kind() {
            Kind::Number => ColumnSummary::Number(numbers(column, table.rows())),
            Kind::Text => ColumnSummary::Text(texts(column, table.rows())),
        };
        (column.name().to_owned(), summary)
    };
    Summary {
        rows: table.rows(),
        columns: table.columns().iter().map(summarize).collect(),
    }
}

fn numbers(column: &Column, rows: usize) -> NumberSummary {
    let values: Vec<f64> = column.values().filter_map(number::parse).collect();
    let count = values.len();
    let statistics = Statistics::of(values);
    let [p25, p50, p75] = statistics.quartiles;
    NumberSummary {
        count,
        missing: rows - count,
        mean: statistics.mean,
        std: statistics.std,
        min: statistics.min,
        p25,
        p50,
        p75,
        max: statistics.max,
    }
}

fn texts(column: &Column, rows: usize) -> TextSummary {
    let frequency = Frequency::of(column);
    TextSummary {
        count: frequency.count,
        missing: rows - frequency.count,
        distinct: frequency.distinct,
        top: frequency.top.map(|(value, _)| value.to_owned()),
        freq: frequency.top.map(|(_, times)| times),
    }
}

fn write_in_order<S: Serializer>(
    columns: &[(String, ColumnSummary)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(columns.iter().map(|(name, summary)| (name, summary)))
}

fn read_in_order<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, ColumnSummary)>, D::Error> {
    struct InOrder;

    impl<'de> Visitor<'de> for InOrder {
        type Value = Vec<(String, ColumnSummary)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of columns")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut columns = Vec::new();
            while let Some(column) = map.next_entry()? {
                columns.push(column);
            }
            Ok(columns)
        }
    }

    deserializer.deserialize_map(InOrder)
}

//! The steps of `process_data`, as they are written in JSON.
//!
//! Steps are written by hand, so what is misspelt is refused, with the step's number and what
//! would have been understood.

use std::cmp::Ordering;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One step; in JSON an object whose `op` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Keeps the rows in which no cell is missing.
    DropMissing {
        /// The columns to look at; all if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        columns: Option<Vec<String>>,
    },
    /// Keeps the rows whose cell compares so with the value.
    ///
    /// A number column is compared as numbers, whole ones exactly, with a number or text that is
    /// one; a text column as text, by Unicode code points. A missing cell satisfies `!=` and
    /// nothing else, as in pandas.
    Filter {
        /// The column to look at.
        column: String,
        /// How the cell must compare with the value.
        cmp: Comparison,
        /// Text, a number, true or false.
        value: Value,
    },
    /// Keeps these columns, in this order.
    Select {
        /// The columns to keep.
        columns: Vec<String>,
    },
    /// Sorts the rows, keeping the order of equal ones; missing cells come last either way.
    Sort {
        /// The column to sort by: numbers by value, text by Unicode code points.
        column: String,
        /// Whether the greatest comes first.
        #[serde(default)]
        descending: bool,
    },
    /// Keeps the first rows.
    Limit {
        /// How many rows to keep.
        rows: usize,
    },
}

/// How a cell must compare with a filter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Comparison {
    /// `==`
    #[serde(rename = "==")]
    Equal,
    /// `!=`
    #[serde(rename = "!=")]
    NotEqual,
    /// `<`
    #[serde(rename = "<")]
    Less,
    /// `<=`
    #[serde(rename = "<=")]
    LessOrEqual,
    /// `>`
    #[serde(rename = ">")]
    Greater,
    /// `>=`
    #[serde(rename = ">=")]
    GreaterOrEqual,
}

impl Comparison {
    /// Whether a cell that is ordered so against the value satisfies the comparison. A missing
    /// cell has no order.
    pub(crate) fn holds(self, order: Option<Ordering>) -> bool {
        let Some(order) = order else {
            return self == Comparison::NotEqual;
        };
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// Reads the list of steps; an error says which one is wrong.
pub(crate) fn read_numbered<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Step>, D::Error> {
    struct Steps;

    impl<'de> Visitor<'de> for Steps {
        type Value = Vec<Step>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of steps")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
            let mut steps = Vec::new();
            while let Some(value) = array.next_element::<Value>()? {
                let number = steps.len() + 1;
                let step = Step::deserialize(value)
                    .map_err(|error| de::Error::custom(format!("step {number}: {error}")))?;
                steps.push(step);
            }
            Ok(steps)
        }
    }

    deserializer.deserialize_seq(Steps)
}

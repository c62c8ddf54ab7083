//! Which values a text column holds, and how often.
//!
//! One map of all values would, for a long column in which most differ, take several times the
//! column and miss the processor's caches at every step. So the rows are first dealt into parts
//! by their values' hashes: equal values meet in one part, and a part's map stays small.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::table::Column;

/// How the values of a column repeat.
#[derive(Debug, PartialEq)]
pub(crate) struct Frequency<'c> {
    /// How many values there are.
    pub(crate) count: usize,
    /// How many different ones.
    pub(crate) distinct: usize,
    /// The most frequent value and how often it occurs; among equals the first in the column.
    pub(crate) top: Option<(&'c str, usize)>,
}

impl<'c> Frequency<'c> {
    /// Counts the values of a column.
    pub(crate) fn of(column: &'c Column) -> Self {
        Self::in_parts_of(column, 1 << 17)
    }

    /// Counts with about so many rows in a part.
    fn in_parts_of(column: &'c Column, size: usize) -> Self {
        let hasher = RandomState::new();
        let mut parts = vec![Vec::new(); column.filled() / size + 1];
        let mut count = 0;
        for row in 0..column.filled() {
            if let Some(value) = column.cell(row) {
                let part = hasher.hash_one(value) % parts.len() as u64;
                parts[part as usize].push(row as u32); // a table's rows fit
                count += 1;
            }
        }

        let mut distinct = 0;
        let mut top = None;
        // How often a value occurs, and on which row first.
        let mut values: HashMap<&str, (usize, Reverse<u32>)> = HashMap::new();
        for rows in parts {
            for row in rows {
                if let Some(value) = column.cell(row as usize) {
                    values.entry(value).or_insert((0, Reverse(row))).0 += 1;
                }
            }
            distinct += values.len();
            let tops = values.drain().map(|(value, rank)| (rank, value)).max();
            top = top.max(tops);
        }
        Frequency {
            count,
            distinct,
            top: top.map(|((times, _), value)| (value, times)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn column(values: &[&str]) -> Column {
        let mut column = Column::new("t");
        for (row, value) in values.iter().enumerate() {
            column.fill(row, value).unwrap();
        }
        column
    }

    #[test]
    fn the_number_of_parts_does_not_change_the_result() {
        let column = column(&["c", "b", "", "a", "b", "NA", "a", "d", "c"]);
        for size in [1, 2, 4, 100] {
            let expected = Frequency {
                count: 7,
                distinct: 4,
                top: Some(("c", 2)),
            };
            assert_eq!(Frequency::in_parts_of(&column, size), expected, "{size}");
        }
    }

    #[test]
    fn a_column_without_values_has_no_top() {
        let expected = Frequency {
            count: 0,
            distinct: 0,
            top: None,
        };
        assert_eq!(Frequency::of(&column(&["", "NA"])), expected);
    }
}

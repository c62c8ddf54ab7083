//! What text is a number, and how numbers are ordered.
//!
//! The grammar is the one of pandas' `read_csv`: a sign, decimals with a point, an exponent,
//! `inf` and `infinity` in any case, with ASCII space around. No thousands separators, no
//! hexadecimal, no `nan` (missing cells are spelled `NaN`, and never get here).

use std::cmp::Ordering;

/// Reads a cell as a number. What is too large is infinite, as in pandas.
pub(crate) fn parse(text: &str) -> Option<f64> {
    // Rust also takes `nan`, which the grammar leaves out.
    trim(text)
        .parse()
        .ok()
        .filter(|value: &f64| !value.is_nan())
}

/// Takes the space off that may stand around a number.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r'])
}

/// A number with a total order in which whole numbers compare exactly.
///
/// Identifiers often have more digits than a float can tell apart. Where the floats tie, the whole
/// parts decide: of two `i64`s the floats never contradict them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number {
    float: Float,
    whole: i64,
}

impl Number {
    /// Reads a cell as a number that can be compared.
    pub(crate) fn parse(text: &str) -> Option<Number> {
        let float = parse(text)?;
        Some(Number {
            float: Float(float + 0.0), // -0.0 becomes 0.0
            whole: trim(text).parse().unwrap_or(float as i64),
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Float(f64);

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Float {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_pandas_reads_as_a_number_is_one() {
        for (text, value) in [
            ("1", 1.0),
            (" 1", 1.0),
            ("1\t", 1.0),
            ("\x0b1\x0c", 1.0),
            ("+1", 1.0),
            ("-1", -1.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("1e5", 1e5),
            ("1E+5", 1e5),
            ("00012", 12.0),
            ("iNf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e400", f64::INFINITY),
            ("1e-400", 0.0),
            ("99999999999999999999999", 1e23),
        ] {
            assert_eq!(parse(text), Some(value), "{text:?}");
        }
    }

    #[test]
    fn what_pandas_reads_as_text_is_not_a_number() {
        for text in [
            "", "  ", "- 1", "1e", "e5", "nan", "NAN", "-nan", "1_000", "1,000", "0x10", "1d5",
            "٣", "True", "1f", "1.5.2", "--1", ".", "-", "1e+", "1 2", "\u{a0}1",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn whole_numbers_beyond_a_floats_precision_compare_exactly() {
        let number = |text| Number::parse(text).unwrap();
        assert!(number("12345678901234567") < number("12345678901234568"));
        assert_eq!(number("12345678901234568"), number(" 12345678901234568 "));
    }

    #[test]
    fn one_value_in_two_spellings_is_equal() {
        let number = |text| Number::parse(text).unwrap();
        assert_eq!(number("181"), number("181.0"));
        assert_eq!(number("-0"), number("0"));
        assert_eq!(number("-0.0"), number("0"));
        assert!(number("-inf") < number("-1e300"));
        assert!(number("1.25") < number("1.5"));
    }
}

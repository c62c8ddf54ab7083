//! The tests of the table logic, in one binary.

#![allow(clippy::unwrap_used, reason = "tests")]

mod describe;
mod errors;
mod parse;
mod process;
mod stream;
mod support;

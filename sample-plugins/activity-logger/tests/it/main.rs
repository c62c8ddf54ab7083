//! The tests of the logger's pieces, in one binary, against real files.

#![allow(clippy::unwrap_used, reason = "tests")]

mod config;
mod filter;
mod injection;
mod json_lines;
mod rotation;
mod sharing;
mod sink;
mod support;
mod text_lines;

//! Data agents: a plugin that describes tables and transforms them.
//!
//! The agents answer people who would otherwise ask pandas, so its conventions are followed
//! wherever they decide a figure: what is missing, what is a number, how percentiles are drawn,
//! where missing values sort. Each module says where it differs.
//!
//! * [`DataAgents`] is the plugin: the routes `analyze_data`, `process_data` and `process_stream`.
//! * [`Table::parse`] reads CSV text or a JSON array of objects.
//! * [`describe`](describe()) sums each column up.
//! * [`run`] takes a [`ProcessRequest`] through its [`Step`]s and answers with [`Rows`].
//! * [`Pipeline`] takes rows through steps one by one, and [`stream_csv`] those of a table that may be
//!   larger than memory.

#![forbid(unsafe_code)]

mod builder;
mod csv_stream;
mod describe;
mod error;
mod format;
mod frequency;
mod number;
mod pipeline;
mod plugin;
mod process;
mod read_csv;
mod read_json;
mod rows;
mod statistics;
mod steps;
mod stream;
mod table;

pub use csv_stream::stream_csv;
pub use describe::{ColumnSummary, NumberSummary, Summary, TextSummary, describe};
pub use error::TableError;
pub use format::Format;
pub use pipeline::{Pipeline, Row};
pub use plugin::{Config, DataAgents};
pub use process::{ProcessRequest, run};
pub use rows::Rows;
pub use steps::{Comparison, Step};
pub use stream::StreamRequest;
pub use table::{Column, Kind, Limits, Table};

//! An agent that uses all that a host offers: it stores a table, has other agents process and analyze it, logs what it does, counts
//! and measures, and keeps its report for whoever asks later.
//!
//! | module | what |
//! |---|---|
//! | `plugin` | the routes `report` and `report_get` |
//! | `request` | what is asked and answered |
//! | `steps` | the way of one report, from the table to the answer |

#![forbid(unsafe_code)]

mod plugin;
mod request;
mod steps;

pub use plugin::{Config, ReportAgent};
pub use request::{Lookup, Report, Request};

//! What makes a test three lines: compiled plugins by name, a started host, a running program.

mod build;
mod host;
mod journal;
pub(crate) mod loader;
mod logs;
mod process;

pub(crate) use build::{build_to_abort, example, helper, library, program};
pub(crate) use host::{Place, Setup, TestHost, options};
pub(crate) use journal::Journal;
pub(crate) use logs::{logged, plugin_logs};
pub(crate) use process::{Ended, Program, agentsys};

/// How long a test waits for what must come: far beyond what it takes, so that a slow machine fails no test.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

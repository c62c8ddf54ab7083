//! Tests of the whole: hosts with really compiled plugins, hostile ones among them, and the program as a process.

#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(unix)]

mod data_agents;
mod discovery;
mod embedding;
mod errors;
mod hostile_files;
mod instances;
mod leases;
mod lifecycle;
mod load;
mod log_level;
mod logging;
mod nesting;
mod never_returning;
mod panics;
mod program;
mod runtime;
mod seam_copies;
mod seams;
mod threads;
mod typed;

mod harness;

mod dependencies;

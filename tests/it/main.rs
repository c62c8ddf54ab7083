//! Tests of the whole: hosts with really compiled plugins, hostile ones among them, and the program as a process.

#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(unix)]

mod activity_logger;
mod agent_options;
mod apart;
mod bad_plugins;
mod checked_configs;
mod child;
mod data_agents;
mod dependency_web;
mod discovery;
mod draining;
mod embedding;
mod errors;
mod failures;
mod folders;
mod hand_over;
mod hostile;
mod hostile_files;
mod instances;
mod intercepts;
mod interrupted;
mod lazy;
mod leases;
mod life_events;
mod lifecycle;
mod linked;
mod load;
mod log_level;
mod logged;
mod logging;
mod many_hosts;
mod metrics;
mod nesting;
mod never_returning;
mod panics;
mod pinned;
mod player;
mod plugin_router;
mod plugin_sends;
mod policies;
mod probe;
mod program;
mod reconfigured;
mod replacing;
mod reports;
mod restarts;
mod runtime;
mod scoped;
mod seam_copies;
mod seams;
mod sections;
mod selects;
mod shelf;
mod simulated_load;
mod soak;
mod stop_first;
mod storage;
mod streams;
mod threads;
mod typed;
mod unloading;
mod wired_interceptors;
mod wired_routing;

mod harness;

mod dependencies;

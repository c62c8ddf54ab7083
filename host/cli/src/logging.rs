//! The log, on standard error: lines that read as sentences, or JSON.

use std::io;

use tracing_subscriber::filter::LevelFilter;

use crate::args::{Cli, Command, LogFormat, LogLevel};
use crate::text::colours;

/// Starts the log. A host that runs tells what it does; a single command only what goes wrong.
pub(crate) fn start(cli: &Cli) {
    let level = match (cli.log_level, cli.verbose, &cli.command) {
        (Some(level), _, _) => filter(level),
        (None, true, _) => LevelFilter::DEBUG,
        (None, false, Command::Run(_)) => LevelFilter::INFO,
        (None, false, _) => LevelFilter::WARN,
    };
    let ansi = colours(&io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_target(false);
    match cli.log_format {
        LogFormat::Text => builder.with_ansi(ansi).init(),
        LogFormat::Json => builder.with_ansi(false).json().flatten_event(true).init(),
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

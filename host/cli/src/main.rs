//! The program `agentsys`: runs a plugin host, and asks a running one.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod control;
mod exit;
mod logging;
mod settings;
mod table;
mod text;

use clap::Parser;

use args::{Cli, Command, Settings};
use commands::list::What;
use exit::{Code, Failure};

fn main() {
    // Before all else: a host tries new plugins in a process of this very program.
    agentsys_host::probe_entry();
    // So that the next start knows which plugin it was.
    agentsys_host::catch_crashes();
    let cli = Cli::parse();
    logging::start(&cli);
    let code = match start(cli.command, &cli.settings) {
        Ok(()) => Code::Done,
        Err(failure) => {
            failure.print();
            failure.code
        }
    };
    // Without waiting for threads: a plugin that never returns would hold the process.
    std::process::exit(code as i32);
}

/// Runs a command on a runtime of its own, where no plugin code runs.
fn start(command: Command, settings: &Settings) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the runtime cannot start: {error}")))?;
    let result = runtime.block_on(async {
        match command {
            Command::Run(args) => commands::run::run(args, settings).await,
            Command::Call(args) => commands::call::call(args, settings).await,
            Command::Status(args) => commands::status::status(args, settings).await,
            Command::Plugins(args) => commands::list::list(args, What::Plugins, settings).await,
            Command::Routes(args) => commands::list::list(args, What::Routes, settings).await,
            Command::Metrics(args) => commands::metrics::metrics(args, settings).await,
            Command::Errors(args) => commands::errors::errors(args, settings).await,
            Command::Events(args) => commands::events::events(args, settings).await,
            Command::History(args) => commands::history::history(args, settings).await,
            Command::Quarantine(command) => commands::quarantine::quarantine(command, settings),
            Command::Reload(args) => commands::change::reload(args, settings).await,
            Command::Enable(args) => commands::change::enable(args, settings).await,
            Command::Disable(args) => commands::change::disable(args, settings).await,
            Command::Config(command) => commands::config::config(command, settings).await,
            Command::Inspect(args) => commands::inspect::inspect(&args),
            Command::Demo(args) => commands::demo::demo(args, settings).await,
        }
    });
    runtime.shutdown_background();
    result
}

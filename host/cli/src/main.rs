//! The program `agentsys`: runs a plugin host, and asks a running one.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod control;
mod exit;
mod logging;
mod table;
mod text;

use clap::Parser;

use args::{Cli, Command};
use commands::list::What;
use exit::{Code, Failure};

fn main() {
    let cli = Cli::parse();
    logging::start(&cli);
    let code = match start(cli.command) {
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
fn start(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the runtime cannot start: {error}")))?;
    let result = runtime.block_on(async {
        match command {
            Command::Run(args) => commands::run::run(args).await,
            Command::Call(args) => commands::call::call(args).await,
            Command::Plugins(args) => commands::list::list(args, What::Plugins).await,
            Command::Routes(args) => commands::list::list(args, What::Routes).await,
            Command::Inspect(args) => commands::inspect::inspect(&args),
            Command::Demo(args) => commands::demo::demo(args).await,
        }
    });
    runtime.shutdown_background();
    result
}

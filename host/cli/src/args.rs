//! The command line: what can be said, and how each command explains itself.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runs compiled plugins from a folder, and asks a host that runs.
#[derive(Debug, Parser)]
#[command(
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  agentsys demo                                    try it, with real data
  agentsys run --plugins ./plugins                 serve the plugins in a folder
  agentsys call analyze_data --file penguins.csv   ask the host that runs

Exit codes: 0 done, 1 the task or the command failed, 2 wrong usage, 3 no host running."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How much the log says.
    #[arg(long, global = true, value_enum, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
    /// How the log is written, on standard error.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub(crate) log_format: LogFormat,
    /// Shows everything, whole reports behind one-line errors included.
    #[arg(long, short, global = true, conflicts_with = "log_level")]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a host until SIGINT or SIGTERM.
    #[command(after_help = "\
Prints one line on standard output once it serves: `ready: N plugins, M routes`. On SIGINT or SIGTERM it lets tasks finish,
cleans the plugins up in reverse order and exits with 0, within --shutdown-timeout whatever a plugin does.

Example:
  agentsys run --plugins ./plugins --plugins ./more --state-dir /var/lib/agentsys")]
    Run(Run),
    /// Routes one task and prints the answer, byte for byte.
    #[command(after_help = "\
Without --plugins it asks the running host of --state-dir. Data comes from --data, --file or standard input; a .csv file is
sent as text/csv, a .json file as application/json.

Examples:
  agentsys call echo --data hello
  agentsys call analyze_data --file penguins.csv
  curl -s example.org/table.csv | agentsys call analyze_data --content-type text/csv
  agentsys call echo --data hello --plugins ./plugins       without a running host

Exit codes: 0 answered, 1 the task failed, 2 wrong usage, 3 no host running.")]
    Call(Call),
    /// Lists the plugins and where each one stands.
    #[command(after_help = "\
Examples:
  agentsys plugins
  agentsys plugins --json | jq '.[] | select(.state != \"running\")'
  agentsys plugins --plugins ./plugins                      without a running host")]
    Plugins(List),
    /// Lists the routes and who serves them.
    #[command(after_help = "\
Examples:
  agentsys routes
  agentsys routes --json | jq '.[] | {name, input_schema}'")]
    Routes(List),
    /// Shows what a file says of itself, without running any of its code.
    #[command(after_help = "\
Example:
  agentsys inspect plugins/libecho.so

Exit codes: 0 it is a plugin, 1 it is none.")]
    Inspect(Inspect),
    /// Builds the sample plugins and routes real data through them.
    #[command(after_help = "\
Example:
  cargo run --release -- demo")]
    Demo(Demo),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A directory with plugins; may be given several times.
    #[arg(long, value_name = "DIR", default_value = "plugins")]
    pub(crate) plugins: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) state: State,
    /// How long tasks under way may take to finish after a signal, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) drain_timeout: Duration,
    /// How long ending may take in all after a signal, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) shutdown_timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The route's name.
    pub(crate) route: String,
    /// The data, as text.
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    pub(crate) data: Option<String>,
    /// A file with the data.
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// The data's content type.
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
    /// How long the task may take, in seconds; at most the route's own timeout.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Answers in this process, with the plugins of this directory; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Starts a host in this process, with the plugins of this directory; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The file.
    pub(crate) file: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct State {
    /// Where the host keeps what it needs to run.
    #[arg(long, value_name = "DIR", default_value = ".agentsys")]
    pub(crate) state_dir: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .trim_end_matches('s')
        .parse()
        .map_err(|_| "give a number of seconds, as 2.5".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "give a number of seconds that is not negative".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains("Example"), "{}", command.get_name());
        }
    }

    #[test]
    fn seconds_may_have_a_fraction_and_a_unit() {
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2500)));
        assert_eq!(seconds("30s"), Ok(Duration::from_secs(30)));
        assert!(seconds("-1").is_err() && seconds("soon").is_err());
    }
}

//! The command line: what can be said, and how each command explains itself.

mod commands;
mod values;

use clap::{Parser, Subcommand};

pub(crate) use commands::{
    Call, Change, Check, Config, Demo, Dirs, Errors, Events, Inspect, List, Metrics,
    QuarantineClear, QuarantineCommand, QuarantineList, Reload, Report, Run, Schema, Settings,
    Show, State,
};
pub(crate) use values::{LogFormat, LogLevel, MetricsFormat};

/// Runs compiled plugins from a folder, and asks a host that runs.
#[derive(Debug, Parser)]
#[command(
    version,
    arg_required_else_help = true,
    after_help = "\
The configuration comes from a file, the environment (AGENTSYS_ROUTER__TIMEOUT=5) and the command line, each over the one
before: `agentsys config show --origin` tells what holds.

Examples:
  agentsys demo                                    try it, with real data
  agentsys run --plugins ./plugins                 serve the plugins in a folder
  agentsys call analyze_data --file penguins.csv   ask the host that runs
  agentsys status                                  how it is doing, and what does not run

Exit codes: 0 done, 1 the task or the command failed, 2 wrong usage, 3 no host running."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) settings: Settings,
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

While it runs, a file that is dropped into a plugin directory starts serving, one that is replaced is replaced under traffic, one that is
removed is stopped; and a change of the configuration's file re-initializes the plugins whose part changed.

Examples:
  agentsys run                                              as agentsys.toml says
  agentsys run --plugins ./plugins --plugins ./more --state-dir /var/lib/agentsys
  agentsys run --config /etc/agentsys.toml --set router.timeout=5")]
    Run(Run),
    /// Routes one task and prints the answer: byte for byte, or the items of a stream as lines of JSON while they come.
    #[command(after_help = "\
Without --plugins it asks the running host of --state-dir. Data comes from --data, --file or standard input; a .csv file is
sent as text/csv, a .json file as application/json.

Where the handler answers a stream, each item is a line of JSON: JSON as it stands, text as a string, other bytes as
{\"content_type\": …, \"base64\": …}. The handler goes on while they are read, and is cancelled when the reader goes away or this program
ends. An error among the items goes to standard error; the items after it are printed all the same.

Examples:
  agentsys call echo --data hello
  agentsys call process_stream --file request.json | head -3
  agentsys call analyze_data --file penguins.csv
  curl -s example.org/table.csv | agentsys call analyze_data --content-type text/csv
  agentsys call echo --data hello --plugins ./plugins       without a running host

Exit codes: 0 answered, 1 the task or an item failed, 2 wrong usage, 3 no host running.")]
    Call(Call),
    /// Shows how the running host is doing, and why what does not run does not.
    #[command(after_help = "\
One screen: the host, its plugins with their calls and how long those took, what does not run with the reason, and the tasks
that failed last.

Examples:
  agentsys status
  agentsys status --json | jq '.plugins[] | select(.state == \"failed\") | .reason'")]
    Status(Report),
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
    /// Shows what was counted and measured, by route, agent and plugin.
    #[command(after_help = "\
First the tasks of each route, with errors by kind and how long they took; then the attempts of each agent that got one, the calls of each
plugin, and what plugins measure themselves. Every call that had to wait is timed; of those that were answered at once, about one in 60.

Examples:
  agentsys metrics
  agentsys metrics --json | jq '.routes[] | {route, p99: .latency.p99}'
  agentsys metrics --format prometheus > /var/lib/node_exporter/agentsys.prom")]
    Metrics(Metrics),
    /// Lists the tasks that failed last, with their causes.
    #[command(after_help = "\
Of each route so many are kept as `host.error_history` says.

Examples:
  agentsys errors
  agentsys errors --route analyze_data --limit 5
  agentsys errors --json | jq '.[] | select(.kind == \"timeout\")'")]
    Errors(Errors),
    /// Lists what happened to the plugins: each step from one state to another.
    #[command(after_help = "\
Examples:
  agentsys events
  agentsys events --plugin echo --json")]
    Events(Events),
    /// Shows the generations of a plugin: what each was, how long its steps took, why and how it ended.
    #[command(after_help = "\
A generation that ended is `unloaded`, when its library was seen to be out of memory, or `pinned` with the reason.

Examples:
  agentsys history echo
  agentsys history echo --json | jq '.[0].steps'")]
    History(Change),
    /// Replaces a plugin of the running host under traffic, by what its file holds now.
    #[command(after_help = "\
The new generation serves before the old one stops; what fails leaves the old one serving. A plugin that failed is started again. A
host that watches its folders does this by itself when a file changes.

Examples:
  agentsys reload echo
  agentsys reload echo --to-previous               back to the build before

Exit codes: 0 it was replaced, 1 it was not, 2 wrong usage, 3 no host running.")]
    Reload(Reload),
    /// Starts a plugin of the running host that is disabled.
    #[command(after_help = "\
Holds until the host ends or the plugin's part of the configuration changes.

Example:
  agentsys enable echo")]
    Enable(Change),
    /// Stops a plugin of the running host, and keeps it from being started.
    #[command(after_help = "\
Tasks under way may finish within host.drain_timeout. Holds until the host ends or the plugin's part of the configuration changes.

Example:
  agentsys disable echo")]
    Disable(Change),
    /// Lists and clears the contents that a host does not open again.
    #[command(
        subcommand,
        after_help = "\
A content is put there when it fails its probe, when its instances panic on many tasks in a row (host.quarantine_after), or when it ended
its host twice. It goes by the content: another build that is dropped in is tried at once.

Examples:
  agentsys quarantine list
  agentsys quarantine clear echo"
    )]
    Quarantine(QuarantineCommand),
    /// Checks, shows and describes the configuration.
    #[command(
        subcommand,
        after_help = "\
Examples:
  agentsys config check
  agentsys config show --origin
  agentsys config schema > agentsys.schema.json"
    )]
    Config(Config),
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
        fn check(command: &clap::Command, path: &str) {
            for command in command.get_subcommands() {
                let path = format!("{path} {}", command.get_name());
                let help = command
                    .get_after_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(help.contains("Example"), "{path}");
                check(command, &path);
            }
        }
        check(&Cli::command(), "agentsys");
    }
}

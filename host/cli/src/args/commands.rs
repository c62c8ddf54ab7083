//! What each command takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::values::{Assignment, MetricsFormat, assignment, seconds};

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A directory with plugins, in place of `host.plugin_dirs`; may be given several times [default: plugins].
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) state: State,
    /// How long tasks under way may take to finish after a signal, in seconds, in place of `host.drain_timeout` [default: 10].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) drain_timeout: Option<Duration>,
    /// How long ending may take in all after a signal, in seconds, in place of `host.shutdown_timeout` [default: 30].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) shutdown_timeout: Option<Duration>,
    /// Takes the plugin directories and the configuration as they are at the start, whatever happens to them later.
    #[arg(long)]
    pub(crate) no_watch: bool,
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
    /// How long the task may take, in seconds: at most the route's own timeout for one answer, and for a stream until its last item.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Writes also a single answer as a line of JSON, as the items of a stream are written in any case.
    #[arg(long)]
    pub(crate) json: bool,
    /// Answers in this process, with the plugins of this directory and the storage of the configuration; may be given several times.
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

/// What is asked of the running host alone.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct Metrics {
    /// How they are written.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: MetricsFormat,
    /// As JSON: the same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: State,
}

/// What is changed of one plugin.
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// The plugin's name.
    #[arg(value_name = "NAME")]
    pub(crate) plugin: String,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct Reload {
    /// Brings back what it was made of before, from the copy that the host keeps (`host.keep_previous`).
    #[arg(long)]
    pub(crate) to_previous: bool,
    #[command(flatten)]
    pub(crate) change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Errors {
    /// Only those of this route.
    #[arg(long, value_name = "ROUTE")]
    pub(crate) route: Option<String>,
    /// At most so many, the latest first.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) report: Report,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only those of this plugin.
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: Option<String>,
    #[command(flatten)]
    pub(crate) report: Report,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Lists what is in quarantine, with the cause and the time.
    #[command(after_help = "\
Examples:
  agentsys quarantine list
  agentsys quarantine list --json | jq '.[].cause'")]
    List(QuarantineList),
    /// Takes contents out of quarantine.
    #[command(after_help = "\
A host that runs tries them at `agentsys reload NAME`.

Examples:
  agentsys quarantine clear echo                   all builds of a plugin
  agentsys quarantine clear 0123456789ab           one content, by the beginning of its hash
  agentsys quarantine clear --all")]
    Clear(QuarantineClear),
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineList {
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineClear {
    /// A plugin's name, or 8 digits or more of a content's hash.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) which: Option<String>,
    /// All of them.
    #[arg(long)]
    pub(crate) all: bool,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Looks whether a host would run with this configuration, all its plugins included.
    #[command(after_help = "\
Opens the libraries from private copies in the state directory, which runs their constructors, and asks each plugin about its own
options. Nothing is started or stored.

Examples:
  agentsys config check
  agentsys --config /etc/agentsys.toml config check --json

Exit codes: 0 it is fine, 1 it is not: every problem in a line of its own, with its place and what would be right.")]
    Check(Check),
    /// Shows every value as it is resolved from file, environment and command line.
    #[command(after_help = "\
Prints a file that loads as the same configuration.

Examples:
  agentsys config show --origin                      with where each value came from
  AGENTSYS_ROUTER__TIMEOUT=5 agentsys --set router.retry_count=0 config show --origin
  agentsys config show --json | jq .router.timeout")]
    Show(Show),
    /// Prints the JSON Schema of the file, for editors and other programs.
    #[command(after_help = "\
The plugins of the configuration are opened, so that their own options are part of it.

Examples:
  agentsys config schema > agentsys.schema.json
  agentsys config schema --no-plugins                what the host alone knows")]
    Schema(Schema),
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) dirs: Dirs,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// With where each value came from.
    #[arg(long)]
    pub(crate) origin: bool,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) dirs: Dirs,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Opens no library: plugins may have any options then.
    #[arg(long)]
    pub(crate) no_plugins: bool,
    #[command(flatten)]
    pub(crate) dirs: Dirs,
}

#[derive(Debug, Args)]
pub(crate) struct Dirs {
    /// A directory with plugins, in place of `host.plugin_dirs`; may be given several times [default: plugins].
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
    /// Where the host keeps what it needs to run, in place of `host.state_dir` [default: .agentsys].
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Where the configuration comes from, besides the environment and a command's own options. These may stand before the command
/// and behind it; clap's own global options would forget those before where there are some behind.
#[derive(Debug, Default, Args)]
pub(crate) struct Settings {
    /// The configuration's file [default: agentsys.toml in the working directory, if it is there].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Sets one value of the configuration, as router.timeout=5; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<Assignment>,
}

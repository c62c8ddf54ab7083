//! The options.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use agentsys_plugin::plugin_config;

use crate::format::Format;
use crate::level::Level;
use crate::template::{self, Template};

/// Where the log goes, what its lines look like, and what is kept out.
#[plugin_config]
pub struct Config {
    /// The file to append to; none: standard error. A relative path begins at the host's working
    /// directory, and folders that are missing are made.
    #[check = not_empty]
    pub log_file: Option<PathBuf>,
    /// The least level that is written: `trace`, `debug`, `info` (the default), `warn` or `error`.
    #[default = Level::Info]
    pub log_level: Level,
    /// The level of the entries of tasks that did not fail, where the plugin is an interceptor; `info` by default. Tasks that failed are errors.
    #[default = Level::Info]
    pub task_level: Level,
    /// How lines are written: `text` (the default) or `json`, an object on each line.
    #[default = Format::Text]
    pub format: Format,
    /// The line in `text`; by default `{time} {level} {message}`.
    ///
    /// Placeholders: `{time}` (RFC 3339, UTC, milliseconds), `{level}`, `{agent}`, `{activity}`,
    /// `{error}`, `{kind}`, `{causes}`, `{details}`, and `{message}`: all but time and level, as
    /// a sentence. What an entry does not have is empty. `{{` and `}}` write braces.
    #[default = template::DEFAULT.to_owned()]
    #[check = placeholders]
    pub log_format: String,
    /// The size in bytes that the file may have: before a line that would make it larger, the file
    /// is rotated. None by default: any size. A longer line is written alone in a file.
    #[range(min = 1)]
    pub rotate_size: Option<u64>,
    /// Whether the file is rotated before the first line of another day (UTC). No by default.
    #[default = false]
    pub rotate_daily: bool,
    /// How many rotated files are kept, 7 by default: `activity.log.1` is the newest, and the
    /// oldest is deleted.
    #[default = 7]
    #[range(min = 1, max = 10_000)]
    pub keep_files: usize,
    /// The agents whose entries are written; empty, as by default: all.
    #[default = Vec::new()]
    pub agents: Vec<String>,
    /// The agents whose entries are not written, even if `agents` names them. None by default.
    #[default = Vec::new()]
    pub ignore_agents: Vec<String>,
    /// The least level for single agents, in place of `log_level`. None by default.
    #[default = BTreeMap::new()]
    pub levels: BTreeMap<String, Level>,
}

fn not_empty(path: &Path) -> Result<(), String> {
    if path.as_os_str().is_empty() {
        return Err(
            "the path is empty; name a file, or leave it out for standard error".to_owned(),
        );
    }
    Ok(())
}

fn placeholders(format: &str) -> Result<(), String> {
    match Template::parse(format) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

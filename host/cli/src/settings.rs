//! From the command line to the configuration: a file, over it the environment, over that `--set`, over that a command's own
//! options.

use std::path::{Path, PathBuf};

use agentsys_host::config::{Loaded, Sources};
use serde_json::Value;

use crate::args::{Settings, State};
use crate::exit::Failure;

/// The file that is read where none is named, if it is there.
const FILE: &str = "agentsys.toml";

impl Settings {
    /// All layers. `plugins` replace the configured directories, unless there are none.
    ///
    /// # Errors
    /// Where a path is no text, which the configuration cannot hold.
    pub(crate) fn sources(&self, plugins: &[PathBuf], state: &State) -> Result<Sources, Failure> {
        let named = state.settings.config.as_ref().or(self.config.as_ref());
        let sources = match named {
            Some(file) => Sources::new().file(file),
            None => Sources::new().file_if_exists(FILE),
        };
        let sources = sources.environment(std::env::vars_os());
        let mut sources = self
            .set
            .iter()
            .chain(&state.settings.set)
            .fold(sources, |sources, one| sources.set(&one.key, &one.value));
        if !plugins.is_empty() {
            let plugins: Result<Vec<Value>, Failure> =
                plugins.iter().map(|dir| text(dir)).collect();
            sources = sources.value("host.plugin_dirs", plugins?, "--plugins");
        }
        if let Some(dir) = &state.state_dir {
            sources = sources.value("host.state_dir", text(dir)?, "--state-dir");
        }
        Ok(sources)
    }

    /// The configuration's files, whether or not they are there.
    pub(crate) fn files(&self, state: &State) -> Vec<PathBuf> {
        let file = state.settings.config.clone().or(self.config.clone());
        vec![file.unwrap_or_else(|| FILE.into())]
    }

    /// The configuration, for a command with these options.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn load(&self, plugins: &[PathBuf], state: &State) -> Result<Loaded, Failure> {
        Ok(self.sources(plugins, state)?.load()?)
    }

    /// Where the running host is found.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) fn state_dir(&self, state: &State) -> Result<PathBuf, Failure> {
        Ok(self.load(&[], state)?.config.host.state_dir)
    }
}

/// The files that a configuration was read from, for a sentence; none where there were none.
pub(crate) fn files(loaded: &Loaded) -> Option<String> {
    let files = loaded.files.iter().map(|file| file.display().to_string());
    let files: Vec<String> = files.collect();
    (!files.is_empty()).then(|| files.join(", "))
}

fn text(path: &Path) -> Result<Value, Failure> {
    path.to_str().map(Value::from).ok_or_else(|| {
        let shown = path.display();
        Failure::usage(format!(
            "{shown} is not UTF-8: give a path that is, such as a link to it"
        ))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn load(words: &[&str]) -> Result<Loaded, Failure> {
        let cli = Cli::try_parse_from(words).unwrap();
        let Command::Run(run) = &cli.command else {
            panic!("{cli:?}");
        };
        cli.settings.load(&run.plugins, &run.state)
    }

    #[test]
    fn values_set_before_the_command_and_behind_it_all_count_and_options_go_over_them() {
        let loaded = load(&[
            "agentsys",
            "--set",
            "router.timeout=5",
            "--set",
            "host.state_dir=a",
            "run",
            "--set",
            "router.retry_count=1",
            "--state-dir",
            "b",
            "--plugins",
            "p",
            "--plugins",
            "q",
        ])
        .unwrap();
        let config = &loaded.config;
        assert_eq!(config.router.timeout.as_secs(), 5);
        assert_eq!(config.router.retry_count, 1);
        assert_eq!(config.host.state_dir, Path::new("b"));
        assert_eq!(config.host.plugin_dirs, ["p", "q"].map(PathBuf::from));
        let origin = loaded.origin(&["host", "state_dir"]).to_string();
        assert_eq!(origin, "command line --state-dir");
    }

    #[test]
    fn a_file_that_was_named_must_be_there_and_the_usual_one_need_not() {
        assert_eq!(files(&load(&["agentsys", "run"]).unwrap()), None);
        let failure = load(&["agentsys", "run", "--config", "missing.toml"]).unwrap_err();
        assert_eq!(failure.code, crate::exit::Code::Failed);
    }
}

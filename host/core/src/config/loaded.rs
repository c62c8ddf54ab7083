//! A configuration that was checked, or made in code, and where each of its values came from.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::config::problem::{ConfigErrors, ConfigProblem, Origin};
use crate::config::sections::Config;
use crate::config::tree::{Tree, owned};
use crate::config::validate::Check;
use crate::config::{special, words};

/// A configuration with the origin of each value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// What is odd, though not wrong; one line each.
    pub warnings: Vec<ConfigProblem>,
    /// The files that were read, in the order in which they were laid over each other.
    pub files: Vec<PathBuf>,
    tree: Tree,
    /// The origin of all that no layer set.
    base: Origin,
}

impl Loaded {
    pub(super) fn new(
        config: Config,
        tree: Tree,
        files: Vec<PathBuf>,
        mut warnings: Vec<ConfigProblem>,
    ) -> Self {
        let host = &config.host;
        if host.drain_timeout > host.shutdown_timeout {
            let message = format!(
                "host.drain_timeout ({:?}) is longer than host.shutdown_timeout ({:?}), which ends the wait",
                host.drain_timeout, host.shutdown_timeout
            );
            let origin = tree.place(&["host", "drain_timeout"]);
            warnings.push(ConfigProblem::new(origin, message));
        }
        for (path, message) in special::odd(&config.router) {
            warnings.push(ConfigProblem::new(tree.place(&path), message));
        }
        warnings.sort();
        Self {
            config,
            warnings,
            files,
            tree,
            base: Origin::Default,
        }
    }

    /// Where the value at a path of keys came from when it was loaded; an element of a list has its index as its key.
    pub fn origin(&self, path: &[&str]) -> Origin {
        match self.tree.spots.get(&owned(path)) {
            Some(spot) => spot.value.clone(),
            None => self.base.clone(),
        }
    }

    /// A problem that was found later, as by a plugin with its own options, at the place of the value or the nearest
    /// thing around it.
    pub fn problem(&self, path: &[&str], message: &str) -> ConfigProblem {
        let origin = match self.tree.place(&self.written(path)) {
            Origin::Default => self.base.clone(),
            origin => origin,
        };
        let message = match path {
            [] => message.to_owned(),
            path => format!("{}: {message}", words::dotted(path)),
        };
        ConfigProblem::new(origin, message)
    }

    /// The path as it was written: a variable of the environment cannot have the `-` of a plugin's name.
    fn written(&self, path: &[&str]) -> Vec<String> {
        let mut written = owned(path);
        if let ["plugins", name, ..] = path {
            let sections = &self.config.plugins;
            let alike = name.replace('-', "_");
            if !sections.contains_key(*name) && sections.contains_key(&alike) {
                written[1] = alike;
            }
        }
        written
    }

    /// The same with paths that hold whatever becomes of the working directory, which is the process's, and so any plugin's to change.
    pub(crate) fn absolute(mut self) -> Self {
        let made = |path: &mut PathBuf| {
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        };
        let Config { host, storage, .. } = &mut self.config;
        let given = host.plugin_dirs.iter_mut().chain(&mut host.probe_helper);
        given
            .chain([&mut host.state_dir])
            .chain(&mut storage.storage_path)
            .for_each(made);
        self
    }

    /// Checks the values as [`load`](crate::config::Sources::load) does, which matters where code made or changed them.
    /// `strategies` are known besides the router's own and those of plugins.
    ///
    /// # Errors
    /// All that is wrong, at once.
    pub fn validate(&self, strategies: &[String]) -> Result<(), ConfigErrors> {
        let mut tree = self.tree.clone();
        tree.root = self.config.to_values();
        ConfigErrors::unless_empty(Check::new(&tree, strategies).tree())
    }
}

impl From<Config> for Loaded {
    /// A configuration made in code. It is not checked by this: see [`Loaded::validate`].
    fn from(config: Config) -> Self {
        Self {
            base: Origin::Code,
            ..Self::new(config, Tree::default(), Vec::new(), Vec::new())
        }
    }
}

impl Config {
    /// The same with paths that are text; what is not UTF-8 in them is shown as well as can be.
    pub(super) fn printable(&self) -> Self {
        let lossy = |path: &PathBuf| PathBuf::from(path.to_string_lossy().into_owned());
        let mut config = self.clone();
        config.host.plugin_dirs = config.host.plugin_dirs.iter().map(lossy).collect();
        config.host.state_dir = lossy(&config.host.state_dir);
        config.storage.storage_path = config.storage.storage_path.as_ref().map(lossy);
        config
    }

    pub(super) fn to_values(&self) -> Map<String, Value> {
        match serde_json::to_value(self.printable()) {
            Ok(Value::Object(values)) => values,
            _ => unreachable!("sections with text as keys and paths are always a JSON object"),
        }
    }
}

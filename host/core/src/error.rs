//! Why a host cannot be built, and why a plugin does not run.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use agentsys_loader::{
    AttributionError, ConfigIssue, ConfigKey, CopyError, Failure, InspectError, LoadError,
    ProbeError,
};
use agentsys_router::RouterError;
use agentsys_storage::StorageError;

use crate::config::{ConfigErrors, ConfigProblem, Loaded};
use crate::quarantine::{QuarantineError, Quarantined};

/// A host cannot be built. What is wrong with a plugin is no such error: the host runs without it, and says so in its status.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The configuration does not fit.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The storage that the configuration asks for cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A plugin that is linked into the program says of itself what cannot be.
    #[error("the linked plugin {plugin}: {reason}")]
    Linked {
        /// Its type.
        plugin: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// An agent of the program's own cannot be registered.
    #[error("an agent cannot be registered: {0}")]
    Agent(#[from] RouterError),
    /// There is no such plugin.
    #[error("there is no plugin {name:?}{hint}")]
    NoSuchPlugin {
        /// The name.
        name: String,
        /// Which one may be meant, if one is near.
        hint: String,
    },
    /// A plugin of that name is there already.
    #[error("there is a plugin {name:?} already: give this use of its library another name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A plugin that was asked for does not run.
    #[error("plugin {name} does not run: {reason}")]
    NotRunning {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A plugin was not replaced; what served before serves on, where something did.
    #[error("plugin {name} was not replaced: {reason}")]
    NotReplaced {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The state directory cannot be used.
    #[error("the state directory cannot be used: {0}")]
    StateDir(#[from] CopyError),
    /// The account of who runs what, in the state directory, cannot be kept.
    #[error(transparent)]
    Attribution(#[from] AttributionError),
    /// The quarantine in the state directory cannot be used.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
    /// A thread or a runtime cannot be started.
    #[error("the host's {what} cannot be started: {source}")]
    Start {
        /// Which.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

impl HostError {
    pub(crate) fn no_such_plugin<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Self {
        Self::NoSuchPlugin {
            name: name.to_owned(),
            hint: did_you_mean(name, names),
        }
    }
}

/// A plugin does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// Its file cannot be read any more, or is no plugin any more.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// Its private copy cannot be made.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// It did harm before, and is not opened again.
    #[error("{}: this content is in quarantine: {}. Drop another build, or run `agentsys quarantine clear {}`", path.display(), quarantined.cause, quarantined.plugin)]
    Quarantined {
        /// The plugin's file.
        path: PathBuf,
        /// What it did, and when.
        quarantined: Box<Quarantined>,
    },
    /// It fails in the process that tries new content before the host opens it.
    #[error(transparent)]
    Probe(Box<ProbeError>),
    /// It cannot be opened.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its file holds something else than when it was found.
    #[error("{}: {reason}: reload it once the file has settled", path.display())]
    Changed {
        /// The plugin's file.
        path: PathBuf,
        /// What changed.
        reason: String,
    },
    /// Opening it took too long.
    #[error("{}: its library did not finish opening within {within:?}: something in its constructors or its root module hangs", path.display())]
    LoadTimeout {
        /// The plugin's file.
        path: PathBuf,
        /// The time that it had.
        within: Duration,
    },
    /// Its config does not fit.
    #[error("its config does not fit: {}", .0.join("; "))]
    Config(Vec<String>),
    /// `initialize` failed or panicked.
    #[error("`initialize` failed: {}", chain(.0))]
    Initialize(Failure),
    /// `initialize` took too long.
    #[error("`initialize` did not finish within {0:?}")]
    InitializeTimeout(Duration),
    /// `cleanup` failed or panicked.
    #[error("`cleanup` failed: {}", chain(.0))]
    Cleanup(Failure),
    /// `cleanup` took too long.
    #[error("`cleanup` did not finish within {0:?}")]
    CleanupTimeout(Duration),
    /// `save_state` or `restore_state` failed or panicked.
    #[error("`{step}` failed: {}", chain(failure))]
    HandOver {
        /// Which of both.
        step: &'static str,
        /// What it failed with.
        failure: Failure,
    },
    /// `save_state` or `restore_state` took too long.
    #[error(
        "`{step}` did not finish in time: `cleanup_timeout` bounds the saving, `initialize_timeout` the restoring"
    )]
    HandOverTimeout {
        /// Which of both.
        step: &'static str,
    },
    /// Tasks of what served cannot be ended, so it cannot be stopped or hand its state over.
    #[error("{0} task(s) of what serves do not end, since their handlers do not return")]
    Stuck(usize),
    /// A route's name cannot be one.
    #[error(transparent)]
    Route(#[from] agentsys_router::RouterError),
    /// The host's own thread for it ended.
    #[error("the host could not run it: {0}")]
    Internal(String),
}

/// What does not fit of a plugin's config, with its place in the file where it stands in one.
pub(crate) fn config_problem(loaded: &Loaded, plugin: &str, issue: &ConfigIssue) -> ConfigProblem {
    let steps = issue.path.iter().map(|key| match key {
        ConfigKey::Name(name) => name.clone(),
        ConfigKey::Index(index) => index.to_string(),
    });
    let root = ["plugins", plugin, "config"].map(str::to_owned);
    let path: Vec<String> = root.into_iter().chain(steps).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    loaded.problem(&path, &issue.message)
}

impl PluginError {
    pub(crate) fn config(loaded: &Loaded, plugin: &str, issues: &[ConfigIssue]) -> Self {
        let problems = issues
            .iter()
            .map(|issue| config_problem(loaded, plugin, issue));
        Self::Config(problems.map(|problem| problem.to_string()).collect())
    }

    /// The whole report behind the one line, where there is more to say.
    pub(crate) fn report(&self) -> Option<&str> {
        match self {
            Self::Load(error) => error.report(),
            Self::Probe(error) => error.report(),
            _ => None,
        }
    }

    /// Whether another try would fail in the same way.
    pub(crate) fn is_permanent(&self) -> bool {
        match self {
            Self::Inspect(_)
            | Self::Changed { .. }
            | Self::Config(_)
            | Self::Route(_)
            | Self::Quarantined { .. } => true,
            Self::Probe(error) => error.fault.is_of_content(),
            Self::Load(error) => !matches!(error, LoadError::Thread { .. }),
            _ => false,
        }
    }
}

/// The end of a sentence about an unknown name: which one may be meant, or nothing.
pub(crate) fn did_you_mean<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    let likeness = |name: &str| strsim::jaro_winkler(wanted, name);
    let near = names
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness >= 0.8);
    let nearest = near.max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map_or_else(String::new, |(_, name)| format!("; did you mean {name:?}?"))
}

fn chain(failure: &Failure) -> String {
    let mut text = failure.message.clone();
    for cause in &failure.causes {
        text.push_str(": ");
        text.push_str(cause);
    }
    text
}

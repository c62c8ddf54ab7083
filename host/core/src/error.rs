//! Why a host cannot be built, and why a plugin does not run.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use agentsys_loader::{CopyError, Failure, InspectError, LoadError};

/// A host cannot be built. What is wrong with a plugin is no such error: the host runs without it, and says so in its status.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The state directory cannot be used.
    #[error("the state directory cannot be used: {0}")]
    StateDir(#[from] CopyError),
    /// A thread or a runtime cannot be started.
    #[error("the host's {what} cannot be started: {source}")]
    Start {
        /// Which.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
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
    /// It cannot be opened.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its file holds something else than when it was found.
    #[error("{}: {reason}: start the host again", path.display())]
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
    /// A route's name cannot be one.
    #[error(transparent)]
    Route(#[from] agentsys_router::RouterError),
    /// The host's own thread for it ended.
    #[error("the host could not run it: {0}")]
    Internal(String),
}

fn chain(failure: &Failure) -> String {
    let mut text = failure.message.clone();
    for cause in &failure.causes {
        text.push_str(": ");
        text.push_str(cause);
    }
    text
}

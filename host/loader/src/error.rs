//! Why a file that was inspected cannot be opened.

use std::path::PathBuf;

use crate::attribution::AttributionError;
use crate::copies::CopyError;

/// A generation cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The private copy cannot be made.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The account of who runs what cannot be written.
    #[error(transparent)]
    Attribution(#[from] AttributionError),
    /// The system's loader refuses the file.
    #[error("{}: the system cannot open it as a library: {reason}", path.display())]
    Open {
        /// The plugin's file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// It exports no root module.
    #[error("{}: has no root module: it carries a plugin's records, but not its entry; build it with #[plugin] of agentsys-plugin", path.display())]
    NoRootModule {
        /// The plugin's file.
        path: PathBuf,
    },
    /// The system's loader gave another library in its place.
    #[error("{}: the system's loader gave the code of {other} in its place", path.display())]
    Reused {
        /// The plugin's file.
        path: PathBuf,
        /// Where the code lies.
        other: String,
    },
    /// It was built against another abi_stable.
    #[error("{}: built against abi_stable {found}, this host speaks {expected}: rebuild the plugin with this host's agentsys-plugin", path.display())]
    AbiStable {
        /// The plugin's file.
        path: PathBuf,
        /// The versions, as `major.minor`.
        found: String,
        /// The host's.
        expected: String,
    },
    /// It was built for another interface version.
    #[error("{}: built for interface {found}, this host speaks {expected}.x: {}", path.display(), advice(found, *expected))]
    Interface {
        /// The plugin's file.
        path: PathBuf,
        /// The plugin's interface, as `major.minor`.
        found: String,
        /// The host's major.
        expected: u32,
    },
    /// Its types are laid out differently.
    #[error("{}: its seam is laid out differently from this host's, in {differences} place(s): rebuild the plugin with this host's agentsys-plugin (--verbose shows the places)", path.display())]
    Layout {
        /// The plugin's file.
        path: PathBuf,
        /// In how many places.
        differences: usize,
        /// abi_stable's whole report, many lines.
        report: String,
    },
    /// Its root module failed to come up.
    #[error("{}: its root module cannot be made: {reason}", path.display())]
    RootModule {
        /// The plugin's file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// What it says of itself when loaded is not what its records say.
    #[error("{}: {reason}: the file's records and its code do not belong together; rebuild the plugin", path.display())]
    Description {
        /// The plugin's file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// No thread can be started to open it on.
    #[error("no thread can be started to open {} on: {source}", path.display())]
    Thread {
        /// The plugin's file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

fn advice(found: &str, expected: u32) -> &'static str {
    let major = found
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major > expected) {
        "update the host, or rebuild the plugin with this host's agentsys-plugin"
    } else {
        "rebuild the plugin with this host's agentsys-plugin"
    }
}

impl LoadError {
    /// The whole report behind the one line, where there is more to say.
    #[must_use]
    pub fn report(&self) -> Option<&str> {
        match self {
            Self::Layout { report, .. } => Some(report),
            _ => None,
        }
    }
}

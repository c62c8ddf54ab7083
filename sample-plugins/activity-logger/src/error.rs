//! Why a line could not be written.

use std::io;
use std::path::PathBuf;

use agentsys_plugin::{Error, ErrorKind};

/// Why a line could not be written. Nothing of it is left in the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The file cannot be opened.
    #[error("cannot open the log file {}: {reason}; see that the path is right and may be read and written", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },

    /// The folder of the file cannot be made.
    #[error("cannot make the folder of the log file {}: {reason}; make it, or log elsewhere", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },

    /// The file is there, and cannot be written.
    #[error("cannot write to the log file {}: {reason}; see that its disk has space", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },

    /// Each time the file was opened, another stood in its place.
    #[error("the log file {} is replaced as often as it is opened; see who else rotates it", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },

    /// Standard error cannot be written.
    #[error("cannot log to standard error: {reason}; set `log_file`, or see who reads it")]
    StandardError {
        /// What the system said.
        reason: io::Error,
    },
}

impl SinkError {
    /// The same for a caller of the plugin, who may try again: each write opens the file anew
    /// where it has to.
    pub(crate) fn into_unavailable(self) -> Error {
        Error::from(self)
            .with_kind(ErrorKind::Unavailable)
            .with_retryable(true)
    }
}

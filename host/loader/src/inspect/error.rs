//! Why a file is not a plugin that this machine can load: one line each, with what to do.

use std::io;
use std::path::{Path, PathBuf};

use super::complete::Incomplete;
use super::read::MAX_FILE_LEN;
use super::records::SectionFault;
use super::target::Format;
use crate::metadata::{InterfaceMismatch, MetadataError};

/// A file that is not a plugin which this machine can load: `<path>: <what is wrong>; <what to do>`.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
#[non_exhaustive]
pub struct InspectError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
}

impl InspectError {
    pub(crate) fn new(path: &Path, fault: impl Into<Fault>) -> Self {
        Self {
            path: path.to_owned(),
            fault: fault.into(),
        }
    }
}

/// What is wrong with a file. Its text is whole: where an operating system's error tells more, the text holds it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The host's user may not read it.
    #[error("cannot be read: permission denied; let the user that runs the host read it")]
    Permission(io::Error),
    /// Reading failed in another way.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// Nothing is there.
    #[error("does not exist; check the path")]
    Missing,
    /// It is a symbolic link to nothing.
    #[error("is a link to {}, which does not exist; mend or remove the link", target.display())]
    DanglingLink {
        /// Where the link points, as it is written in the link.
        target: PathBuf,
    },
    /// It is a directory.
    #[error("is a directory, not a library; move it away, or name a file in it")]
    Directory,
    /// It is a socket, a pipe or a device.
    #[error("is not a regular file; put the library itself there")]
    NotAFile,
    /// It is larger than [`MAX_FILE_LEN`].
    #[error(
        "is larger than the {} MiB that a plugin may have; strip its debug information",
        MAX_FILE_LEN >> 20
    )]
    TooLarge,
    /// It has no bytes.
    #[error("is empty; copy it again")]
    Empty,
    /// It is neither ELF nor PE nor Mach-O.
    #[error(
        "is not a library: it begins like no ELF, PE or Mach-O file; put a compiled plugin there"
    )]
    NotALibrary,
    /// Something of it is missing.
    #[error(transparent)]
    Incomplete(#[from] Incomplete),
    /// Its headers contradict themselves.
    #[error("is damaged: {detail}; copy or build it again")]
    Malformed {
        /// What contradicts.
        detail: String,
    },
    /// It is built for another operating system.
    #[error("built as {format}, this host loads {host}; use a build for this system")]
    Format {
        /// The file's format.
        format: Format,
        /// The format that the host loads.
        host: Format,
    },
    /// It is built for another processor.
    #[error("built for {architecture}, this host runs {host}; use a build for {host}")]
    Architecture {
        /// The processor that the file is built for.
        architecture: String,
        /// The host's.
        host: String,
    },
    /// It is compiled, but not a shared library.
    #[error("is {kind}, not a shared library; build it with crate-type = [\"cdylib\"]")]
    NotShared {
        /// What it is, with its article.
        kind: &'static str,
    },
    /// It has no plugin section.
    #[error(
        "is a shared library but not an AgentSys plugin; build it with the agentsys-plugin crate"
    )]
    NotAPlugin,
    /// Its plugin section cannot be read.
    #[error(transparent)]
    Section(#[from] SectionFault),
    /// Its records say something that cannot be.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// It speaks another major version of the seam.
    #[error(transparent)]
    Interface(#[from] InterfaceMismatch),
}

impl Fault {
    pub(super) fn malformed(error: object::Error) -> Self {
        Self::Malformed {
            detail: error.to_string(),
        }
    }
}

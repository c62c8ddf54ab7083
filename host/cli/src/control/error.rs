//! Why a control socket could not be opened, or a running host not be asked.

use std::{io, path::PathBuf};

use super::frame::FrameError;

/// Why a host could not open its control socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ControlError {
    /// The directory of the socket is missing, unreachable or not private.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Another host holds this state directory.
    #[error(
        "a host ({}) already runs on this state directory ({}): stop it, or give another \
         --state-dir",
        process(*pid),
        state_dir.display()
    )]
    AlreadyRunning {
        /// The state directory, as it was given.
        state_dir: PathBuf,
        /// The other host's process id, if it has written it already.
        pid: Option<u32>,
    },
    /// The lock file could not be opened, locked or written.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The socket could not be made.
    #[error("cannot listen on {}: {source}", path.display())]
    Listen {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no control socket on this platform.
    #[cfg(not(unix))]
    #[error("the control socket is not supported on this platform yet")]
    Unsupported,
}

/// Why the running host could not be asked, or did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClientError {
    /// Nobody serves this state directory.
    #[error(
        "no host is running on {dir}: start one with `agentsys run --state-dir {dir}`",
        dir = state_dir.display()
    )]
    NoHost {
        /// The state directory, as it was given.
        state_dir: PathBuf,
    },
    /// The directory of the socket is unreachable or not private.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The socket is there, and could not be connected to.
    #[error("cannot connect to {}: {source}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The host closed the connection without an answer.
    #[error("the running host closed the connection before it answered: see its log")]
    Closed,
    /// What came back is not an answer, or the request does not fit into a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// There is no control socket on this platform.
    #[cfg(not(unix))]
    #[error("asking a running host is not supported on this platform yet")]
    Unsupported,
}

/// Why the directory of the control socket cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AddressError {
    /// It could not be made.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be opened, or is no directory.
    #[error("cannot open the control directory {}: {source}", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other users can enter it.
    #[error(
        "the control directory {dir} has mode {mode:04o}, so that other users could reach the \
         host through it: run `chmod 700 {dir}`",
        dir = path.display()
    )]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is another user's.
    #[error(
        "the control directory {} belongs to the user with id {owner}, and this program runs as \
         {own}: run it as that user, or give another --state-dir",
        path.display()
    )]
    ForeignOwner {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Our effective user id.
        own: u32,
    },
}

fn process(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "its process id is not known yet".to_owned(),
    }
}

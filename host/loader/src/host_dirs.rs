//! A directory of its own for each living host, below one that all hosts of a state directory share.
//!
//! Such a directory is named `<pid>-<time>` and holds a locked file. A lock ends with its process however that ends, so a
//! directory whose lock is free belongs to no living host, and the next host removes it. The shared directory has a lock too, held
//! while directories are created or removed: without it, a directory that is not locked *yet* would look like a dead one.

#![forbid(unsafe_code)]

mod sweep;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub(crate) use sweep::sweep;

use crate::private::{private_dirs, private_file};

/// The name of the lock file, in the shared directory and in each host's.
const LOCK: &str = "lock";

/// The directory `name` in the state directory, which hosts share: created if need be, closed to other users.
pub(crate) fn shared(state_dir: &Path, name: &str) -> Result<PathBuf, HostDirError> {
    let path = state_dir.join(name);
    let create = |error| HostDirError::Create {
        path: path.clone(),
        error,
    };
    private_dirs(true).create(&path).map_err(create)?;
    close_to_others(&path).map_err(|error| HostDirError::Private {
        path: path.clone(),
        error,
    })?;
    real(&path).map_err(create)
}

/// Waits for the turn of this host to create and remove directories. The turn ends when the file is dropped.
pub(crate) fn lock(shared: &Path) -> Result<File, HostDirError> {
    let path = shared.join(LOCK);
    let lock = || {
        let file = open_lock(&path)?;
        file.lock()?;
        Ok(file)
    };
    lock().map_err(|error| HostDirError::Lock {
        path: path.clone(),
        error,
    })
}

/// The directory of one living host: locked, and removed when this is dropped.
#[derive(Debug)]
pub(crate) struct HostDir {
    path: PathBuf,
    lock: Option<File>,
}

impl HostDir {
    /// Creates and locks a directory that is no other host's. The caller holds the turn.
    pub(crate) fn create(shared: &Path) -> Result<Self, HostDirError> {
        let path = new_dir(shared)?;
        let lock = path.join(LOCK);
        let hold = || {
            let file = open_lock(&lock)?;
            file.try_lock()?;
            Ok(file)
        };
        match hold() {
            Ok(file) => Ok(Self {
                path,
                lock: Some(file),
            }),
            Err(error) => Err(HostDirError::Lock { path: lock, error }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for HostDir {
    fn drop(&mut self) {
        // Closed first: Windows removes no directory with an open file in it.
        drop(self.lock.take());
        let removed =
            fs::remove_file(self.path.join(LOCK)).and_then(|()| fs::remove_dir(&self.path));
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let path = self.path.display();
                tracing::warn!(%path, %error, "a directory of this host's could not be removed; the next start will");
            }
            _ => {}
        }
    }
}

/// Creates a file that did not exist, for this user only.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    // Read too: who maps a file to write to it must be able to.
    private_file()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
}

fn open_lock(path: &Path) -> io::Result<File> {
    private_file()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Creates `<pid>-<time>`. The process id alone is not enough: two hosts of one process have the same, and so may hosts in
/// two containers that share a state directory. Nor may a name be used again, which a closing host may be removing.
fn new_dir(shared: &Path) -> Result<PathBuf, HostDirError> {
    let pid = std::process::id();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut number = now.unwrap_or_default().as_nanos();
    loop {
        let path = shared.join(format!("{pid}-{number}"));
        match private_dirs(false).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(HostDirError::Create { path, error }),
        }
    }
}

/// Whoever may write to the directory could exchange a copy between its check and its opening.
#[cfg(unix)]
fn close_to_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok(());
    }
    permissions.set_mode(0o700);
    fs::set_permissions(path, permissions)
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "fails on Unix")]
fn close_to_others(_: &Path) -> io::Result<()> {
    // Directories inherit the rights of the user's own folders.
    Ok(())
}

/// The path that the kernel reports for mappings. Windows reports none, and its loader dislikes verbatim paths.
fn real(path: &Path) -> io::Result<PathBuf> {
    if cfg!(windows) {
        std::path::absolute(path)
    } else {
        fs::canonicalize(path)
    }
}

/// A host cannot have a directory of its own in the state directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostDirError {
    /// A directory is missing and cannot be created.
    #[error("{}: cannot be created: {error}; name a state directory that the host may write to", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A directory belongs to another user, who could exchange the files in it.
    #[error("{}: cannot be closed to other users: {error}; name a state directory of the host's own user", path.display())]
    Private {
        /// The directory.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A lock file cannot be created or locked.
    #[error("{}: cannot be locked: {error}; name a state directory on a file system with locks", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

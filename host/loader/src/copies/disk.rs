//! Private directories, files and locks on the disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::CopyError;
use crate::private::{private_dirs, private_file};

/// The name of the lock file, in `generations/` and in each host's directory.
pub(super) const LOCK: &str = "lock";

/// The directory of all hosts' copies, created if need be, closed to other users.
pub(super) fn generations(state_dir: &Path) -> Result<PathBuf, CopyError> {
    let path = state_dir.join("generations");
    let create = |error| CopyError::Create {
        path: path.clone(),
        error,
    };
    private_dirs(true).create(&path).map_err(create)?;
    close_to_others(&path).map_err(|error| CopyError::Private {
        path: path.clone(),
        error,
    })?;
    real(&path).map_err(create)
}

/// Waits for the turn of this host to create and remove directories. The turn ends when the file is dropped.
pub(super) fn lock(generations: &Path) -> Result<File, CopyError> {
    let path = generations.join(LOCK);
    let lock = || {
        let file = open_lock(&path)?;
        file.lock()?;
        Ok(file)
    };
    lock().map_err(|error| CopyError::Lock {
        path: path.clone(),
        error,
    })
}

/// The directory of one living host: locked, and removed when this is dropped.
#[derive(Debug)]
pub(super) struct HostDir {
    path: PathBuf,
    lock: Option<File>,
}

impl HostDir {
    /// Creates and locks a directory that is no other host's. The caller holds the turn.
    pub(super) fn create(generations: &Path) -> Result<Self, CopyError> {
        let path = new_dir(generations)?;
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
            Err(error) => Err(CopyError::Lock { path: lock, error }),
        }
    }

    pub(super) fn path(&self) -> &Path {
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
                tracing::warn!(%path, %error, "the directory of private copies could not be removed; the next start will");
            }
            _ => {}
        }
    }
}

/// Creates a file that did not exist, for this user only.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    private_file().write(true).create_new(true).open(path)
}

fn open_lock(path: &Path) -> io::Result<File> {
    private_file()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Creates `<pid>-<time>`. The process id alone is not enough: two stores of one process have the same, and so may hosts in
/// two containers that share a state directory. Nor may a name be used again, which a closing host may be removing.
fn new_dir(generations: &Path) -> Result<PathBuf, CopyError> {
    let pid = std::process::id();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut number = now.unwrap_or_default().as_nanos();
    loop {
        let path = generations.join(format!("{pid}-{number}"));
        match private_dirs(false).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(CopyError::Create { path, error }),
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

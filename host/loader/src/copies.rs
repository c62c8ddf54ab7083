//! Private copies of plugin files, the only ones that are ever opened as libraries.
//!
//! A file that is mapped must not change: overwriting it kills the process, and the C library, which knows libraries by
//! name, hands out the old code for a path that it has seen. So each generation is opened from a copy of its own, under a
//! name that was never used before, and what an operator does to the files in a plugin directory touches no mapping.
//!
//! Each host keeps its copies in a directory of its own, `generations/<pid>-<time>/` in the state directory, and holds a lock
//! on a file in it. A lock ends with its process however that ends, so a directory whose lock is free belongs to no living
//! host, and the next host removes it. `generations/lock` is held while directories are created or removed: without it,
//! a directory that is not locked *yet* would look like a dead one.

#![forbid(unsafe_code)]

mod disk;
mod sweep;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io};

use disk::HostDir;

use crate::inspect::ContentHash;

/// The private copies of one host.
#[derive(Debug)]
pub struct CopyStore {
    dir: Arc<HostDir>,
    next: AtomicU64,
    swept: Vec<PathBuf>,
}

impl CopyStore {
    /// Creates this host's directory below `state_dir`, which is created too if need be, and removes the directories of
    /// hosts that no longer live. Hosts that share a state directory do not disturb each other, in one process neither.
    ///
    /// # Errors
    /// If the directory cannot be created, made private or locked. A leftover that cannot be removed is logged only.
    pub fn open(state_dir: &Path) -> Result<CopyStore, CopyError> {
        let generations = disk::generations(state_dir)?;
        let turn = disk::lock(&generations)?;
        let swept = sweep::sweep(&generations);
        let dir = HostDir::create(&generations)?;
        drop(turn);
        Ok(CopyStore {
            dir: Arc::new(dir),
            next: AtomicU64::new(1),
            swept,
        })
    }

    /// The directories of dead hosts that [`CopyStore::open`] removed.
    #[must_use]
    pub fn swept(&self) -> &[PathBuf] {
        &self.swept
    }

    /// This host's directory: absolute, and on Unix without links, as the kernel reports mappings of files in it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes `bytes`, whose hash is `hash`, to a new file that only this user may read.
    ///
    /// # Errors
    /// If the file cannot be written; nothing is left of it then.
    pub fn copy(&self, bytes: &[u8], hash: &ContentHash) -> Result<PrivateCopy, CopyError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let ending = std::env::consts::DLL_EXTENSION;
        let path = self
            .dir()
            .join(format!("{}-{number}.{ending}", hash.short()));
        let mut file = disk::create_new(&path).map_err(|error| CopyError::write(&path, error))?;
        let copy = PrivateCopy {
            path,
            _dir: Arc::clone(&self.dir),
        };
        match file.write_all(bytes) {
            Ok(()) => Ok(copy),
            Err(error) => Err(CopyError::write(&copy.path, error)),
        }
    }
}

/// A private copy, removed when this is dropped. Its store's directory lives at least as long.
#[derive(Debug)]
pub struct PrivateCopy {
    path: PathBuf,
    _dir: Arc<HostDir>,
}

impl PrivateCopy {
    /// The copy; see [`CopyStore::dir`].
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateCopy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "a private copy could not be removed; the next start will");
        }
    }
}

/// Private copies cannot be kept in the state directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
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
    /// A copy cannot be written.
    #[error("{}: the private copy cannot be written: {error}; look at the space and the rights there", path.display())]
    Write {
        /// The copy.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl CopyError {
    fn write(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        Self::Write { path, error }
    }
}

#[cfg(test)]
mod tests;

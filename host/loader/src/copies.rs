//! Private copies of plugin files, the only ones that are ever opened as libraries.
//!
//! A file that is mapped must not change: overwriting it kills the process, and the C library, which knows libraries by
//! name, hands out the old code for a path that it has seen. So each generation is opened from a copy of its own, under a
//! name that was never used before, and what an operator does to the files in a plugin directory touches no mapping.
//!
//! Each host keeps its copies in a directory of its own, `generations/<pid>-<time>/` in the state directory; see
//! [`host_dirs`].

#![forbid(unsafe_code)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io};

use crate::host_dirs::{self, HostDir, HostDirError};
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
        let generations = host_dirs::shared(state_dir, "generations")?;
        let turn = host_dirs::lock(&generations)?;
        let swept = host_dirs::sweep(&generations, |_| ());
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
        let mut file =
            host_dirs::create_new(&path).map_err(|error| CopyError::write(&path, error))?;
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
    /// There is no directory for them.
    #[error(transparent)]
    Dir(#[from] HostDirError),
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

//! The files of one host: its slots, and what is to be known of each generation that is open.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::activity::About;
use super::aftermath::{self, Aftermath};
use super::memory::{Memory, SLOTS};
use super::slot::SLOT_LEN;
use crate::host_dirs::{self, HostDir, HostDirError};

/// The name of the file with the slots.
pub(super) const SLOTS_FILE: &str = "slots";
/// So many bytes say what kind of file it is, of which build and machine; slots follow.
pub(super) const HEADER_LEN: usize = SLOT_LEN;
pub(super) const FILE_LEN: usize = HEADER_LEN + SLOTS * SLOT_LEN;

/// What the file begins with. The numbers are in the machine's own order of bytes.
pub(super) fn header() -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    let words = [u64::from_be_bytes(*b"agentsys"), 1, SLOTS as u64];
    for (bytes, word) in header.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    header
}

/// The name of a generation's file.
pub(super) fn generation_file(serial: u32) -> String {
    format!("{serial}.json")
}

/// The files of this host, removed when this is dropped.
#[derive(Debug)]
pub(super) struct Files {
    dir: HostDir,
}

impl Files {
    /// Creates them, after taking over those of dead hosts.
    pub(super) fn open(state_dir: &Path) -> Result<(Self, Memory, Aftermath), AttributionError> {
        let shared = host_dirs::shared(state_dir, "running")?;
        let turn = host_dirs::lock(&shared)?;
        let mut aftermath = Aftermath::default();
        host_dirs::sweep(&shared, |dir| aftermath::take_over(dir, &mut aftermath));
        let dir = HostDir::create(&shared)?;
        drop(turn);
        let files = Self { dir };
        let memory = files.create_slots()?;
        Ok((files, memory, aftermath))
    }

    fn create_slots(&self) -> Result<Memory, AttributionError> {
        let path = self.dir.path().join(SLOTS_FILE);
        let create = || {
            let mut file = host_dirs::create_new(&path)?;
            // Written and not just made long: a disk that is full must say so now.
            let mut bytes = vec![0; FILE_LEN];
            bytes[..HEADER_LEN].copy_from_slice(&header());
            file.write_all(&bytes)?;
            Memory::of_file(&file, HEADER_LEN)
        };
        create().map_err(|error| AttributionError::write(&path, error))
    }

    /// Writes what is to be known of a generation. What stood there is replaced as a whole.
    pub(super) fn write(&self, serial: u32, about: &About) -> Result<(), AttributionError> {
        let path = self.dir.path().join(generation_file(serial));
        let next = path.with_extension("next");
        let write = || {
            let bytes = serde_json::to_vec(about)?;
            host_dirs::create_new(&next)?.write_all(&bytes)?;
            fs::rename(&next, &path)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&next);
            AttributionError::write(&path, error)
        })
    }

    /// Removes a generation's file, which may never have come to be.
    pub(super) fn remove(&self, serial: u32) {
        self.remove_file(&generation_file(serial));
    }

    fn remove_file(&self, name: &str) {
        let path = self.dir.path().join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let path = path.display();
                tracing::warn!(%path, %error, "a file could not be removed; the next start will");
            }
            _ => {}
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.remove_file(SLOTS_FILE);
    }
}

/// It cannot be written down whose code runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttributionError {
    /// There is no directory for it.
    #[error(transparent)]
    Dir(#[from] HostDirError),
    /// A file cannot be written.
    #[error("{}: what names a plugin after a crash cannot be written: {error}; look at the space and the rights there", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl AttributionError {
    fn write(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        Self::Write { path, error }
    }
}

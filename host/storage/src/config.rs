//! What a built-in storage is opened with.

use std::path::PathBuf;
use std::time::Duration;

/// Which of the built-in stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StorageType {
    /// In the files of one directory: what is put survives the process.
    #[default]
    File,
    /// In memory: what is put is gone with the storage.
    Memory,
}

/// What a built-in storage is opened with. The defaults are those of the Python system.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageConfig {
    /// Which store. [`StorageType::File`] unless set.
    pub storage_type: StorageType,
    /// The directory of a file store, made if it is not there. `./storage` unless set.
    pub storage_path: PathBuf,
    /// How much a power loss may take from a file store: what was acknowledged within this time.
    /// Zero: nothing, each write then waits for the disk. The death of the process takes nothing in
    /// either case. 60 seconds unless set.
    pub flush_interval: Duration,
    /// How many entries a memory store holds, in all namespaces together; none is no limit. 1000
    /// unless set, as in the Python system: a host should not grow without end by default.
    pub max_size: Option<usize>,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            storage_type: StorageType::default(),
            storage_path: PathBuf::from("./storage"),
            flush_interval: Duration::from_secs(60),
            max_size: Some(1000),
        }
    }
}

impl StorageConfig {
    /// A store in the files of this directory.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::default().storage_path(path)
    }

    /// A store in memory.
    pub fn memory() -> Self {
        Self::default().storage_type(StorageType::Memory)
    }

    /// Sets [`storage_type`](Self::storage_type).
    #[must_use]
    pub fn storage_type(mut self, storage_type: StorageType) -> Self {
        self.storage_type = storage_type;
        self
    }

    /// Sets [`storage_path`](Self::storage_path).
    #[must_use]
    pub fn storage_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.storage_path = path.into();
        self
    }

    /// Sets [`flush_interval`](Self::flush_interval).
    #[must_use]
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = interval;
        self
    }

    /// Sets [`max_size`](Self::max_size).
    #[must_use]
    pub fn max_size(mut self, max_size: impl Into<Option<usize>>) -> Self {
        self.max_size = max_size.into();
        self
    }
}

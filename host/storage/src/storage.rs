//! The storage as its users hold it.

use std::fmt;
use std::sync::Arc;

use crate::connection::Connection;
use crate::file::File;
use crate::memory::Memory;
use crate::{Namespace, StorageBackend, StorageConfig, StorageError, StorageType};

/// One store, shared by everybody. A cheap handle: clones are the same storage.
///
/// It connects by itself at the first operation. A connect that fails is the answer to all
/// operations that wait for it, and is tried again at the next one. A file store whose last handle
/// is dropped without a [`disconnect`](Self::disconnect) closes in the background, a little later.
#[derive(Clone)]
pub struct Storage {
    connection: Arc<Connection>,
}

impl Storage {
    /// A storage on an embedder's own backend.
    pub fn new(backend: impl StorageBackend) -> Self {
        Self {
            connection: Arc::new(Connection::new(Box::new(backend))),
        }
    }

    /// A storage on one of the built-in backends. Nothing is read or made yet.
    pub fn open(config: StorageConfig) -> Self {
        match config.storage_type {
            StorageType::File => Self::new(File::new(config.storage_path, config.flush_interval)),
            StorageType::Memory => Self::new(Memory::new(config.max_size)),
        }
    }

    /// Connects now, also after a [`disconnect`](Self::disconnect). Does nothing to a storage that
    /// is connected.
    ///
    /// # Errors
    /// Where the backend cannot be reached or opened: for files, [`StorageError::InUse`],
    /// [`StorageError::Open`] and [`StorageError::Damaged`].
    pub async fn connect(&self) -> Result<(), StorageError> {
        self.connection.connect().await
    }

    /// Waits for the operations under way, brings everything to the disk, and lets go of all that
    /// the store had open. Operations fail with [`StorageError::NotConnected`] from then on. Does
    /// nothing to a storage that is disconnected.
    ///
    /// # Errors
    /// Where something could not be brought to the disk or closed. The storage is disconnected
    /// nevertheless.
    pub async fn disconnect(&self) -> Result<(), StorageError> {
        self.connection.disconnect().await
    }

    /// Brings what was acknowledged to the disk, if the store has one.
    ///
    /// # Errors
    /// Where it did not get there, and the errors of connecting.
    pub async fn flush(&self) -> Result<(), StorageError> {
        self.connection.ready().await?.flush().await
    }

    /// The part of the storage with this name: nobody sees the keys in it without naming it.
    ///
    /// # Errors
    /// [`StorageError::InvalidNamespace`], unless the name is 1 to 64 of a-z, 0-9, `_` and `-`, and
    /// begins with a letter or a digit.
    pub fn namespace(&self, name: &str) -> Result<Namespace, StorageError> {
        Namespace::new(self.connection.clone(), name)
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").finish_non_exhaustive()
    }
}

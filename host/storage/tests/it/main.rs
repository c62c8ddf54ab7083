//! What the storage promises, one module a promise, on real files.

#![allow(clippy::unwrap_used, reason = "tests")]

mod again;
mod connection;
mod files;
mod killed;
mod leftovers;
mod memory;
mod model;
mod suite;
mod writers;

use std::time::Duration;

use agentsys_storage::{Namespace, Storage, StorageConfig};
use tempfile::TempDir;

/// A file store in a directory of its own.
struct Store {
    directory: TempDir,
    storage: Storage,
    space: Namespace,
}

impl Store {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let storage = Storage::open(StorageConfig::file(directory.path()));
        let space = storage.namespace("test").unwrap();
        Self {
            directory,
            storage,
            space,
        }
    }

    /// Another storage on the same directory.
    fn another(&self) -> Storage {
        Storage::open(StorageConfig::file(self.directory.path()))
    }

    async fn get(&self, key: &str) -> Option<String> {
        let value = self.space.get(key).await.unwrap()?;
        Some(String::from_utf8(value.bytes.to_vec()).unwrap())
    }
}

fn synced(config: StorageConfig) -> StorageConfig {
    config.flush_interval(Duration::ZERO)
}

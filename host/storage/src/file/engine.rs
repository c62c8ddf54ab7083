//! The engine, and the one place that speaks to it.
//!
//! Reads look at a snapshot, so that no half of a batch is seen. Writers take turns by the pen: what
//! a delete finds is what it deletes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::directory::{self, VALUES};
use super::owner::Owner;
use super::{fault, record};
use crate::error::shown;
use crate::scan::PageFiller;
use crate::{Change, Page, Scan, StorageError, Value};

/// From this many unsorted tables on, the engine makes writers wait.
const CROWDED: usize = 20;

pub(super) struct Engine {
    values: Keyspace,
    database: Database,
    path: PathBuf,
    pen: Arc<Mutex<()>>,
    unsynced: AtomicBool,
    /// The last to go.
    _owner: Owner,
}

impl Engine {
    /// Opens the store in a directory, and makes one if none is there. What stands there and does
    /// not open is left as it is.
    pub(super) fn open(path: &Path) -> Result<Self, StorageError> {
        let cannot = |source| StorageError::Open {
            path: path.to_owned(),
            source: Arc::new(source),
        };
        fs::create_dir_all(path).map_err(cannot)?;
        let owner = Owner::acquire(path)?;
        let data = directory::prepare(path).map_err(|error| fault::opening(path, error))?;
        let damaged = |reason: String| StorageError::Damaged {
            path: path.to_owned(),
            reason,
        };
        if let Some(flaw) = directory::flaw(&data).map_err(cannot)? {
            return Err(damaged(flaw));
        }
        let database = Database::builder(&data)
            .open()
            .map_err(|error| fault::opening(path, error))?;
        if !database.keyspace_exists(VALUES) {
            return Err(damaged("its table of values is missing".to_owned()));
        }
        let values = database
            .keyspace(VALUES, KeyspaceCreateOptions::default)
            .map_err(|error| fault::opening(path, error))?;
        Ok(Self {
            values,
            database,
            path: path.to_owned(),
            pen: Arc::default(),
            unsynced: AtomicBool::new(false),
            _owner: owner,
        })
    }

    /// The right to write. Waited for in turn.
    pub(super) async fn pen(&self) -> OwnedMutexGuard<()> {
        self.pen.clone().lock_owned().await
    }

    /// Whether a small write will not be made to wait: the engine moves nothing to its tables, and
    /// is not behind with sorting them.
    pub(super) fn is_calm(&self) -> bool {
        self.values.sealed_memtable_count() == 0 && self.values.l0_table_count() < CROWDED
    }

    /// To be called after a write, with the pen. True where everything was synced before.
    pub(super) fn mark_unsynced(&self) -> bool {
        !self.unsynced.swap(true, Ordering::Relaxed)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Value>, StorageError> {
        let record = self
            .database
            .snapshot()
            .get(&self.values, key)
            .map_err(|error| fault::failed(&self.path, "read", error))?;
        record.map(|record| self.decode(key, record)).transpose()
    }

    pub(super) fn put(&self, key: &[u8], value: &Value) -> Result<(), StorageError> {
        self.values
            .insert(key, record::encode(value))
            .map_err(|error| self.cannot_write(error))
    }

    pub(super) fn delete(&self, key: &[u8]) -> Result<bool, StorageError> {
        let there = self
            .values
            .contains_key(key)
            .map_err(|error| fault::failed(&self.path, "read", error))?;
        if there {
            self.values
                .remove(key)
                .map_err(|error| self.cannot_write(error))?;
        }
        Ok(there)
    }

    pub(super) fn scan(&self, scan: &Scan) -> Result<Page, StorageError> {
        let Some(range) = scan.range() else {
            return Ok(Page::default());
        };
        let mut page = PageFiller::new(scan.limit);
        for entry in self.database.snapshot().range(&self.values, range) {
            if !page.has_room() {
                break;
            }
            let (key, record) = entry
                .into_inner()
                .map_err(|error| fault::failed(&self.path, "read", error))?;
            let value = self.decode(&key, record)?;
            page.push(Bytes::copy_from_slice(&key), value);
        }
        Ok(page.finish())
    }

    pub(super) fn batch(&self, changes: &[Change]) -> Result<(), StorageError> {
        let mut batch = self.database.batch();
        for change in changes {
            match change {
                Change::Put(key, value) => {
                    batch.insert(&self.values, &**key, record::encode(value));
                }
                Change::Delete(key) => batch.remove(&self.values, &**key),
            }
        }
        batch.commit().map_err(|error| self.cannot_write(error))
    }

    /// Brings all that was written to the disk. Calls `gather` when no writer is at work any more.
    pub(super) fn sync(&self, gather: &mut dyn FnMut()) -> Result<(), StorageError> {
        let _pen = self.pen.blocking_lock();
        gather();
        self.unsynced.store(false, Ordering::Relaxed);
        self.database
            .persist(PersistMode::SyncData)
            .map_err(|error| fault::failed(&self.path, "sync to the disk", error))
    }

    /// Brings to the disk what is not there yet.
    pub(super) fn close(&self) -> Result<(), StorageError> {
        if !self.unsynced.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.sync(&mut || {})
    }

    fn decode(&self, key: &[u8], record: fjall::Slice) -> Result<Value, StorageError> {
        record::decode(record).map_err(|reason| StorageError::DamagedValue {
            path: self.path.clone(),
            key: shown(key),
            reason,
        })
    }

    fn cannot_write(&self, error: fjall::Error) -> StorageError {
        fault::failed(&self.path, "write", error)
    }
}

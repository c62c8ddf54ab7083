//! The store in memory. A full one refuses: a store does not drop what it has acknowledged.
//!
//! Values are copied on their way in. What is kept must not keep alive what it came from: a larger
//! buffer, or whatever else its owner lends bytes from.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::error::shown;
use crate::scan::PageFiller;
use crate::{Change, Page, Scan, StorageBackend, StorageError, Value};

type Entries = BTreeMap<Bytes, Value>;

pub(crate) struct Memory {
    /// No operation holds it for longer than a page of a scan takes.
    entries: Mutex<Entries>,
    max_size: Option<usize>,
}

impl Memory {
    pub(crate) fn new(max_size: Option<usize>) -> Self {
        Self {
            entries: Mutex::default(),
            max_size,
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Nothing that is done with the entries can panic half way.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A value of its own memory.
    fn owned(value: &Value) -> Value {
        Value {
            bytes: Bytes::copy_from_slice(&value.bytes),
            content_type: value.content_type.clone(),
        }
    }

    /// Refuses a new key where there are as many `entries` as there may be.
    fn check_room(&self, entries: usize, key: &[u8]) -> Result<(), StorageError> {
        match self.max_size {
            Some(max_size) if entries >= max_size => Err(StorageError::Full {
                key: shown(key),
                max_size,
            }),
            _ => Ok(()),
        }
    }
}

impl StorageBackend for Memory {
    async fn connect(&self) -> Result<(), StorageError> {
        Ok(())
    }

    async fn disconnect(&self) -> Result<(), StorageError> {
        Ok(())
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Value>, StorageError> {
        Ok(self.entries().get(key).cloned())
    }

    async fn put(&self, key: Bytes, value: Value) -> Result<(), StorageError> {
        let value = Self::owned(&value);
        let mut entries = self.entries();
        if !entries.contains_key(&key) {
            self.check_room(entries.len(), &key)?;
        }
        entries.insert(key, value);
        Ok(())
    }

    async fn delete(&self, key: &[u8]) -> Result<bool, StorageError> {
        Ok(self.entries().remove(key).is_some())
    }

    async fn scan(&self, scan: Scan) -> Result<Page, StorageError> {
        let Some(range) = scan.range() else {
            return Ok(Page::default());
        };
        let mut page = PageFiller::new(scan.limit);
        for (key, value) in self.entries().range(range) {
            if !page.has_room() {
                break;
            }
            page.push(key.clone(), value.clone());
        }
        Ok(page.finish())
    }

    async fn batch(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        let mut entries = self.entries();
        let gone = |change: &&Change| match change {
            Change::Put(..) => false,
            Change::Delete(key) => entries.contains_key(key),
        };
        let mut size = entries.len() - changes.iter().filter(gone).count();
        for change in &changes {
            if let Change::Put(key, _) = change
                && !entries.contains_key(key)
            {
                self.check_room(size, key)?;
                size += 1;
            }
        }
        for change in changes {
            match change {
                Change::Put(key, value) => entries.insert(key, Self::owned(&value)),
                Change::Delete(key) => entries.remove(&key),
            };
        }
        Ok(())
    }

    async fn flush(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

//! A storage as an embedder might bring it: a map, and a note of its connecting and disconnecting.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use agentsys_host::storage::{Change, Page, Scan, StorageBackend, StorageError, Value};
use bytes::Bytes;

#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    values: BTreeMap<Bytes, Value>,
    steps: Vec<&'static str>,
}

impl Shelf {
    /// All values, by their keys.
    pub(crate) fn values(&self) -> Vec<Bytes> {
        let values = self.lock().values.clone().into_values();
        values.map(|value| value.bytes).collect()
    }

    /// When it was connected and disconnected.
    pub(crate) fn steps(&self) -> Vec<&'static str> {
        self.lock().steps.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }
}

impl StorageBackend for Shelf {
    async fn connect(&self) -> Result<(), StorageError> {
        self.lock().steps.push("connected");
        Ok(())
    }

    async fn disconnect(&self) -> Result<(), StorageError> {
        self.lock().steps.push("disconnected");
        Ok(())
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Value>, StorageError> {
        Ok(self.lock().values.get(key).cloned())
    }

    async fn put(&self, key: Bytes, value: Value) -> Result<(), StorageError> {
        self.lock().values.insert(key, value);
        Ok(())
    }

    async fn delete(&self, key: &[u8]) -> Result<bool, StorageError> {
        Ok(self.lock().values.remove(key).is_some())
    }

    async fn scan(&self, scan: Scan) -> Result<Page, StorageError> {
        let kept = self.lock();
        let found = kept.values.iter().filter(|(key, _)| {
            key.starts_with(&scan.prefix) && (scan.after.is_empty() || **key > scan.after)
        });
        let mut entries: Vec<(Bytes, Value)> = found
            .take(scan.limit.saturating_add(1))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let more = entries.len() > scan.limit;
        entries.truncate(scan.limit);
        let mut page = Page::default();
        (page.entries, page.more) = (entries, more);
        Ok(page)
    }

    async fn batch(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        let mut kept = self.lock();
        for change in changes {
            match change {
                Change::Put(key, value) => drop(kept.values.insert(key, value)),
                Change::Delete(key) => drop(kept.values.remove(&key)),
            }
        }
        Ok(())
    }

    async fn flush(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

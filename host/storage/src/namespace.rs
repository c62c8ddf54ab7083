//! A part of the storage that its user cannot leave: each key that goes in gets the name and a zero
//! byte in front, each that comes out loses them. No name has a zero byte in it, so no namespace
//! reaches into another.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::connection::Connection;
use crate::limits::{check_key, check_namespace, check_value};
use crate::{Change, Page, Scan, StorageError, Value};

/// A part of a [`Storage`](crate::Storage), with keys of its own. A cheap handle.
///
/// Each operation can fail as the store does, and with [`StorageError::NotConnected`] after a
/// disconnect; the first one can fail as [`connect`](crate::Storage::connect) does.
#[derive(Clone)]
pub struct Namespace {
    connection: Arc<Connection>,
    /// The name and a zero byte.
    front: Bytes,
}

impl Namespace {
    /// The name of the embedder's own namespace.
    pub const HOST: &'static str = "host";

    pub(crate) fn new(connection: Arc<Connection>, name: &str) -> Result<Self, StorageError> {
        check_namespace(name)?;
        let mut front = Vec::with_capacity(name.len() + 1);
        front.extend_from_slice(name.as_bytes());
        front.push(0);
        Ok(Self {
            connection,
            front: front.into(),
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        str::from_utf8(&self.front[..self.front.len() - 1]).expect("it was made from a str")
    }

    /// The value of a key; none where there is none.
    ///
    /// # Errors
    /// Where the key is empty or too long, and the store's own.
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Value>, StorageError> {
        let key = self.checked(key.as_ref())?;
        self.connection.ready().await?.get(&key).await
    }

    /// Puts a value in the place of whatever the key had. Acknowledged, it survives the death of
    /// the process if the store is one of files.
    ///
    /// # Errors
    /// Where the key is empty or too long, the value or its content type too large, or the store
    /// [`Full`](StorageError::Full); the key then has what it had before. And the store's own: where
    /// its disk failed, the key may have the old value or the new one.
    pub async fn put(
        &self,
        key: impl AsRef<[u8]>,
        value: impl Into<Value>,
    ) -> Result<(), StorageError> {
        let value = value.into();
        check_value(key.as_ref(), &value)?;
        let key = self.checked(key.as_ref())?;
        self.connection.ready().await?.put(key, value).await
    }

    /// Takes a key away. True where it was there.
    ///
    /// # Errors
    /// Where the key is empty or too long, and the store's own.
    pub async fn delete(&self, key: impl AsRef<[u8]>) -> Result<bool, StorageError> {
        let key = self.checked(key.as_ref())?;
        self.connection.ready().await?.delete(&key).await
    }

    /// A page of this namespace's entries, in the order of their keys' bytes, as of one moment. It
    /// may be shorter than asked for where values are large, and says then that there is more.
    ///
    /// # Errors
    /// The store's own.
    pub async fn scan(&self, scan: Scan) -> Result<Page, StorageError> {
        let scan = Scan {
            prefix: self.inside(&scan.prefix),
            after: if scan.after.is_empty() {
                scan.after
            } else {
                self.inside(&scan.after)
            },
            limit: scan.limit,
        };
        let mut page = self.connection.ready().await?.scan(scan).await?;
        for (key, _) in &mut page.entries {
            *key = key.slice(self.front.len()..);
        }
        Ok(page)
    }

    /// Makes all changes or none, in one step for every reader. Of several changes of one key, the
    /// last counts.
    ///
    /// # Errors
    /// As [`put`](Self::put): nothing has changed where it was refused, and nothing or all where the
    /// disk failed.
    pub async fn batch(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        let mut last = BTreeMap::new();
        for change in changes {
            let key = self.checked(change.key())?;
            if let Change::Put(key, value) = &change {
                check_value(key, value)?;
            }
            last.insert(key, change);
        }
        let changes = last.into_iter().map(|(key, change)| match change {
            Change::Put(_, value) => Change::Put(key, value),
            Change::Delete(_) => Change::Delete(key),
        });
        let changes = changes.collect();
        self.connection.ready().await?.batch(changes).await
    }

    fn checked(&self, key: &[u8]) -> Result<Bytes, StorageError> {
        check_key(key)?;
        Ok(self.inside(key))
    }

    fn inside(&self, key: &[u8]) -> Bytes {
        let mut inside = Vec::with_capacity(self.front.len() + key.len());
        inside.extend_from_slice(&self.front);
        inside.extend_from_slice(key);
        inside.into()
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Namespace").field(&self.name()).finish()
    }
}

//! The object-safe twin of [`StorageBackend`], so that a storage can hold any of them.

use std::pin::Pin;

use bytes::Bytes;

use crate::{Change, Page, Scan, StorageBackend, StorageError, Value};

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send + 'a>>;

pub(crate) trait ErasedBackend: Send + Sync {
    fn connect(&self) -> Answer<'_, ()>;
    fn disconnect(&self) -> Answer<'_, ()>;
    fn get<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Value>>;
    fn put(&self, key: Bytes, value: Value) -> Answer<'_, ()>;
    fn delete<'a>(&'a self, key: &'a [u8]) -> Answer<'a, bool>;
    fn scan(&self, scan: Scan) -> Answer<'_, Page>;
    fn batch(&self, changes: Vec<Change>) -> Answer<'_, ()>;
    fn flush(&self) -> Answer<'_, ()>;
}

impl<B: StorageBackend> ErasedBackend for B {
    fn connect(&self) -> Answer<'_, ()> {
        Box::pin(StorageBackend::connect(self))
    }

    fn disconnect(&self) -> Answer<'_, ()> {
        Box::pin(StorageBackend::disconnect(self))
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Value>> {
        Box::pin(StorageBackend::get(self, key))
    }

    fn put(&self, key: Bytes, value: Value) -> Answer<'_, ()> {
        Box::pin(StorageBackend::put(self, key, value))
    }

    fn delete<'a>(&'a self, key: &'a [u8]) -> Answer<'a, bool> {
        Box::pin(StorageBackend::delete(self, key))
    }

    fn scan(&self, scan: Scan) -> Answer<'_, Page> {
        Box::pin(StorageBackend::scan(self, scan))
    }

    fn batch(&self, changes: Vec<Change>) -> Answer<'_, ()> {
        Box::pin(StorageBackend::batch(self, changes))
    }

    fn flush(&self) -> Answer<'_, ()> {
        Box::pin(StorageBackend::flush(self))
    }
}

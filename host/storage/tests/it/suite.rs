//! The conformance suite, on both built-in stores, on either kind of runtime, and on a store that
//! is wrong.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;

use agentsys_storage::{
    Change, Page, Scan, Storage, StorageBackend, StorageConfig, StorageError, Value, conformance,
};
use bytes::Bytes;
use tempfile::TempDir;

use crate::synced;

#[tokio::test]
async fn memory_passes_the_suite() {
    conformance::run(async || Storage::open(StorageConfig::memory().max_size(2000))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_passes_the_suite_on_several_threads() {
    conformance::run(async || Storage::open(StorageConfig::memory().max_size(None))).await;
}

#[tokio::test]
async fn files_pass_the_suite() {
    run_on_files(|config| config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_synced_pass_the_suite_on_several_threads() {
    run_on_files(synced).await;
}

async fn run_on_files(configure: impl Fn(StorageConfig) -> StorageConfig) {
    let directories: RefCell<Vec<TempDir>> = RefCell::default();
    conformance::run(async || {
        let directory = tempfile::tempdir().unwrap();
        let storage = Storage::open(configure(StorageConfig::file(directory.path())));
        directories.borrow_mut().push(directory);
        storage
    })
    .await;
}

/// Forgets everything.
struct Sieve;

impl StorageBackend for Sieve {
    async fn connect(&self) -> Result<(), StorageError> {
        Ok(())
    }
    async fn disconnect(&self) -> Result<(), StorageError> {
        Ok(())
    }
    async fn get(&self, _: &[u8]) -> Result<Option<Value>, StorageError> {
        Ok(None)
    }
    async fn put(&self, _: Bytes, _: Value) -> Result<(), StorageError> {
        Ok(())
    }
    async fn delete(&self, _: &[u8]) -> Result<bool, StorageError> {
        Ok(false)
    }
    async fn scan(&self, _: Scan) -> Result<Page, StorageError> {
        Ok(Page::default())
    }
    async fn batch(&self, _: Vec<Change>) -> Result<(), StorageError> {
        Ok(())
    }
    async fn flush(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

#[test]
fn a_store_that_forgets_fails_the_suite_with_a_sentence() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let run = AssertUnwindSafe(|| {
        runtime.block_on(conformance::run(async || Storage::new(Sieve)));
    });
    let panic = std::panic::catch_unwind(run).expect_err("it forgets");
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(
        message.starts_with("what was put must be there, with its content type"),
        "{message}"
    );
}

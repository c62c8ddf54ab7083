//! What every store does, as one suite: those built in pass it, and an embedder's own should.
//!
//! ```
//! use agentsys_storage::{Storage, StorageConfig, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! conformance::run(async || Storage::open(StorageConfig::memory().max_size(None))).await;
//! # }
//! ```

mod atomic;
mod batches;
mod lifecycle;
mod limits;
mod namespaces;
mod operations;
mod scans;

use std::fmt::Debug;

use crate::{Namespace, Scan, Storage, StorageError};

/// Runs the whole suite. `make` gives a storage that is empty and used by nobody else, each time it
/// is called; it has room for 2,000 entries and for a value of the largest size. To be run within a
/// tokio runtime.
///
/// # Panics
/// Where the store does not do what every store does; the message says what that is.
pub async fn run(make: impl AsyncFn() -> Storage) {
    operations::check(&make().await).await;
    scans::check(&make().await).await;
    namespaces::check(&make().await).await;
    batches::check(&make().await).await;
    limits::check(&make().await).await;
    atomic::check(&make().await).await;
    lifecycle::check(&make().await, &make().await).await;
}

/// What an operation gave that has no reason to fail.
#[track_caller]
fn must<T>(result: Result<T, StorageError>, what: &str) -> T {
    result.unwrap_or_else(|error| panic!("{what} must not fail, and did: {error}"))
}

/// Panics with the sentence where the two differ.
#[track_caller]
fn same<T: PartialEq + Debug>(found: T, expected: T, sentence: &str) {
    assert!(
        found == expected,
        "{sentence}\n  expected: {expected:?}\n  found:    {found:?}"
    );
}

fn namespace(storage: &Storage, name: &str) -> Namespace {
    must(storage.namespace(name), "naming a namespace")
}

/// The bytes under a key.
async fn bytes(namespace: &Namespace, key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    let value = must(namespace.get(key).await, "a get");
    value.map(|value| value.bytes.to_vec())
}

/// All keys that a scan finds, page by page.
async fn keys(namespace: &Namespace, mut scan: Scan) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    loop {
        let page = must(namespace.scan(scan.clone()).await, "a scan");
        let Some((last, _)) = page.entries.last() else {
            assert!(!page.more, "an empty page must not say that there is more");
            return keys;
        };
        assert!(
            page.entries.len() <= scan.limit,
            "a page must not be longer than its limit"
        );
        scan.after = last.clone();
        keys.extend(page.entries.iter().map(|(key, _)| key.to_vec()));
        if !page.more {
            return keys;
        }
    }
}

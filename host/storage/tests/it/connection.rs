//! When a backend is connected and when not, shown by one that counts and can be held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use agentsys_storage::{
    Change, Namespace, Page, Scan, Storage, StorageBackend, StorageError, Value,
};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

#[derive(Default)]
struct Counts {
    connects: AtomicUsize,
    disconnects: AtomicUsize,
    flushes: AtomicUsize,
    connects_fail: AtomicBool,
    begun: Semaphores,
}

/// Tells what has begun, and lets it go on.
struct Semaphores {
    connecting: Semaphore,
    may_connect: Semaphore,
    getting: Semaphore,
    may_get: Semaphore,
}

impl Default for Semaphores {
    fn default() -> Self {
        Self {
            connecting: Semaphore::new(0),
            may_connect: Semaphore::new(0),
            getting: Semaphore::new(0),
            may_get: Semaphore::new(0),
        }
    }
}

struct Counting(Arc<Counts>);

impl StorageBackend for Counting {
    async fn connect(&self) -> Result<(), StorageError> {
        let count = self.0.connects.fetch_add(1, Ordering::SeqCst);
        self.0.begun.connecting.add_permits(1);
        self.0.begun.may_connect.acquire().await.unwrap().forget();
        if self.0.connects_fail.load(Ordering::SeqCst) {
            return Err(StorageError::backend(format!("refusal {count}")));
        }
        Ok(())
    }
    async fn disconnect(&self) -> Result<(), StorageError> {
        self.0.disconnects.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    async fn get(&self, _: &[u8]) -> Result<Option<Value>, StorageError> {
        self.0.begun.getting.add_permits(1);
        self.0.begun.may_get.acquire().await.unwrap().forget();
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
        self.0.flushes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn counting() -> (Storage, Namespace, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let storage = Storage::new(Counting(counts.clone()));
    let space = storage.namespace("test").unwrap();
    (storage, space, counts)
}

/// A hundred puts, all of which wait for the same connect.
async fn hundred_puts(space: &Namespace, counts: &Counts) -> JoinSet<Result<(), StorageError>> {
    let mut puts = JoinSet::new();
    for n in 0..100 {
        let space = space.clone();
        puts.spawn(async move { space.put(format!("key{n}"), "x").await });
    }
    counts.begun.connecting.acquire().await.unwrap().forget();
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    puts
}

#[tokio::test]
async fn a_hundred_operations_at_once_connect_once() {
    let (_storage, space, counts) = counting();
    let puts = hundred_puts(&space, &counts).await;
    counts.begun.may_connect.add_permits(100);
    for result in puts.join_all().await {
        result.unwrap();
    }
    assert_eq!(counts.connects.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_failed_connect_is_the_answer_to_all_who_wait_and_is_tried_again_by_the_next() {
    let (_storage, space, counts) = counting();
    counts.connects_fail.store(true, Ordering::SeqCst);
    let puts = hundred_puts(&space, &counts).await;
    counts.begun.may_connect.add_permits(100);
    for result in puts.join_all().await {
        let error = result.expect_err("the connect failed").to_string();
        assert!(error.ends_with("refusal 0"), "{error}");
    }
    assert_eq!(counts.connects.load(Ordering::SeqCst), 1);

    let error = space.put("key", "x").await.expect_err("it fails again");
    assert!(error.to_string().ends_with("refusal 1"), "{error}");
    counts.connects_fail.store(false, Ordering::SeqCst);
    space.put("key", "x").await.unwrap();
    assert_eq!(counts.connects.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_connect_whose_caller_is_gone_is_taken_over_by_who_waits() {
    let (_storage, space, counts) = counting();
    let mut puts = JoinSet::new();
    let first = {
        let space = space.clone();
        tokio::spawn(async move { space.put("first", "x").await })
    };
    counts.begun.connecting.acquire().await.unwrap().forget();
    puts.spawn(async move { space.put("second", "x").await });
    tokio::task::yield_now().await;
    first.abort();
    counts.begun.may_connect.add_permits(1);
    for result in puts.join_all().await {
        result.unwrap();
    }
    assert_eq!(counts.connects.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_disconnect_waits_for_operations_under_way_and_flushes() {
    let (storage, space, counts) = counting();
    counts.begun.may_connect.add_permits(1);
    let get = tokio::spawn(async move { space.get("key").await });
    counts.begun.getting.acquire().await.unwrap().forget();

    let disconnect = {
        let storage = storage.clone();
        tokio::spawn(async move { storage.disconnect().await })
    };
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!disconnect.is_finished());
    assert_eq!(counts.disconnects.load(Ordering::SeqCst), 0);

    counts.begun.may_get.add_permits(1);
    get.await.unwrap().unwrap();
    disconnect.await.unwrap().unwrap();
    assert_eq!(counts.flushes.load(Ordering::SeqCst), 1);
    assert_eq!(counts.disconnects.load(Ordering::SeqCst), 1);

    storage.disconnect().await.unwrap();
    assert_eq!(counts.disconnects.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn connecting_again_is_for_connect_alone() {
    let (storage, space, counts) = counting();
    counts.begun.may_connect.add_permits(2);
    storage.connect().await.unwrap();
    storage.connect().await.unwrap();
    assert_eq!(counts.connects.load(Ordering::SeqCst), 1);

    storage.disconnect().await.unwrap();
    let error = space.put("key", "x").await.expect_err("it is disconnected");
    assert!(matches!(error, StorageError::NotConnected));
    assert_eq!(counts.connects.load(Ordering::SeqCst), 1);

    storage.connect().await.unwrap();
    space.put("key", "x").await.unwrap();
    assert_eq!(counts.connects.load(Ordering::SeqCst), 2);
}

//! The memory store's own: its size.

use agentsys_storage::{Change, Storage, StorageConfig, StorageError};

#[tokio::test]
async fn a_full_store_refuses_new_keys_and_keeps_what_it_has() {
    let storage = Storage::open(StorageConfig::memory().max_size(2));
    let (one, other) = (
        storage.namespace("one").unwrap(),
        storage.namespace("other").unwrap(),
    );
    one.put("a", "1").await.unwrap();
    other.put("a", "1").await.unwrap();

    let error = one.put("b", "1").await.expect_err("it is full");
    assert!(matches!(error, StorageError::Full { max_size: 2, .. }));
    assert_eq!(
        error.to_string(),
        "no room for \"one/b\": the storage holds its 2 entries; delete some, or raise max_size"
    );
    other.put("a", "2").await.unwrap();
    assert_eq!(one.get("a").await.unwrap().unwrap().bytes, "1");

    assert!(one.delete("a").await.unwrap());
    other.put("b", "1").await.unwrap();
}

#[tokio::test]
async fn a_batch_without_room_changes_nothing() {
    let storage = Storage::open(StorageConfig::memory().max_size(2));
    let space = storage.namespace("test").unwrap();
    space.put("a", "1").await.unwrap();

    let three = vec![
        Change::put("a", "2"),
        Change::put("b", "2"),
        Change::put("c", "2"),
    ];
    let error = space.batch(three).await.expect_err("three do not fit");
    assert!(matches!(error, StorageError::Full { .. }));
    assert_eq!(space.get("a").await.unwrap().unwrap().bytes, "1");
    assert!(space.get("b").await.unwrap().is_none());

    let two = vec![
        Change::delete("a"),
        Change::put("b", "2"),
        Change::put("c", "2"),
    ];
    space.batch(two).await.unwrap();
    assert!(space.get("a").await.unwrap().is_none());
}

#[tokio::test]
async fn a_thousand_entries_is_the_default() {
    let space = Storage::open(StorageConfig::memory())
        .namespace("test")
        .unwrap();
    for n in 0..1000 {
        space.put(format!("{n}"), "x").await.unwrap();
    }
    assert!(space.put("one more", "x").await.is_err());
}

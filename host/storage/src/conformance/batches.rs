//! Batches: all changes or none.

use super::{bytes, keys, must, namespace, same};
use crate::{Change, MAX_KEY_BYTES, Scan, Storage, StorageError, Value};

pub(super) async fn check(storage: &Storage) {
    let space = namespace(storage, "batches");
    must(space.batch(Vec::new()).await, "a batch of no changes");
    must(space.put("old", "old").await, "a put");
    must(space.put("gone", "gone").await, "a put");

    let value = Value::new("new", "application/json");
    let changes = vec![
        Change::put("new", value.clone()),
        Change::put("old", "replaced"),
        Change::delete("gone"),
        Change::delete("never there"),
    ];
    must(space.batch(changes).await, "a batch");
    same(
        must(space.get("new").await, "a get"),
        Some(value),
        "a batch must put values with their content types",
    );
    same(
        bytes(&space, "old").await,
        Some(b"replaced".to_vec()),
        "a batch must replace values",
    );
    same(
        keys(&space, Scan::default()).await,
        vec![b"new".to_vec(), b"old".to_vec()],
        "a batch must delete keys, and one that is not there is no fault",
    );

    let changes = vec![
        Change::put("twice", "first"),
        Change::delete("twice"),
        Change::put("twice", "last"),
        Change::put("new", "x"),
        Change::delete("new"),
    ];
    must(
        space.batch(changes).await,
        "a batch that changes a key twice",
    );
    same(
        bytes(&space, "twice").await,
        Some(b"last".to_vec()),
        "of several changes of one key in a batch, the last must count",
    );
    same(
        bytes(&space, "new").await,
        None,
        "a delete behind a put in one batch must win",
    );

    let changes = vec![
        Change::put("half", "x"),
        Change::delete("old"),
        Change::put(vec![b'k'; MAX_KEY_BYTES + 1], "x"),
    ];
    let refused = space.batch(changes).await;
    assert!(
        matches!(refused, Err(StorageError::KeyTooLong { .. })),
        "a batch with a key that is too long must be refused"
    );
    same(
        keys(&space, Scan::default()).await,
        vec![b"old".to_vec(), b"twice".to_vec()],
        "a refused batch must change nothing",
    );

    let many: Vec<Change> = (0..1000)
        .map(|n| Change::put(format!("many{n:04}"), "x"))
        .collect();
    must(space.batch(many).await, "a batch of 1,000 changes");
    same(
        keys(&space, Scan::prefix("many")).await.len(),
        1000,
        "a large batch must be made as a whole",
    );
}

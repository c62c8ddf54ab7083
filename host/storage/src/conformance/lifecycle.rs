//! Connecting and disconnecting.

use super::{bytes, must, namespace, same};
use crate::{Storage, StorageError};

pub(super) async fn check(used: &Storage, unused: &Storage) {
    let space = namespace(used, "lifecycle");
    must(
        space.put("key", "kept").await,
        "the first operation, which connects,",
    );
    must(used.connect().await, "connecting a connected storage");
    must(used.flush().await, "a flush");

    must(used.disconnect().await, "a disconnect");
    must(used.disconnect().await, "a second disconnect");
    for result in [
        space.get("key").await.map(drop),
        space.put("key", "x").await,
        used.flush().await,
    ] {
        assert!(
            matches!(result, Err(StorageError::NotConnected)),
            "an operation on a disconnected storage must be refused"
        );
    }
    must(used.connect().await, "connecting again");
    same(
        bytes(&space, "key").await,
        Some(b"kept".to_vec()),
        "what was put must be there after a disconnect and a connect",
    );

    must(
        unused.disconnect().await,
        "disconnecting a storage that never connected",
    );
    assert!(
        matches!(
            namespace(unused, "lifecycle").get("key").await,
            Err(StorageError::NotConnected)
        ),
        "a storage that was disconnected before its first use must stay so"
    );
}

//! The limits, and what is just within them.

use super::{bytes, keys, must, namespace, same};
use crate::{
    Change, MAX_CONTENT_TYPE_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES, Scan, Storage, StorageError,
    Value,
};

pub(super) async fn check(storage: &Storage) {
    let space = namespace(storage, "limits");
    let long = vec![b'k'; MAX_KEY_BYTES + 1];
    for result in [
        space.get("").await.map(drop),
        space.put("", "x").await,
        space.delete("").await.map(drop),
        space.batch(vec![Change::put("", "x")]).await,
    ] {
        assert!(
            matches!(result, Err(StorageError::EmptyKey)),
            "an empty key must be refused by every operation"
        );
    }
    for result in [
        space.get(&long).await.map(drop),
        space.put(&long, "x").await,
        space.delete(&long).await.map(drop),
        space.batch(vec![Change::delete(&long)]).await,
    ] {
        assert!(
            matches!(
                result,
                Err(StorageError::KeyTooLong { size, limit, .. })
                    if size == MAX_KEY_BYTES + 1 && limit == MAX_KEY_BYTES
            ),
            "a key that is too long must be refused by every operation, with its size and the limit"
        );
    }

    let large = Value::from(vec![0; MAX_VALUE_BYTES + 1]);
    for result in [
        space.put("large", large.clone()).await,
        space.batch(vec![Change::put("large", large)]).await,
    ] {
        assert!(
            matches!(
                result,
                Err(StorageError::ValueTooLarge { size, limit, .. })
                    if size == MAX_VALUE_BYTES + 1 && limit == MAX_VALUE_BYTES
            ),
            "a value that is too large must be refused, with its size and the limit"
        );
    }
    let typed = Value::new("x", "t".repeat(MAX_CONTENT_TYPE_BYTES + 1));
    assert!(
        matches!(
            space.put("typed", typed).await,
            Err(StorageError::ContentTypeTooLong { .. })
        ),
        "a content type that is too long must be refused"
    );
    same(
        keys(&space, Scan::default()).await,
        Vec::new(),
        "what was refused must not be there",
    );

    let typed = Value::new("x", "t".repeat(MAX_CONTENT_TYPE_BYTES));
    must(
        space.put("typed", typed.clone()).await,
        "a put with the longest content type",
    );
    same(
        must(space.get("typed").await, "a get"),
        Some(typed),
        "the longest content type must be kept",
    );
    let mut largest = vec![0; MAX_VALUE_BYTES];
    largest[MAX_VALUE_BYTES - 1] = 1;
    must(
        space.put("largest", largest.clone()).await,
        "a put of the largest value",
    );
    assert!(
        bytes(&space, "largest").await == Some(largest),
        "the largest value must be kept, bit for bit"
    );
    same(
        keys(&space, Scan::default().limit(1)).await,
        vec![b"largest".to_vec(), b"typed".to_vec()],
        "a scan must pass over the largest value",
    );
}

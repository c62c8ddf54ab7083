//! Namespaces do not see each other, whatever their names and keys.

use super::{bytes, keys, must, namespace, same};
use crate::{Change, Namespace, Scan, Storage, StorageError};

const NAMES: [&str; 5] = ["a", "a-", "a0", "aa", Namespace::HOST];

pub(super) async fn check(storage: &Storage) {
    let spaces: Vec<Namespace> = NAMES.iter().map(|name| namespace(storage, name)).collect();
    for space in &spaces {
        for key in ["", "\0", "a\0", "-\0"] {
            let key = format!("{key}key");
            must(space.put(key, space.name()).await, "a put");
        }
    }
    for space in &spaces {
        same(
            bytes(space, "key").await,
            Some(space.name().as_bytes().to_vec()),
            "the same key in two namespaces must be two keys",
        );
        same(
            keys(space, Scan::default().limit(1)).await,
            vec![
                b"\0key".to_vec(),
                b"-\0key".to_vec(),
                b"a\0key".to_vec(),
                b"key".to_vec(),
            ],
            "a scan must not leave its namespace, and gives keys without its name",
        );
    }

    must(spaces[0].delete("key").await, "a delete");
    must(
        spaces[0].batch(vec![Change::delete("\0key")]).await,
        "a batch",
    );
    same(
        keys(&spaces[0], Scan::default()).await.len(),
        2,
        "what was deleted must be gone",
    );
    for space in &spaces[1..] {
        same(
            keys(space, Scan::default()).await.len(),
            4,
            "a delete in one namespace must not touch another",
        );
    }

    let again = namespace(storage, "aa");
    same(
        bytes(&again, "key").await,
        Some(b"aa".to_vec()),
        "two handles of one namespace must see the same",
    );
    for name in [
        "",
        "A",
        "a b",
        "a\0",
        "-a",
        "_a",
        "a/b",
        "ä",
        &"a".repeat(65),
    ] {
        assert!(
            matches!(
                storage.namespace(name),
                Err(StorageError::InvalidNamespace { .. })
            ),
            "{name:?} must be refused as a namespace's name"
        );
    }
    let longest = "z".repeat(64);
    must(
        namespace(storage, &longest).put("key", "z").await,
        "a put under the longest name",
    );
}

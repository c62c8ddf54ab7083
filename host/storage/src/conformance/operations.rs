//! Getting, putting and deleting.

use super::{bytes, must, namespace, same};
use crate::{MAX_KEY_BYTES, Storage, Value};

pub(super) async fn check(storage: &Storage) {
    let space = namespace(storage, "operations");
    same(
        must(space.get("absent").await, "a get"),
        None,
        "a key that was never put must have no value",
    );
    same(
        must(space.delete("absent").await, "a delete"),
        false,
        "deleting a key that is not there must say so",
    );

    let first = Value::new("one", "application/json");
    must(space.put("key", first.clone()).await, "a put");
    same(
        must(space.get("key").await, "a get"),
        Some(first),
        "what was put must be there, with its content type",
    );
    let second = Value::new("another", "x-made-up/type; with=parameters");
    must(space.put("key", second.clone()).await, "a put");
    same(
        must(space.get("key").await, "a get"),
        Some(second),
        "a second put must replace the value and its content type",
    );
    same(
        must(space.delete("key").await, "a delete"),
        true,
        "deleting a key that is there must say so",
    );
    same(
        bytes(&space, "key").await,
        None,
        "a deleted key must have no value",
    );
    same(
        must(space.delete("key").await, "a delete"),
        false,
        "deleting a key twice must say that it was gone",
    );
    must(space.put("key", "again").await, "a put");
    same(
        bytes(&space, "key").await,
        Some(b"again".to_vec()),
        "a deleted key must be free to be put again",
    );

    must(space.put("empty", Value::new("", "")).await, "a put");
    same(
        must(space.get("empty").await, "a get"),
        Some(Value::new("", "")),
        "a value without bytes and without a content type must be kept as a value",
    );

    let odd_keys: [&[u8]; 6] = [
        b"\0",
        b"\0\0",
        b"\xff",
        b"\xff\xff\xff",
        b"a\0b",
        b"line\nbreak",
    ];
    for key in odd_keys {
        must(space.put(key, key.to_vec()).await, "a put");
    }
    for key in odd_keys {
        same(
            bytes(&space, key).await,
            Some(key.to_vec()),
            "a key may have any bytes, and no two are the same",
        );
    }

    let long = vec![b'k'; MAX_KEY_BYTES];
    must(space.put(&long, "long").await, "a put with the longest key");
    same(
        bytes(&space, &long[1..]).await,
        None,
        "keys must be told apart by their last byte",
    );
    same(
        bytes(&space, &long).await,
        Some(b"long".to_vec()),
        "the longest key must be kept",
    );
}

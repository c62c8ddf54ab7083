//! The storage across the seam: a namespace for each plugin that it cannot leave, in memory and in files.

use agentsys_host::storage::{StorageConfig, StorageError};
use agentsys_host::{ErrorKind, Host, HostError, Payload, PluginOptions, TaskError};
use serde_json::{Value, json};

use crate::harness::{PATIENCE, Place, Setup, TestHost, options};

/// The plugin `stores` under two names.
fn two() -> Setup {
    let as_stores = || PluginOptions::default().library("stores");
    Setup::with(&["stores"])
        .plugin("left", as_stores())
        .plugin("right", as_stores())
}

async fn in_memory() -> TestHost {
    let config = StorageConfig::memory();
    two().tune(|builder| builder.storage(config)).start().await
}

async fn in_files() -> TestHost {
    two().start().await
}

fn put(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, content_type: &str) -> Payload {
    let put = json!({ "key": key.as_ref(), "value": value.as_ref(), "content_type": content_type });
    Payload::json(put.to_string())
}

impl TestHost {
    /// Calls one of the two.
    async fn of(&self, agent: &str, data: impl Into<Payload>) -> Result<Payload, TaskError> {
        self.router().send(agent, data).await
    }

    /// What a plugin holds under keys that begin so: keys, values and content types.
    async fn scanned(&self, agent: &str, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>, String)> {
        let answer = self.of(agent, prefix.to_vec()).await.unwrap();
        let entries: Vec<Value> = serde_json::from_slice(answer.bytes()).unwrap();
        let bytes = |value: &Value| serde_json::from_value(value.clone()).unwrap();
        let of = |entry: &Value| {
            let content_type = entry["content_type"].as_str().unwrap().to_owned();
            (bytes(&entry["key"]), bytes(&entry["value"]), content_type)
        };
        entries.iter().map(of).collect()
    }
}

#[tokio::test]
async fn a_plugin_finds_what_it_stored_and_no_other_does_in_memory() {
    each_has_its_own(in_memory().await).await;
}

#[tokio::test]
async fn a_plugin_finds_what_it_stored_and_no_other_does_in_files() {
    each_has_its_own(in_files().await).await;
}

async fn each_has_its_own(host: TestHost) {
    host.of("left/put", put("name", "Ada", "text/plain"))
        .await
        .unwrap();
    let error = host.of("right/get", "name").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    host.of("right/put", put("name", "Bob", "text/csv"))
        .await
        .unwrap();
    let left = host.of("left/get", "name").await.unwrap();
    assert_eq!(
        (&left.bytes()[..], left.content_type().as_str()),
        (&b"Ada"[..], "text/plain")
    );
    let right = host.of("right/get", "name").await.unwrap();
    assert_eq!(
        (&right.bytes()[..], right.content_type().as_str()),
        (&b"Bob"[..], "text/csv")
    );

    let gone = host.of("left/delete", "name").await.unwrap();
    assert_eq!(gone.to_str().unwrap(), "true");
    let gone = host.of("left/delete", "name").await.unwrap();
    assert_eq!(gone.to_str().unwrap(), "false");
    assert!(host.of("left/get", "name").await.is_err());
    assert_eq!(host.scanned("right/scan", b"name").await.len(), 1);
}

#[tokio::test]
async fn keys_and_values_of_any_bytes_come_back_in_the_order_of_the_keys() {
    for host in [in_memory().await, in_files().await] {
        let keys: [&[u8]; 7] = [
            b"\0",
            b"\0\0",
            b"\0right\0key",
            b"key",
            b"key\0",
            b"\xff",
            b"\xff\xff",
        ];
        for key in keys.iter().rev() {
            host.of("left/put", put(key, [key, &b"\0"[..]].concat(), "x/y"))
                .await
                .unwrap();
        }
        host.of("left/put", put("empty", "", "")).await.unwrap();
        for key in keys {
            let value = host.of("left/get", key.to_vec()).await.unwrap();
            assert_eq!(value.bytes()[..], [key, &b"\0"[..]].concat());
            assert_eq!(value.content_type().as_str(), "x/y");
        }
        let empty = host.of("left/get", "empty").await.unwrap();
        assert!(empty.bytes().is_empty());

        let all = host.scanned("left/scan", b"").await;
        assert!(all.is_sorted_by(|(one, ..), (next, ..)| one < next));
        // Its own start is one of them.
        assert_eq!(all.len(), keys.len() + 2);
        let zeros = host.scanned("left/scan", b"\0").await;
        let found: Vec<&[u8]> = zeros.iter().map(|(key, ..)| &key[..]).collect();
        assert_eq!(found, keys[..3]);
        assert_eq!(host.scanned("right/scan", b"").await.len(), 1);
    }
}

#[tokio::test]
async fn a_namespace_cannot_be_left_by_its_keys() {
    for host in [in_memory().await, in_files().await] {
        host.storage().put("secret", "of the host").await.unwrap();
        host.of("right/put", put("secret", "of the right", ""))
            .await
            .unwrap();
        for key in [
            "right\0secret",
            "\0right\0secret",
            "host\0secret",
            "../right/secret",
        ] {
            let error = host.of("left/get", key).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{key:?}");
            host.of("left/put", put(key, "of the left", ""))
                .await
                .unwrap();
        }
        for after in ["", "zzz", "\u{0}"] {
            let page = json!({ "prefix": [], "after": after.as_bytes(), "limit": 1000 });
            let page = Payload::json(page.to_string());
            let page = host.of("left/page", page).await.unwrap();
            assert!(!page.to_str().unwrap().contains("of the right"));
        }
        let secret = host.of("right/get", "secret").await.unwrap();
        assert_eq!(secret.to_str().unwrap(), "of the right");
        let secret = host.storage().get("secret").await.unwrap().unwrap();
        assert_eq!(secret.bytes, "of the host");
    }
}

#[tokio::test]
async fn what_a_plugin_stored_survives_a_restart_and_initialize_and_cleanup_store_too() {
    let place = Place::new();
    place.add("stores");
    for starts in 1..=3 {
        let host = Setup::at(place.clone()).start().await;
        assert_eq!(host.call("starts", "").await.unwrap(), starts.to_string());
        if starts == 1 {
            host.call("put", put("kept", "for ever", "text/plain"))
                .await
                .unwrap();
            let error = host.call("get", "cleaned up").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
        } else {
            let kept = host.router().route_task("get", "kept").await.unwrap();
            assert_eq!(kept.to_str().unwrap(), "for ever");
            assert_eq!(kept.content_type().as_str(), "text/plain");
            let cleaned = host.call("get", "cleaned up").await.unwrap();
            assert_eq!(cleaned, (starts - 1).to_string());
        }
        host.shutdown().await;
    }
}

#[tokio::test]
async fn what_an_embedder_reads_is_what_the_plugin_stored() {
    let host = in_files().await;
    host.of("left/put", put("name", "Ada", "text/plain"))
        .await
        .unwrap();
    let of_left = host.shared_storage().namespace("left").unwrap();
    let value = of_left.get("name").await.unwrap().unwrap();
    assert_eq!(
        (&value.bytes[..], &*value.content_type),
        (&b"Ada"[..], "text/plain")
    );
}

#[tokio::test]
async fn keys_that_cannot_be_and_a_full_storage_are_errors_of_their_own_kinds() {
    let config = StorageConfig::memory().max_size(3);
    let host = two().tune(|builder| builder.storage(config)).start().await;
    for (agent, key) in [
        ("left/get", String::new()),
        ("left/delete", "x".repeat(4097)),
    ] {
        let error = host.of(agent, key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let error = host
        .of("left/put", put("x".repeat(5000), "", ""))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error
            .message()
            .ends_with("has 5000 bytes, the limit is 4096: use a shorter one"),
        "{}",
        error.message()
    );
    let long_type = "x".repeat(256);
    let error = host
        .of("left/put", put("key", "", &long_type))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);

    // Each of the two holds one entry already.
    host.of("left/put", put("third", "", "")).await.unwrap();
    let error = host
        .of("right/put", put("fourth", "", ""))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(
        error.message(),
        "no room for \"right/fourth\": the storage holds its 3 entries; delete some, or raise max_size"
    );
    host.of("left/put", put("third", "again", ""))
        .await
        .unwrap();
    host.of("left/delete", "third").await.unwrap();
    host.of("right/put", put("fourth", "", "")).await.unwrap();
}

#[tokio::test]
async fn ten_thousand_keys_are_scanned_in_order() {
    for host in [
        two()
            .tune(|builder| builder.storage(StorageConfig::memory().max_size(None)))
            .start()
            .await,
        in_files().await,
    ] {
        host.of("left/fill", "10000").await.unwrap();
        let scanned = host.of("left/count", "").await.unwrap();
        let scanned: Value = serde_json::from_slice(scanned.bytes()).unwrap();
        let expected = json!({
            "keys": 10_000, "in_order": true, "first": "number-00000", "last": "number-09999",
        });
        assert_eq!(scanned, expected);
    }
}

#[tokio::test]
async fn a_page_ends_at_its_limit_and_the_next_begins_behind_it() {
    let host = in_files().await;
    host.of("left/fill", "10").await.unwrap();
    let (mut after, mut keys, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page = json!({ "prefix": b"number-", "after": after.as_bytes(), "limit": 4 });
        let page = Payload::json(page.to_string());
        let page = host.of("left/page", page).await.unwrap();
        let page: Value = serde_json::from_slice(page.bytes()).unwrap();
        for entry in page["entries"].as_array().unwrap() {
            let key: Vec<u8> = serde_json::from_value(entry["key"].clone()).unwrap();
            after = String::from_utf8(key).unwrap();
            keys.push(after.clone());
        }
        pages += 1;
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(pages, 3);
    let expected: Vec<String> = (0..10).map(|it| format!("number-{it:05}")).collect();
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn a_value_of_a_mebibyte_comes_back_as_it_was() {
    for host in [in_memory().await, in_files().await] {
        let value: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
        let data = Payload::new(value.clone(), "image/png".into());
        host.of("left/keep", data).await.unwrap();
        let kept = host.of("left/get", "kept").await.unwrap();
        assert_eq!(kept.bytes()[..], value);
        assert_eq!(kept.content_type().as_str(), "image/png");
        let scanned = host.scanned("left/scan", b"kept").await;
        assert_eq!(scanned[0].1, value);
    }
}

#[tokio::test]
async fn a_second_host_on_the_same_files_is_told_who_has_them() {
    let place = Place::new();
    place.add("stores");
    let first = Setup::at(place.clone()).start().await;
    first.call("put", put("key", "", "")).await.unwrap();

    // One that asks for the storage itself does not start.
    let files = StorageConfig::file(place.state().join("storage"));
    let second = Host::builder()
        .plugin_dir(place.plugins())
        .state_dir(place.state())
        .storage(files);
    let error = second.build().await.unwrap_err();
    assert!(
        matches!(error, HostError::Storage(StorageError::InUse { .. })),
        "{error}"
    );

    // In one that does not, the plugin that uses it says so.
    let second = Setup::at(place.clone()).start().await;
    let reason = second.failure("stores");
    let expected = "the storage is in use by this very process: disconnect it where it is open, or share that one";
    assert!(reason.contains(expected), "{reason}");
    second.shutdown().await;

    first.shutdown().await;
    let third = Setup::at(place).start().await;
    assert_eq!(third.call("starts", "").await.unwrap(), "2");
}

#[tokio::test]
async fn hosts_may_share_one_storage_and_so_a_plugins_namespace() {
    let storage = agentsys_host::storage::Storage::open(StorageConfig::memory());
    let host = |storage: &agentsys_host::storage::Storage| {
        let storage = storage.clone();
        Setup::with(&["stores"])
            .plugin("stores", options(json!({})))
            .tune(|builder| builder.shared_storage(storage))
            .start()
    };
    let (first, second) = (host(&storage).await, host(&storage).await);
    first.call("put", put("key", "shared", "")).await.unwrap();
    assert_eq!(second.call("get", "key").await.unwrap(), "shared");
    assert_eq!(second.call("starts", "").await.unwrap(), "2");
}

#[tokio::test]
async fn a_plugin_that_is_named_like_the_programs_namespace_does_not_get_it() {
    let host = Setup::with(&["stores"])
        .plugin("host", PluginOptions::default().library("stores"))
        .start()
        .await;
    let reason = host.failure("host");
    assert!(
        reason.starts_with("the name \"host\" is the host's own"),
        "{reason}"
    );
    assert!(host.storage().get("starts").await.unwrap().is_none());
}

#[tokio::test]
async fn a_plugin_that_never_looks_again_at_what_it_stores_holds_up_nobody_else() {
    let patient = std::time::Duration::from_secs(24 * 60 * 60);
    let host = two().tune(|builder| builder.shutdown_timeout(patient));
    let host = host.start().await;
    // More than is written inline.
    let begun = host.of("left/begin_to_put", Payload::json("200000")).await;
    begun.unwrap();
    for large in [10, 300_000] {
        let put = put("other", vec![1; large], "");
        let stored = tokio::time::timeout(PATIENCE, host.of("right/put", put)).await;
        stored.expect("the storage goes on").unwrap();
    }
    let ended = tokio::time::timeout(PATIENCE, host.shutdown()).await;
    ended.expect("the storage ends, and with it the host");
}

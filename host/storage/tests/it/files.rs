//! The file store's own: who may open it, and what it does with what it cannot read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentsys_storage::{Scan, Storage, StorageConfig, StorageError};

use crate::Store;

#[tokio::test]
async fn a_second_opening_is_refused_with_the_process_and_what_to_do() {
    let store = Store::new();
    store.space.put("key", "first").await.unwrap();

    let other = store.another();
    let error = other.connect().await.expect_err("it is in use");
    let own = std::process::id();
    assert!(matches!(&error, StorageError::InUse { pid: Some(pid), .. } if *pid == own));
    let message = error.to_string();
    assert!(
        message.starts_with(&store.directory.path().display().to_string()),
        "{message}"
    );
    assert!(message.contains("this very process"), "{message}");

    store.space.put("key", "second").await.unwrap();
    store.storage.disconnect().await.unwrap();
    let space = other.namespace("test").unwrap();
    assert_eq!(space.get("key").await.unwrap().unwrap().bytes, "second");
    other.disconnect().await.unwrap();
}

#[tokio::test]
async fn a_storage_that_is_dropped_closes_by_itself() {
    let store = Store::new();
    store.space.put("key", "kept").await.unwrap();
    let Store {
        directory,
        storage,
        space,
    } = store;
    drop((storage, space));

    let again = Storage::open(StorageConfig::file(directory.path()));
    // It closes on a thread of its own: how soon is not said.
    while let Err(error) = again.connect().await {
        assert!(matches!(error, StorageError::InUse { .. }), "{error}");
        std::thread::yield_now();
    }
    let space = again.namespace("test").unwrap();
    assert_eq!(space.get("key").await.unwrap().unwrap().bytes, "kept");
}

#[tokio::test]
async fn a_path_that_cannot_be_a_directory_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a file");
    fs::write(&path, "not a directory").unwrap();
    let storage = Storage::open(StorageConfig::file(&path));
    let error = storage.connect().await.expect_err("it is a file");
    assert!(matches!(error, StorageError::Open { .. }), "{error}");
    assert!(error.to_string().contains("a file"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"not a directory");

    fs::remove_file(&path).unwrap();
    storage.connect().await.unwrap();
}

/// All files below a directory with what is in them, but for who has it open.
fn content(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(content(&path));
        } else if path.file_name().unwrap() != "owner" {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// Damages a store and looks at what opening it says and leaves.
async fn is_refused_and_left(damage: impl Fn(&Path)) -> String {
    let store = Store::new();
    for n in 0..100 {
        store.space.put(format!("key{n}"), "value").await.unwrap();
    }
    store.storage.disconnect().await.unwrap();
    damage(&store.directory.path().join("data"));
    let before = content(store.directory.path());

    let error = store.another().connect().await.expect_err("it is damaged");
    assert!(
        matches!(&error, StorageError::Damaged { path, .. } if path == store.directory.path()),
        "{error}"
    );
    assert!(content(store.directory.path()) == before, "it was changed");

    let again = store.another().connect().await.expect_err("still damaged");
    assert_eq!(again.to_string(), error.to_string());
    error.to_string()
}

#[tokio::test]
async fn a_store_without_the_marks_of_one_is_not_taken_for_a_new_one() {
    for mark in [
        "version",
        "keyspaces/0/current",
        "keyspaces/1/current",
        "0.jnl",
    ] {
        let message = is_refused_and_left(|data| fs::remove_file(data.join(mark)).unwrap()).await;
        assert!(message.contains("is missing"), "{message}");
    }
}

#[tokio::test]
async fn a_store_of_another_version_is_refused() {
    is_refused_and_left(|data| fs::write(data.join("version"), b"FJL\x04").unwrap()).await;
}

#[tokio::test]
async fn a_store_without_its_tables_is_refused() {
    is_refused_and_left(|data| fs::remove_dir_all(data.join("keyspaces")).unwrap()).await;
}

#[tokio::test]
async fn what_does_not_belong_to_a_store_is_neither_deleted_nor_a_panic() {
    for stray in ["2", "a copy"] {
        let message = is_refused_and_left(|data| {
            let stray = data.join("keyspaces").join(stray);
            fs::create_dir(&stray).unwrap();
            fs::write(stray.join("kept"), "by somebody").unwrap();
        })
        .await;
        assert!(message.contains(stray), "{message}");
    }
    is_refused_and_left(|data| fs::create_dir(data.join("9.jnl")).unwrap()).await;
}

#[tokio::test]
async fn a_store_that_lacks_a_table_is_refused() {
    let store = Store::new();
    let tables = store.directory.path().join("data/keyspaces/1/tables");
    let table = || Some(fs::read_dir(&tables).ok()?.next()?.unwrap().path());
    let mut n = 0;
    // Enough for the engine to move some of it to a table, when it comes to it.
    while table().is_none() {
        let key = format!("key{n}");
        store.space.put(key, vec![0; 1024 * 1024]).await.unwrap();
        n += 1;
    }
    store.storage.disconnect().await.unwrap();
    let all = store.another();
    let space = all.namespace("test").unwrap();
    for n in 0..n {
        assert!(space.get(format!("key{n}")).await.unwrap().is_some());
    }
    all.disconnect().await.unwrap();

    fs::remove_file(table().unwrap()).unwrap();
    let error = store
        .another()
        .connect()
        .await
        .expect_err("it lacks a table");
    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_flipped_bit_in_the_journal_is_refused() {
    let message = is_refused_and_left(|data| {
        let path = data.join("0.jnl");
        let mut journal = fs::read(&path).unwrap();
        let at = journal
            .windows(5)
            .position(|bytes| bytes == b"value")
            .unwrap();
        journal[at] ^= 1;
        fs::write(path, journal).unwrap();
    })
    .await;
    assert!(message.contains("journal"), "{message}");
}

#[tokio::test]
async fn a_store_that_was_only_half_made_is_made_again() {
    let store = Store::new();
    let aside = store.directory.path().join("data.new");
    fs::create_dir_all(aside.join("keyspaces")).unwrap();
    fs::write(aside.join("0.jnl"), "half").unwrap();
    store.space.put("key", "value").await.unwrap();
    assert_eq!(store.get("key").await.unwrap(), "value");
    assert!(!aside.exists());
}

#[tokio::test]
async fn large_values_make_short_pages() {
    let store = Store::new();
    for n in 0..12 {
        let value = vec![n; 1024 * 1024];
        store.space.put(format!("{n:02}"), value).await.unwrap();
    }
    let page = store.space.scan(Scan::default()).await.unwrap();
    assert!(page.more);
    assert!(page.entries.len() < 12, "{}", page.entries.len());
    let (last, value) = page.entries.last().unwrap();
    assert_eq!(value.bytes.len(), 1024 * 1024);
    let rest = store.space.scan(Scan::default().after(last)).await.unwrap();
    assert_eq!(page.entries.len() + rest.entries.len(), 12);
    assert!(!rest.more);
}

#[tokio::test]
async fn an_interval_without_end_is_no_fault() {
    let directory = tempfile::tempdir().unwrap();
    let config = StorageConfig::file(directory.path()).flush_interval(Duration::MAX);
    let storage = Storage::open(config);
    let space = storage.namespace("test").unwrap();
    space.put("key", "value").await.unwrap();
    storage.flush().await.unwrap();
    storage.disconnect().await.unwrap();
}

/// Polls once and drops what is not done.
async fn half_way<T>(operation: impl Future<Output = T>) {
    tokio::select! {
        biased;
        _ = operation => {}
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn what_is_dropped_half_way_does_no_harm() {
    let store = Store::new();
    for n in 0..20 {
        half_way(store.storage.connect()).await;
        half_way(store.space.put(format!("half {n}"), vec![0; 1 << 20])).await;
        store.space.put("key", format!("{n}")).await.unwrap();
        half_way(store.space.scan(Scan::default())).await;
        if n % 2 == 0 {
            half_way(store.storage.disconnect()).await;
        }
        store.storage.disconnect().await.unwrap();

        let other = store.another();
        let space = other.namespace("test").unwrap();
        let value = space.get("key").await.unwrap().unwrap();
        assert_eq!(value.bytes, format!("{n}"));
        other.disconnect().await.unwrap();
    }
}

//! What a closed store leaves behind in the process: nothing. Looked at in a process of its own,
//! since a neighbouring test would be seen too.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use agentsys_storage::{Scan, Storage, StorageConfig};

const PATH: &str = "AGENTSYS_STORAGE_TEST_PATH";

#[test]
fn twenty_openings_and_closings_leave_no_thread_and_no_file() {
    if let Ok(path) = std::env::var(PATH) {
        return open_and_close_again_and_again(Path::new(&path));
    }
    let own_name = "leftovers::twenty_openings_and_closings_leave_no_thread_and_no_file";
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", own_name, "--nocapture"])
        .env(PATH, directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn open_and_close_again_and_again(path: &Path) {
    // One blocking thread, so that the runtime's own are the same before and after.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(open_and_close(path));
    settles(|found| !found.keys().any(|name| name.starts_with("thread fjall")));
    let before = left();
    for _ in 0..20 {
        runtime.block_on(open_and_close(path));
    }
    settles(|found| *found == before);

    // One that does not open leaves nothing either.
    std::fs::remove_file(path.join("data/version")).unwrap();
    for _ in 0..20 {
        let storage = Storage::open(StorageConfig::file(path));
        runtime.block_on(storage.connect()).unwrap_err();
    }
    settles(|found| *found == before);
}

async fn open_and_close(path: &Path) {
    let storage = Storage::open(StorageConfig::file(path));
    let space = storage.namespace("test").unwrap();
    space.put("key", "value").await.unwrap();
    space.scan(Scan::default()).await.unwrap();
    storage.disconnect().await.unwrap();
}

/// The names of the threads and the targets of the file descriptors, each with their number.
fn left() -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        // One that ends meanwhile is none.
        if let Ok(name) = std::fs::read_to_string(task.unwrap().path().join("comm")) {
            *found.entry(format!("thread {}", name.trim())).or_default() += 1;
        }
    }
    for descriptor in std::fs::read_dir("/proc/self/fd").unwrap() {
        if let Ok(target) = std::fs::read_link(descriptor.unwrap().path()) {
            *found
                .entry(format!("file {}", target.display()))
                .or_default() += 1;
        }
    }
    found
}

/// The engine's own threads end on their own a moment after they were told: waits for that.
fn settles(is_settled: impl Fn(&BTreeMap<String, usize>) -> bool) {
    let given_up = Instant::now() + Duration::from_secs(30);
    while !is_settled(&left()) {
        assert!(Instant::now() < given_up, "it stays: {:#?}", left());
        std::thread::yield_now();
    }
}

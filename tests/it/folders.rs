//! A folder that lives: what is dropped, replaced and removed while a host runs.

use std::fs;
use std::path::{Path, PathBuf};

use agentsys_host::PluginState;

use crate::harness::{PATIENCE, Place, Setup, TestHost, library, options};

/// A host that follows its folder, in which these files are.
async fn host(files: &[(&str, &str)]) -> TestHost {
    let place = Place::new();
    for (build, file) in files {
        place.add_as(build, file);
    }
    Setup::at(place)
        .tune(|builder| builder.watch())
        .start()
        .await
}

/// Waits for an event after which that holds.
async fn until(host: &TestHost, what: &str, holds: impl AsyncFn() -> bool) {
    let mut events = host.events();
    let waiting = async {
        while !holds().await {
            // This thread has called the plugins too.
            agentsys_host::pass_by();
            // A failed replacement is no event, so a look now and then as well.
            let _ = tokio::time::timeout(std::time::Duration::from_millis(20), events.next()).await;
        }
    };
    if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
        panic!("it does not come to this: {what}; {:#?}", host.plugins());
    }
}

async fn answers(host: &TestHost, version: &str) {
    until(host, version, async || {
        host.call("changing_now", "")
            .await
            .is_ok_and(|answer| answer == version)
    })
    .await;
}

async fn is_gone(host: &TestHost, name: &str) {
    until(host, "it is gone", async || {
        host.plugins().iter().all(|plugin| plugin.name != name)
    })
    .await;
}

/// Another name in the same folder, which no host looks at.
fn aside(file: &Path) -> PathBuf {
    file.with_extension("aside")
}

fn write_in_place(file: &Path, build: &Path) {
    fs::write(file, fs::read(build).unwrap()).unwrap();
}

fn rename_over(file: &Path, build: &Path) {
    fs::copy(build, aside(file)).unwrap();
    fs::rename(aside(file), file).unwrap();
}

fn unlink_and_create(file: &Path, build: &Path) {
    fs::remove_file(file).unwrap();
    fs::copy(build, file).unwrap();
}

/// As `cargo build` does it.
fn hard_link(file: &Path, build: &Path) {
    fs::copy(build, aside(file)).unwrap();
    fs::remove_file(file).unwrap();
    fs::hard_link(aside(file), file).unwrap();
    fs::remove_file(aside(file)).unwrap();
}

fn copy_over(file: &Path, build: &Path) {
    let status = std::process::Command::new("cp")
        .arg(build)
        .arg(file)
        .status();
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn a_file_that_is_dropped_serves_and_one_that_is_removed_is_unloaded() {
    let host = host(&[]).await;
    let file = host.place.add_as("changing_1", "changing.so");
    answers(&host, "1.0.0").await;
    fs::remove_file(&file).unwrap();
    is_gone(&host, "changing").await;
    let state = fs::canonicalize(host.place.state().join("generations")).unwrap();
    until(&host, "its library is unmapped", async || {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        !maps.contains(state.to_str().unwrap())
    })
    .await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_file_that_is_replaced_in_whatever_way_is_replaced_by_its_new_content() {
    let host = host(&[("changing_1", "changing.so")]).await;
    let file = host.place.plugins().join("changing.so");
    answers(&host, "1.0.0").await;
    let ways = [
        write_in_place,
        rename_over,
        unlink_and_create,
        hard_link,
        copy_over,
    ];
    for (turn, way) in (0..).zip(ways) {
        let (build, version) = [("changing_2", "2.0.0"), ("changing_1", "1.0.0")][turn % 2];
        way(&file, &library(build));
        answers(&host, version).await;
    }
    let status = host.status("changing");
    assert_eq!(status.generation, Some(6), "{status:#?}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_link_that_is_switched_is_a_replacement() {
    let place = Place::new();
    let link = place.plugins().join("changing.so");
    std::os::unix::fs::symlink(library("changing_1"), &link).unwrap();
    let host = Setup::at(place)
        .tune(|builder| builder.watch())
        .start()
        .await;
    answers(&host, "1.0.0").await;
    std::os::unix::fs::symlink(library("changing_2"), aside(&link)).unwrap();
    fs::rename(aside(&link), &link).unwrap();
    answers(&host, "2.0.0").await;
    host.shutdown().await;
}

#[tokio::test]
async fn the_same_content_again_is_no_replacement() {
    let host = host(&[("changing_1", "changing.so"), ("echo", "libecho.so")]).await;
    let file = host.place.plugins().join("changing.so");
    rename_over(&file, &library("changing_1"));
    // What comes after it is seen, and so was it.
    host.place.add("typed");
    until(&host, "typed serves", async || {
        host.call("reverse", "ab").await.is_ok()
    })
    .await;
    assert_eq!(host.status("changing").generation, Some(1));
    host.shutdown().await;
}

#[tokio::test]
async fn a_higher_version_in_another_file_replaces_and_its_removal_brings_the_lower_one_back() {
    let host = host(&[("changing_1", "changing.so")]).await;
    let higher = host.place.add_as("changing_2", "changing-2.so");
    answers(&host, "2.0.0").await;
    fs::remove_file(&higher).unwrap();
    answers(&host, "1.0.0").await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_file_that_becomes_no_library_leaves_its_plugin_serving_and_says_why() {
    let host = host(&[("changing_1", "changing.so")]).await;
    let file = host.place.plugins().join("changing.so");
    fs::write(&file, "no library, and it stays so").unwrap();
    until(&host, "it is held back", async || {
        host.status("changing").held_back.is_some()
    })
    .await;
    assert_eq!(host.call("changing_now", "").await.unwrap(), "1.0.0");
    rename_over(&file, &library("changing_2"));
    answers(&host, "2.0.0").await;
    assert_eq!(host.status("changing").held_back, None);
    host.shutdown().await;
}

#[tokio::test]
async fn a_folder_that_is_deleted_and_made_again_goes_on_being_watched() {
    let host = host(&[("changing_1", "changing.so")]).await;
    fs::remove_dir_all(host.place.plugins()).unwrap();
    is_gone(&host, "changing").await;
    fs::create_dir(host.place.plugins()).unwrap();
    host.place.add_as("changing_2", "changing.so");
    answers(&host, "2.0.0").await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_plugin_with_a_section_waits_for_its_file_to_come_back() {
    let place = Place::new();
    let file = place.add("steps");
    let journal = options(serde_json::json!({ "journal": place.journal().path() }));
    let setup = Setup::at(place).plugin("steps", journal);
    let host = setup.tune(|builder| builder.watch()).start().await;
    fs::remove_file(&file).unwrap();
    until(&host, "it is unloaded", async || {
        host.status("steps").state == PluginState::Unloaded
    })
    .await;
    let reason = host.status("steps").reason.unwrap();
    assert!(
        reason.contains("no plugin directory holds a library"),
        "{reason}"
    );
    host.place.add("steps");
    until(&host, "it serves", async || {
        host.call("steps", "").await.is_ok()
    })
    .await;
    host.shutdown().await;
}

#[tokio::test]
async fn what_replaces_a_file_while_its_plugin_starts_is_tried_when_that_has_failed() {
    let place = Place::new();
    let [lock, refused, gate] = ["lock", "refused", "gate"].map(|name| place.path().join(name));
    fs::write(&refused, "1.0.0").unwrap();
    fs::write(&gate, "").unwrap();
    let config = serde_json::json!({ "lock": lock, "refused": refused, "gate": gate });
    let setup = Setup::at(place).plugin("exclusive", options(config));
    let host = setup.tune(|builder| builder.watch()).start().await;
    host.place.put("exclusive_1", "exclusive.so");
    host.until("the first build starts", |host| {
        host.status("exclusive").state == PluginState::Initializing
    })
    .await;
    host.place.put("exclusive_2", "exclusive.so");
    host.until("the second one was seen", |host| {
        host.status("exclusive").version.as_deref() == Some("2.0.0")
    })
    .await;
    fs::remove_file(&gate).unwrap();
    until(&host, "the second one serves", async || {
        host.call("exclusive", "")
            .await
            .is_ok_and(|answer| answer == "2.0.0")
    })
    .await;
    host.shutdown().await;
}

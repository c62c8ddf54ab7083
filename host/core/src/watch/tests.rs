//! The whole watch, with its thread, on real files.

use std::fs;
use std::path::Path;

use super::text_plugin::{discover, inspect, served, serving};
use super::*;

fn start(dir: &Path) -> (Watch, Sightings) {
    let dirs = vec![dir.to_owned()];
    let first = discover(&dirs);
    Watch::start_with(dirs, Vec::new(), &first, inspect).unwrap()
}

async fn picture(sightings: &mut Sightings) -> Discovery {
    match sightings.next().await {
        Some(Seen::Plugins(found)) => found,
        other => panic!("{other:?} in place of a picture"),
    }
}

#[tokio::test]
async fn a_file_is_dropped_replaced_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("echo.so");
    let (_watch, mut sightings) = start(dir.path());
    for text in ["echo 1.0.0 of old;", "echo 1.0.0 of something new;"] {
        fs::write(&path, text).unwrap();
        let found = picture(&mut sightings).await;
        assert_eq!(serving(&found), served("echo.so", text));
    }
    fs::remove_file(&path).unwrap();
    assert!(picture(&mut sightings).await.plugins.is_empty());
}

#[tokio::test]
async fn a_directory_that_is_removed_and_made_again_goes_on_being_watched() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("plugins");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("echo.so"), "echo 1.0.0 of old;").unwrap();
    let (_watch, mut sightings) = start(&dir);
    fs::remove_dir_all(&dir).unwrap();
    // The file goes before the directory, and a look may fall between.
    let mut found = picture(&mut sightings).await;
    assert!(found.plugins.is_empty());
    if found.unreadable_dirs.is_empty() {
        found = picture(&mut sightings).await;
    }
    assert_eq!(found.unreadable_dirs[0].path, dir);
    fs::create_dir(&dir).unwrap();
    assert!(picture(&mut sightings).await.unreadable_dirs.is_empty());
    for text in ["echo 1.0.0 of something;", "echo 1.0.0 of something else;"] {
        fs::write(dir.join("echo.so"), text).unwrap();
        let found = picture(&mut sightings).await;
        assert_eq!(serving(&found), served("echo.so", text));
    }
}

#[tokio::test]
async fn a_changed_config_file_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("agentsys.toml");
    fs::write(&file, "").unwrap();
    let (_watch, mut sightings) =
        Watch::start(Vec::new(), vec![file.clone()], &Discovery::default()).unwrap();
    // Once after the start, then for the change.
    assert!(matches!(sightings.next().await, Some(Seen::Files)));
    fs::write(&file, "[host]").unwrap();
    assert!(matches!(sightings.next().await, Some(Seen::Files)));
}

#[tokio::test]
async fn a_file_that_is_no_plugin_is_shown_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let dirs = vec![dir.path().to_owned()];
    let (_watch, mut sightings) = Watch::start(dirs, Vec::new(), &Discovery::default()).unwrap();
    fs::write(dir.path().join("text.so"), "hello").unwrap();
    let found = picture(&mut sightings).await;
    let reason = found.rejected[0].error.to_string();
    assert!(reason.contains("is not a library"), "{reason}");
}

#[tokio::test]
async fn a_watch_that_is_dropped_ends_its_thread() {
    let dir = tempfile::tempdir().unwrap();
    let (watch, mut sightings) = start(dir.path());
    drop(watch);
    assert!(sightings.next().await.is_none());
}

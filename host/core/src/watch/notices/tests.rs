use std::fs;
use std::time::Duration;

use notify::event::{
    AccessKind, AccessMode, CreateKind, DataChange, Flag, ModifyKind, RemoveKind, RenameMode,
};

use super::*;

/// A failure is told after this; nothing else waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

fn notices(dirs: &[&Path], files: &[&Path]) -> (Notices, Arc<Hints>) {
    let hints = Arc::new(Hints::default());
    let owned = |paths: &[&Path]| {
        paths
            .iter()
            .map(|it| it.to_path_buf())
            .collect::<Vec<PathBuf>>()
    };
    let notices = Notices::new(&owned(dirs), &owned(files), Arc::clone(&hints));
    (notices, hints)
}

#[test]
fn a_file_that_is_dropped_is_hinted_at() {
    let dir = tempfile::tempdir().unwrap();
    let (mut notices, hints) = notices(&[dir.path()], &[]);
    notices.refresh(false);
    fs::write(dir.path().join("echo.so"), "").unwrap();
    assert!(hints.come(PATIENCE));
}

#[test]
fn a_config_file_is_hinted_at() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("agentsys.toml");
    let (mut notices, hints) = notices(&[], &[&file]);
    notices.refresh(false);
    fs::write(&file, "").unwrap();
    assert!(hints.come(PATIENCE));
}

#[test]
fn a_directory_that_appears_later_is_watched_from_then_on() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("plugins");
    let (mut notices, hints) = notices(&[&dir], &[]);
    notices.refresh(false);
    fs::create_dir(&dir).unwrap();
    notices.refresh(false);
    fs::write(dir.join("echo.so"), "").unwrap();
    assert!(hints.come(PATIENCE));
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_is_removed_and_made_again_is_watched_even_if_it_looks_the_same() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("plugins");
    fs::create_dir(&dir).unwrap();
    let (mut notices, hints) = notices(&[&dir], &[]);
    notices.refresh(false);
    fs::remove_dir(&dir).unwrap();
    fs::create_dir(&dir).unwrap();
    while !hints.comes_as_lost(PATIENCE) {}
    notices.refresh(true);
    fs::write(dir.join("echo.so"), "").unwrap();
    assert!(hints.come(PATIENCE));
}

#[cfg(unix)]
#[test]
fn a_directory_behind_a_switched_link_is_watched() {
    let outer = tempfile::tempdir().unwrap();
    let at = |name: &str| outer.path().join(name);
    fs::create_dir(at("one")).unwrap();
    fs::create_dir(at("two")).unwrap();
    std::os::unix::fs::symlink("one", at("plugins")).unwrap();
    let (mut notices, hints) = notices(&[&at("plugins")], &[]);
    notices.refresh(false);
    std::os::unix::fs::symlink("two", at("next")).unwrap();
    fs::rename(at("next"), at("plugins")).unwrap();
    notices.refresh(false);
    fs::write(at("two").join("echo.so"), "").unwrap();
    assert!(hints.come(PATIENCE));
}

#[test]
fn an_unchanged_directory_keeps_its_watcher() {
    let dir = tempfile::tempdir().unwrap();
    let (mut notices, _hints) = notices(&[dir.path()], &[]);
    notices.refresh(false);
    let watched = notices.watched.clone();
    fs::write(dir.path().join("echo.so"), "").unwrap();
    let found: Vec<_> = notices.dirs.iter().map(|dir| identity(dir)).collect();
    assert_eq!(found, watched);
    assert!(watched[0].is_some() && notices.watcher.is_some());
}

#[test]
fn events_that_can_matter_are_told_from_those_that_cannot() {
    let relevant = Relevant {
        dirs: HashSet::from([PathBuf::from("/plugins")]),
        names: HashSet::from([OsString::from("agentsys.toml")]),
    };
    let hint = |kind, path: &str| relevant.hint(&Event::new(kind).add_path(path.into()));
    let create = EventKind::Create(CreateKind::File);
    let write = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    let rename = EventKind::Modify(ModifyKind::Name(RenameMode::From));
    let remove = EventKind::Remove(RemoveKind::File);
    let read = EventKind::Access(AccessKind::Open(AccessMode::Any));

    assert_eq!(hint(create, "/plugins/echo.so"), Hint::Look);
    assert_eq!(hint(write, "/etc/agentsys.toml"), Hint::Look);
    assert_eq!(hint(remove, "/plugins/echo.so"), Hint::Look);
    assert_eq!(hint(create, "/plugins"), Hint::Look);
    assert_eq!(hint(remove, "/plugins"), Hint::DirectoryLost);
    assert_eq!(hint(rename, "/plugins"), Hint::DirectoryLost);
    assert_eq!(hint(write, "/plugins/host.log"), Hint::Nothing);
    assert_eq!(hint(create, "/plugins/.echo.so.Xy12Zz"), Hint::Nothing);
    assert_eq!(hint(read, "/plugins/echo.so"), Hint::Nothing);
    assert_eq!(hint(read, "/plugins"), Hint::Nothing);
    let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
    assert_eq!(relevant.hint(&overflow), Hint::Look);
}

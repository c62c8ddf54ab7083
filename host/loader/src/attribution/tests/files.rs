//! The files of hosts that live, and of those that ended as they should.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

#[test]
fn files_are_closed_to_other_users_and_gone_with_the_host() {
    let state = TempDir::new().unwrap();
    let (attribution, aftermath) = Attribution::open(state.path()).unwrap();
    assert_eq!(aftermath, Aftermath::default());
    let tag = tag(&attribution, "echo");
    let dir = only_host(&state);
    assert_eq!(names(&dir), ["1.json", "lock", "slots"]);
    for name in names(&dir) {
        let mode = fs::metadata(dir.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    drop(attribution);
    assert_eq!(
        names(&dir),
        ["1.json", "lock", "slots"],
        "a generation is open"
    );
    tag.run(WILD, || ());
    drop(tag);
    assert!(!dir.exists());
}

#[test]
fn a_generations_file_says_what_is_known_of_it_until_it_is_struck_off() {
    let state = TempDir::new().unwrap();
    let (attribution, _) = Attribution::open(state.path()).unwrap();
    let read = |file: &PathBuf| serde_json::from_slice::<About>(&fs::read(file).unwrap()).unwrap();
    let tag = attribution.register(about("echo")).unwrap();
    let file = only_host(&state).join("1.json");
    assert_eq!(read(&file), about("echo"));
    tag.name_routes(vec!["calm".to_owned()]).unwrap();
    assert_eq!(read(&file).routes, ["calm"]);
    drop(tag);
    assert!(!file.exists());
}

#[test]
fn hosts_that_live_are_not_taken_over() {
    let state = TempDir::new().unwrap();
    let (first, _) = Attribution::open(state.path()).unwrap();
    let tag = tag(&first, "echo");
    tag.run(WILD, || {
        let (_second, aftermath) = Attribution::open(state.path()).unwrap();
        assert_eq!(aftermath, Aftermath::default());
        assert_eq!(innermost(&first), ["echo: route wild"]);
    });
}

#[test]
fn a_file_that_cannot_be_written_says_where_and_registers_nothing() {
    let state = TempDir::new().unwrap();
    let (attribution, _) = Attribution::open(state.path()).unwrap();
    fs::remove_dir_all(only_host(&state)).unwrap();
    let error = attribution.register(about("echo")).unwrap_err();
    assert!(matches!(&error, AttributionError::Write { path, .. } if path.ends_with("1.json")));
    assert!(
        error
            .to_string()
            .ends_with("; look at the space and the rights there"),
        "{error}"
    );
    assert_eq!(attribution.book.about(1), None);
}

fn only_host(state: &TempDir) -> PathBuf {
    let running = state.path().join("running");
    let hosts: Vec<_> = names(&running)
        .into_iter()
        .filter(|name| name != "lock")
        .collect();
    let [host] = &hosts[..] else {
        panic!("{hosts:?}")
    };
    running.join(host)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

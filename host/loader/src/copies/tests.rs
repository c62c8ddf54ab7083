#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;

use super::*;

fn open(state: &TempDir) -> CopyStore {
    CopyStore::open(state.path()).unwrap()
}

fn copy(store: &CopyStore, bytes: &[u8]) -> PrivateCopy {
    store.copy(bytes, &ContentHash::of(bytes)).unwrap()
}

#[test]
fn a_copy_holds_the_bytes_under_a_name_of_hash_and_number() {
    let state = TempDir::new().unwrap();
    let store = open(&state);
    let (first, second) = (copy(&store, b"library"), copy(&store, b"library"));
    assert_eq!(fs::read(first.path()).unwrap(), b"library");
    let hash = ContentHash::of(b"library").short();
    let ending = std::env::consts::DLL_EXTENSION;
    assert!(first.path().ends_with(format!("{hash}-1.{ending}")));
    assert!(second.path().ends_with(format!("{hash}-2.{ending}")));
    assert!(first.path().is_absolute());
}

#[cfg(unix)]
#[test]
fn copies_and_their_directories_are_closed_to_other_users() {
    use std::os::unix::fs::PermissionsExt;
    let state = TempDir::new().unwrap();
    let generations = state.path().join("generations");
    fs::create_dir(&generations).unwrap();
    fs::set_permissions(&generations, fs::Permissions::from_mode(0o777)).unwrap();
    let store = open(&state);
    let copy = copy(&store, b"library");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&generations), 0o700);
    assert_eq!(mode(store.dir()), 0o700);
    assert_eq!(mode(copy.path()), 0o600);
}

#[test]
fn a_dropped_copy_is_removed_and_a_dropped_store_removes_its_directory() {
    let state = TempDir::new().unwrap();
    let store = open(&state);
    let dir = store.dir().to_owned();
    let copy = copy(&store, b"library");
    let path = copy.path().to_owned();
    drop(copy);
    assert!(!path.exists());
    drop(store);
    assert!(!dir.exists());
}

#[test]
fn a_copy_outlives_its_store_and_no_other_host_removes_it() {
    let state = TempDir::new().unwrap();
    let store = open(&state);
    let dir = store.dir().to_owned();
    let copy = copy(&store, b"library");
    drop(store);
    assert!(open(&state).swept().is_empty());
    assert!(copy.path().exists());
    drop(copy);
    assert!(!dir.exists());
}

#[test]
fn stores_that_share_a_state_directory_leave_each_other_alone() {
    let state = TempDir::new().unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let store = open(&state);
                    assert!(copy(&store, b"library").path().exists());
                }
            });
        }
    });
    let left = fs::read_dir(state.path().join("generations")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
}

#[test]
fn what_is_not_named_as_a_hosts_directory_is_left_alone() {
    let state = TempDir::new().unwrap();
    let generations = state.path().join("generations");
    for name in ["notes", "1-x", "7-7"] {
        fs::create_dir_all(generations.join(name)).unwrap();
    }
    let store = open(&state);
    assert_eq!(names(store.swept()), ["7-7"]);
    assert!(generations.join("notes").exists() && generations.join("1-x").exists());
}

#[test]
fn a_state_directory_that_cannot_be_made_says_what_to_do() {
    let state = TempDir::new().unwrap();
    let file = state.path().join("file");
    fs::write(&file, "").unwrap();
    let error = HostDirError::Create {
        path: file.join("generations"),
        error: fs::create_dir(file.join("generations")).unwrap_err(),
    };
    assert_eq!(
        CopyStore::open(&file).unwrap_err().to_string(),
        error.to_string()
    );
    assert!(
        error
            .to_string()
            .ends_with("; name a state directory that the host may write to")
    );
}

#[test]
fn a_copy_that_cannot_be_written_says_where() {
    let state = TempDir::new().unwrap();
    let store = open(&state);
    fs::remove_dir_all(store.dir()).unwrap();
    let error = store.copy(b"x", &ContentHash::of(b"x")).unwrap_err();
    assert!(matches!(&error, CopyError::Write { path, .. } if path.starts_with(store.dir())));
}

#[test]
fn a_killed_hosts_copies_vanish_at_the_next_start_and_a_living_hosts_remain() {
    let state = TempDir::new().unwrap();
    let living = open(&state);
    let kept = copy(&living, b"living");
    let mut host = Host::start(&state);
    let other = Host::start(&state);

    host.child.kill().unwrap();
    host.child.wait().unwrap();
    assert!(host.copy.exists(), "nothing ran in the killed host");

    let next = open(&state);
    assert_eq!(next.swept(), [host.copy.parent().unwrap()]);
    assert!(!host.copy.exists());
    assert!(kept.path().exists() && other.copy.exists());
}

/// A process of its own that keeps a copy until it is killed.
struct Host {
    child: Child,
    copy: PathBuf,
}

const STATE_OF_CHILD: &str = "AGENTSYS_TEST_STATE_DIR";

impl Host {
    fn start(state: &TempDir) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "copies::tests::be_a_host"])
            .env(STATE_OF_CHILD, state.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.map_while(Result::ok).find_map(|line| {
            let path = line.split_once("ready: ")?.1;
            Some(PathBuf::from(path))
        });
        Self {
            child,
            copy: ready.unwrap(),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: what [`Host`] runs. Without the variable it does nothing.
#[test]
fn be_a_host() {
    let Some(state) = std::env::var_os(STATE_OF_CHILD) else {
        return;
    };
    let store = CopyStore::open(Path::new(&state)).unwrap();
    let copy = copy(&store, b"library");
    println!("\nready: {}", copy.path().display());
    // Until the parent closes it, or kills this process.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

fn names(paths: &[PathBuf]) -> Vec<&str> {
    let names = paths.iter().filter_map(|path| path.file_name()?.to_str());
    names.collect()
}

//! The config files: whether the bytes in any of them changed.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

use agentsys_loader::ContentHash;

use super::fingerprint::{Fingerprint, fingerprint};
use super::settling::{BAD, Finding, SETTLED, Settling};

pub(super) struct Files {
    paths: Vec<PathBuf>,
    settling: Settling<PathBuf, Fingerprint, Content>,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    /// The file was read before the watch began, and nobody knows what it held.
    Unknown,
    Bytes(ContentHash),
    Unreadable(io::ErrorKind),
}

/// What one look at the files saw.
pub(super) struct Look(Vec<(PathBuf, Fingerprint)>);

impl Files {
    pub(super) fn new(paths: Vec<PathBuf>, now: Instant) -> Self {
        let standing = paths.iter().map(|path| (path.clone(), Content::Unknown));
        Self {
            settling: Settling::new(now, standing),
            paths,
        }
    }

    pub(super) fn look(&self) -> Look {
        let seen = |path: &PathBuf| Some((path.clone(), fingerprint(path)?));
        Look(self.paths.iter().filter_map(seen).collect())
    }

    /// Takes in a look that was over by `now`, and reads what has settled. Whether something changed.
    pub(super) fn take(&mut self, now: Instant, Look(look): Look) -> bool {
        self.settling.observe(now, look, |_| false);
        for (path, seen) in self.settling.due(now) {
            let content = read(&path);
            // What changed while it was read is left to the next look, which sees the change.
            if fingerprint(&path) == Some(seen) {
                self.settling.inspected(&path, finding(content));
            }
        }
        self.settling.settle(now)
    }

    /// When to look again at the latest.
    pub(super) fn next(&self) -> Option<Instant> {
        self.settling.next()
    }
}

fn read(path: &Path) -> Content {
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let bytes = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => fs::read(path),
        Ok(_) => Err(io::ErrorKind::InvalidInput.into()),
        Err(error) => Err(error),
    };
    match bytes {
        Ok(bytes) => Content::Bytes(ContentHash::of(&bytes)),
        Err(error) => Content::Unreadable(error.kind()),
    }
}

fn finding(content: Content) -> Finding<Content> {
    let unreadable = matches!(content, Content::Unreadable(_));
    Finding {
        content,
        patience: if unreadable { BAD } else { SETTLED },
        passing: unreadable,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Watched {
        files: Files,
        now: Instant,
    }

    impl Watched {
        fn new(paths: &[&Path]) -> Self {
            let now = Instant::now();
            let paths = paths.iter().map(|path| path.to_path_buf()).collect();
            let files = Files::new(paths, now);
            let mut this = Self { files, now };
            this.after(0);
            this
        }

        /// Whether a look after so many milliseconds shows a change.
        fn after(&mut self, millis: u64) -> bool {
            self.now += Duration::from_millis(millis);
            let look = self.files.look();
            self.files.take(self.now, look)
        }
    }

    #[test]
    fn what_changed_before_the_first_look_is_not_missed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agentsys.toml");
        fs::write(&path, "a = 1").unwrap();
        let mut watched = Watched::new(&[&path]);
        assert!(!watched.after(199));
        assert!(watched.after(1));
        assert!(!watched.after(60_000));
    }

    #[test]
    fn a_change_counts_when_it_has_settled_and_equal_bytes_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agentsys.toml");
        fs::write(&path, "a = 1").unwrap();
        let mut watched = Watched::new(&[&path]);
        watched.after(200);
        fs::write(&path, "a = 22").unwrap();
        assert!(!watched.after(100) && !watched.after(199));
        assert!(watched.after(1));

        fs::remove_file(&path).unwrap();
        assert!(!watched.after(10));
        fs::write(&path, "a = 22").unwrap();
        assert!(!watched.after(10) && !watched.after(5_000));
    }

    #[test]
    fn a_file_that_is_made_and_one_that_is_removed_are_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (here, later) = (dir.path().join("here.toml"), dir.path().join("later.toml"));
        fs::write(&here, "").unwrap();
        let mut watched = Watched::new(&[&here, &later]);
        assert!(watched.after(5_000));
        assert!(!watched.after(5_000));
        fs::write(&later, "").unwrap();
        assert!(!watched.after(10));
        assert!(watched.after(200));
        fs::remove_file(&here).unwrap();
        assert!(!watched.after(10) && !watched.after(999));
        assert!(watched.after(1));
        assert_eq!(watched.files.next(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agentsys.toml");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(
            read(&path),
            Content::Unreadable(io::ErrorKind::InvalidInput)
        );
    }
}

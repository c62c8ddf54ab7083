//! Removing what dead hosts left.

use std::fs::{self, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::LOCK;

/// Removes the directories of dead hosts, each after a `last_look`, and returns them, sorted. The caller holds the turn.
pub(crate) fn sweep(shared: &Path, mut last_look: impl FnMut(&Path)) -> Vec<PathBuf> {
    let dirs = match host_dirs(shared) {
        Ok(dirs) => dirs,
        Err(error) => {
            let path = shared.display();
            tracing::warn!(%path, %error, "what dead hosts left could not be looked for");
            return Vec::new();
        }
    };
    let mut swept = Vec::new();
    for dir in dirs {
        let removed = is_dead(&dir).and_then(|dead| {
            if dead {
                last_look(&dir);
                fs::remove_dir_all(&dir)?;
            }
            Ok(dead)
        });
        match removed {
            Ok(true) => swept.push(dir),
            Ok(false) => {}
            // Its host is closing and was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let path = dir.display();
                tracing::warn!(%path, %error, "what a dead host left could not be removed");
            }
        }
    }
    swept
}

/// The directories that are named as hosts name theirs. Whatever else is there is not ours to remove.
fn host_dirs(shared: &Path) -> io::Result<Vec<PathBuf>> {
    let mut dirs = Vec::new();
    for entry in fs::read_dir(shared)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name().to_str().is_some_and(names_a_host) {
            dirs.push(entry.path());
        }
    }
    dirs.sort();
    Ok(dirs)
}

fn names_a_host(name: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    name.split_once('-')
        .is_some_and(|(pid, count)| number(pid) && number(count))
}

/// Whether no living host holds the directory's lock. A directory without one is a creation that was cut short, since
/// creating takes the same turn as this.
fn is_dead(dir: &Path) -> io::Result<bool> {
    let lock = match OpenOptions::new().write(true).open(dir.join(LOCK)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

//! One host on one state directory: a file beside the socket that the host keeps locked.
//!
//! A socket file alone cannot tell a running host from a killed one, and two hosts starting at
//! once could each take the other's for a leftover. The lock is the kernel's, and ends with the
//! process however that ends, so whoever holds it may replace what it finds.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
};

use rustix::fs::{Mode, OFlags};

use super::{address::ControlDirectory, error::ControlError};

/// The claim of one host on its state directory. Dropping it lets the next host start, so the
/// program keeps it until its host is down.
#[derive(Debug)]
#[must_use = "dropping it lets another host start on the same state directory"]
pub(crate) struct StateLock {
    directory: Arc<ControlDirectory>,
    /// Held for its lock only.
    _file: File,
}

impl StateLock {
    /// Takes the lock, or says which process has it.
    pub(super) fn acquire(
        directory: &Arc<ControlDirectory>,
        state_dir: &Path,
    ) -> Result<Self, ControlError> {
        loop {
            let file = open(directory).map_err(|source| ControlError::Lock {
                path: directory.lock_path(),
                source,
            })?;
            if let Some(lock) = Self::hold(directory, state_dir, file)? {
                return Ok(lock);
            }
        }
    }

    /// Locks an opened file; none if another file has taken its place meanwhile. A host that ends
    /// between our opening and locking removes the very file that we have, and the next host
    /// locks a new one: ours counts only if the name still leads to it.
    pub(super) fn hold(
        directory: &Arc<ControlDirectory>,
        state_dir: &Path,
        mut file: File,
    ) -> Result<Option<Self>, ControlError> {
        let failed = |source| ControlError::Lock {
            path: directory.lock_path(),
            source,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = read_pid(&mut file);
                return Err(ControlError::AlreadyRunning {
                    state_dir: state_dir.into(),
                    pid,
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        if !is_current(directory, &file).map_err(failed)? {
            return Ok(None);
        }
        write_pid(&mut file).map_err(failed)?;
        Ok(Some(Self {
            directory: Arc::clone(directory),
            _file: file,
        }))
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // While still locked: afterwards the name may lead to the next host's file. One that
        // cannot be removed does no harm, since only the lock counts.
        let _ = fs::remove_file(self.directory.lock_address());
    }
}

/// Opens the lock file, and makes it where it is missing.
pub(super) fn open(directory: &ControlDirectory) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    Ok(rustix::fs::open(directory.lock_address(), flags, mode)?.into())
}

fn is_current(directory: &ControlDirectory, file: &File) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::symlink_metadata(directory.lock_address()) {
        Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

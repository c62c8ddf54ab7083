//! Who has the store open. A lock on a file of our own, which the system lets go of however the
//! process ends, and in it the process id, for the message that another one gets.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::StorageError;

/// The right to open the store. Its drop gives it back.
pub(super) struct Owner(File);

impl Owner {
    pub(super) fn acquire(directory: &Path) -> Result<Self, StorageError> {
        let path = directory.join("owner");
        let cannot = |source: io::Error| StorageError::Open {
            path: directory.to_owned(),
            source: Arc::new(source),
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
            Err(TryLockError::WouldBlock) => {
                return Err(StorageError::InUse {
                    path: directory.to_owned(),
                    pid: read_pid(&path),
                });
            }
        }
        file.set_len(0).map_err(cannot)?;
        writeln!(file, "{}", std::process::id()).map_err(cannot)?;
        Ok(Self(file))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Only the lock counts: an old id is merely misleading.
        let _ = self.0.set_len(0);
    }
}

/// None where the owner has not written it yet, or where the system does not let a locked file be
/// read.
fn read_pid(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

//! One log file, which others may write and rotate as well: instances of this plugin, and programs.
//!
//! Each line is appended in one piece (`O_APPEND`), so lines never mix. For rotation the writers
//! take turns: who writes holds a lock on the file, and sees that it still is the one at the path.
//! So no one rotates a file twice, and no line goes into one that was moved away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use same_file::Handle;

use crate::error::SinkError;
use crate::rotation::Rotation;

/// How often a file that was replaced is opened anew for one line.
const ATTEMPTS: usize = 16;

/// A path, its rules, and the file if it is open.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    open: Option<Open>,
    /// Whether the last rotation failed, which is reported once.
    stuck: bool,
}

#[derive(Debug)]
struct Open {
    handle: Handle,
    /// A device or a pipe is neither locked nor rotated nor cut.
    regular: bool,
}

impl LogFile {
    pub(crate) fn open(path: PathBuf, rotation: Rotation) -> Result<Self, SinkError> {
        let mut file = LogFile {
            path,
            rotation,
            open: None,
            stuck: false,
        };
        file.open = Some(file.reopen()?);
        Ok(file)
    }

    pub(crate) fn append(&mut self, line: &str, now: SystemTime) -> Result<(), SinkError> {
        for _ in 0..ATTEMPTS {
            let open = match self.open.take() {
                Some(open) => open,
                None => self.reopen()?,
            };
            // From here on, dropping `open` releases its lock.
            open.lock();
            if !self.is_current(&open) {
                continue;
            }
            let state = open.state().map_err(|e| self.failed(e))?;
            if let Some((length, written)) = state
                && self
                    .rotation
                    .is_due(length, written, line.len() as u64, now)
                && (self.rotate() || !self.is_current(&open))
            {
                continue;
            }
            let length = state.map(|(length, _)| length);
            open.write(line, length).map_err(|e| self.failed(e))?;
            if open.unlock() {
                self.open = Some(open);
            }
            return Ok(());
        }
        let path = self.path.clone();
        Err(SinkError::Replaced { path })
    }

    pub(crate) fn close(&mut self) -> Result<(), SinkError> {
        match self.open.take() {
            Some(open) if open.regular => open.file().sync_all().map_err(|e| self.failed(e)),
            _ => Ok(()),
        }
    }

    fn reopen(&self) -> Result<Open, SinkError> {
        let path = || self.path.clone();
        if let Some(folder) = self.path.parent()
            && !folder.as_os_str().is_empty()
        {
            fs::create_dir_all(folder).map_err(|reason| SinkError::Folder {
                path: path(),
                reason,
            })?;
        }
        // Reading is for comparing it with what is at the path, and keeps a pipe from waiting.
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let opened = options.open(&self.path).and_then(|file| {
            let regular = file.metadata()?.is_file();
            let handle = Handle::from_file(file)?;
            Ok(Open { handle, regular })
        });
        opened.map_err(|reason| SinkError::Open {
            path: path(),
            reason,
        })
    }

    /// Whether the path leads to the open file. Where that cannot be seen, as without a file handle
    /// to spare, it is taken to: such a time must not silence the log.
    fn is_current(&self, open: &Open) -> bool {
        use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
        if !open.regular {
            return true;
        }
        match Handle::from_path(&self.path) {
            Ok(there) => there == open.handle,
            Err(error) => !matches!(error.kind(), NotFound | NotADirectory | PermissionDenied),
        }
    }

    /// Whether the file was rotated. One that cannot be is written on, which loses nothing.
    fn rotate(&mut self) -> bool {
        let rotated = self.rotation.rotate(&self.path);
        if let Err(error) = &rotated
            && !self.stuck
        {
            tracing::warn!(
                "cannot rotate the log file {}: {error}; it grows on",
                self.path.display()
            );
        }
        self.stuck = rotated.is_err();
        !self.stuck
    }

    fn failed(&self, reason: io::Error) -> SinkError {
        SinkError::Write {
            path: self.path.clone(),
            reason,
        }
    }
}

impl Open {
    fn file(&self) -> &File {
        self.handle.as_file()
    }

    /// The size in bytes, and when it was last written; none for what has no size.
    fn state(&self) -> io::Result<Option<(u64, SystemTime)>> {
        if !self.regular {
            return Ok(None);
        }
        let metadata = self.file().metadata()?;
        Ok(Some((metadata.len(), metadata.modified()?)))
    }

    /// Waits for its turn. Where a file system has no locks, a single writer needs none.
    fn lock(&self) {
        if self.regular {
            while let Err(error) = self.file().lock()
                && error.kind() == io::ErrorKind::Interrupted
            {}
        }
    }

    /// Whether the lock is released for certain.
    fn unlock(&self) -> bool {
        !self.regular || self.file().unlock().is_ok()
    }

    /// Writes all of the line, or takes back the part that was written: a full disk must not leave
    /// half a line for the next one to go on.
    fn write(&self, line: &str, length: Option<u64>) -> io::Result<()> {
        let mut file = self.file();
        let written = file.write_all(line.as_bytes());
        if let (Err(_), Some(length)) = (&written, length)
            && file.metadata().is_ok_and(|now| now.len() > length)
        {
            // The error at hand is the one to report.
            let _ = file.set_len(length);
        }
        written
    }
}

//! Where lines go.
//!
//! A line is handed to the operating system in one piece before the caller goes on, with no buffer
//! of our own that a crash could empty. Into the page cache that takes some microseconds, less than
//! passing the line to another thread and waiting for its word, so the routes are plain handlers:
//! thousands of callers queue at a mutex for no longer than that, and no bounded pool refuses them.
//! Only a disk that hangs holds the threads that write to it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::error::SinkError;
use crate::file::LogFile;
use crate::rotation::Rotation;

/// A log file or standard error. Threads share it.
#[derive(Debug)]
pub struct Sink(Target);

#[derive(Debug)]
enum Target {
    File(Mutex<LogFile>),
    StandardError,
}

impl Sink {
    /// Opens a file to append to, and makes it and its folders if they are missing.
    ///
    /// # Errors
    /// The path, and why it cannot be opened.
    pub fn file(path: impl Into<PathBuf>, rotation: Rotation) -> Result<Self, SinkError> {
        let file = LogFile::open(path.into(), rotation)?;
        Ok(Sink(Target::File(Mutex::new(file))))
    }

    /// Standard error.
    #[must_use]
    pub fn standard_error() -> Self {
        Sink(Target::StandardError)
    }

    /// Writes a line, whole or not at all, and rotates the file before where that is due at the
    /// time `now`.
    ///
    /// Where the file is no longer at its path, since someone moved or deleted it, the line goes
    /// into a fresh one there.
    ///
    /// # Errors
    /// Why it cannot be written. The next call tries all of it anew.
    pub fn write(&self, line: &str, now: SystemTime) -> Result<(), SinkError> {
        match &self.0 {
            Target::File(file) => own(file).append(line, now),
            Target::StandardError => io::stderr()
                .write_all(line.as_bytes())
                .map_err(|reason| SinkError::StandardError { reason }),
        }
    }

    /// Sees to it that all lines are on the disk, and closes the file. A later line opens it again.
    ///
    /// # Errors
    /// Why the disk may not have them.
    pub fn close(&self) -> Result<(), SinkError> {
        match &self.0 {
            Target::File(file) => own(file).close(),
            Target::StandardError => Ok(()),
        }
    }
}

/// What a panic may have left behind is a file that is open or not, so it does no harm.
fn own(file: &Mutex<LogFile>) -> MutexGuard<'_, LogFile> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}

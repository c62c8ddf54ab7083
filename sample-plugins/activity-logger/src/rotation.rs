//! When the file is rotated, by size and by day at once, and how.
//!
//! The decision is made from the file itself, its size and the day of its last line, so a restart
//! and other writers of the same file change nothing.
//!
//! The moving is done by the crate `rolling-file`, on request: it is small, it takes any name, and
//! its only dependency is chrono, which writes our time stamps. Not taken: `tracing-appender` and
//! `logroller` rotate by time or by size, not by both; `file-rotate` loses lines silently where it
//! cannot open the file, panics where a file vanishes, and brings a compressor; `flexi_logger` does
//! both, with days in local time, but its file writer is for `log` records, and panics at some
//! names of neighbouring files.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use rolling_file::{BasicRollingFileAppender, RollingConditionBasic};

use crate::config::Config;

/// When a file is rotated, and how many rotated ones are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The most bytes that a file may have; `None`: any number.
    pub size: Option<u64>,
    /// Whether each day (UTC) begins a file.
    pub daily: bool,
    /// How many rotated files are kept, at least 1.
    pub keep: usize,
}

impl Rotation {
    /// The rotation of a config.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Rotation {
            size: config.rotate_size,
            daily: config.rotate_daily,
            keep: config.keep_files,
        }
    }

    /// Whether a file of `length` bytes, last written at `written`, must be rotated before `more`
    /// bytes are appended at the time `now`. An empty file need not be.
    #[must_use]
    pub fn is_due(&self, length: u64, written: SystemTime, more: u64, now: SystemTime) -> bool {
        let too_large = self
            .size
            .is_some_and(|size| length.saturating_add(more) > size);
        let another_day = self.daily && day(written) < day(now);
        length > 0 && (too_large || another_day)
    }

    /// Whether a file is ever rotated.
    pub(crate) fn is_on(&self) -> bool {
        self.size.is_some() || self.daily
    }

    /// Moves the file to `.1`, that one to `.2`, and so on, deletes what is too old, and makes an
    /// empty file.
    pub(crate) fn rotate(&self, path: &Path) -> io::Result<()> {
        // A folder cannot be replaced, and the files before it would be moved onto each other.
        let folder = (1..=self.keep)
            .map(|n| rotated(path, n))
            .find(|p| p.is_dir());
        if let Some(folder) = folder {
            let message = format!("{} is a folder", folder.display());
            return Err(io::Error::new(io::ErrorKind::IsADirectory, message));
        }
        let never = RollingConditionBasic::new();
        BasicRollingFileAppender::new(path, never, self.keep)?.rollover()
    }
}

fn day(time: SystemTime) -> chrono::NaiveDate {
    DateTime::<Utc>::from(time).date_naive()
}

fn rotated(path: &Path, number: usize) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

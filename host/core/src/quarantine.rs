//! The quarantine: contents that are not opened again, since they did harm, with what they did.
//!
//! It goes by the content's hash, not by the plugin's name: another build that is dropped in is tried at once, and the same one under another name
//! is not. Each content has a file of its own in the state directory, which also counts how often it crashed its host.
//! The files are read whenever one is asked about, which is seldom: so what another process cleared is cleared, and hosts that share
//! a state directory share what they learned.

mod record;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use agentsys_loader::ContentHash;
use serde::{Deserialize, Serialize};

use record::Record;

/// How many crashes of the host put a content into quarantine.
const CRASHES: u32 = 2;

/// The fewest digits by which a content is named.
const SHORTEST_PREFIX: usize = 8;

/// The contents of a state directory that are not opened again.
#[derive(Debug)]
pub struct Quarantine {
    dir: PathBuf,
    /// Held while a file is read and written anew.
    turn: Mutex<()>,
}

/// A plugin's content, and where it was met.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Its hash.
    pub hash: &'a ContentHash,
    /// The plugin's name.
    pub plugin: &'a str,
    /// The plugin's version.
    pub version: &'a str,
    /// The operator's file.
    pub path: &'a Path,
}

/// A content in quarantine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Quarantined {
    /// The content's hash, as 64 hexadecimal digits.
    pub hash: String,
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// The file that held it. What of it is not Unicode is replaced.
    pub path: String,
    /// What kind of harm it did.
    pub kind: QuarantineKind,
    /// What it did, in one line.
    pub cause: String,
    /// When it was put here, in seconds since 1970.
    pub at: f64,
    /// How often it crashed its host.
    pub crashes: u32,
}

/// What kind of harm a content did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum QuarantineKind {
    /// It failed its probe.
    Probe,
    /// Its instances panicked on too many different tasks in a row.
    Panics,
    /// It ended its host, more than once.
    Crashes,
}

impl Quarantine {
    /// The quarantine of a state directory. Files in it that are damaged are moved aside, with a warning.
    ///
    /// # Errors
    /// If the directory is there and cannot be read.
    pub fn open(state_dir: &Path) -> Result<Self, QuarantineError> {
        let quarantine = Self {
            dir: state_dir.join("quarantine"),
            turn: Mutex::default(),
        };
        quarantine.records()?;
        Ok(quarantine)
    }

    /// Why that content is not to be opened, if it is in quarantine.
    #[must_use]
    pub fn get(&self, content: &ContentHash) -> Option<Quarantined> {
        record::read(&self.file(content))?.quarantined()
    }

    /// Puts a content into quarantine. The newest cause is kept.
    ///
    /// # Errors
    /// If that cannot be written: the next start will open the content again.
    pub fn add(
        &self,
        content: &Content<'_>,
        kind: QuarantineKind,
        cause: &str,
    ) -> Result<(), QuarantineError> {
        self.change(content, |record| record.quarantine(kind, cause, now()))
            .map(drop)
    }

    /// Counts a crash of the host that a content is to blame for, and says how many that makes. The second one puts it into quarantine.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn record_crash(&self, content: &Content<'_>, cause: &str) -> Result<u32, QuarantineError> {
        let record = self.change(content, |record| {
            record.crashes = record.crashes.saturating_add(1);
            if record.crashes >= CRASHES {
                record.quarantine(QuarantineKind::Crashes, cause, now());
            }
        })?;
        Ok(record.crashes)
    }

    /// All that is in quarantine, by plugin, the newest first.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn list(&self) -> Result<Vec<Quarantined>, QuarantineError> {
        let records = self.records()?;
        let mut list: Vec<_> = records.iter().filter_map(Record::quarantined).collect();
        list.sort_by(|one, other| {
            let by_time = other.at.total_cmp(&one.at);
            one.plugin.cmp(&other.plugin).then(by_time)
        });
        Ok(list)
    }

    /// Lets go of what that names, and says how many were in quarantine: a plugin's name, or the beginning of a hash, of 8 digits at least;
    /// everything, where nothing is named. Crashes that were counted are forgotten too.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn clear(&self, which: Option<&str>) -> Result<usize, QuarantineError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cleared = 0;
        for record in self.records()? {
            if which.is_none_or(|name| is_named(&record, name)) {
                record::remove(&self.file(&record.hash))?;
                cleared += usize::from(record.quarantined().is_some());
            }
        }
        Ok(cleared)
    }

    fn change(
        &self,
        content: &Content<'_>,
        change: impl FnOnce(&mut Record),
    ) -> Result<Record, QuarantineError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.file(content.hash);
        let mut record = Record::new(content);
        if let Some(before) = record::read(&file) {
            record.crashes = before.crashes;
            record.harm = before.harm;
        }
        change(&mut record);
        record::write(&file, &record)?;
        Ok(record)
    }

    fn records(&self) -> Result<Vec<Record>, QuarantineError> {
        let read = |error| QuarantineError::Read {
            path: self.dir.clone(),
            error,
        };
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(read(error)),
        };
        let mut records = Vec::new();
        for entry in entries {
            let path = entry.map_err(read)?.path();
            if path.extension().is_some_and(|it| it == "json") {
                records.extend(record::read(&path));
            }
        }
        Ok(records)
    }

    fn file(&self, hash: &impl std::fmt::Display) -> PathBuf {
        self.dir.join(format!("{hash}.json"))
    }
}

fn is_named(record: &Record, name: &str) -> bool {
    let digits = name.to_ascii_lowercase();
    record.plugin == name || (name.len() >= SHORTEST_PREFIX && record.hash.starts_with(&digits))
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// The quarantine cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuarantineError {
    /// Its directory cannot be read.
    #[error("{}: the quarantine cannot be read: {error}; let the user that runs the host read it", path.display())]
    Read {
        /// The directory.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// One of its files cannot be written.
    #[error("{}: the quarantine cannot be written: {error}; look at the space and the rights there", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// One of its files cannot be removed.
    #[error("{}: cannot be let out of the quarantine: {error}; look at the rights there, or remove the file", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

#[cfg(test)]
mod tests;

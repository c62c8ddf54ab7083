//! The quarantine's files: one for each content.

use std::path::Path;
use std::{fs, io};

use agentsys_loader::replace_file;
use serde::{Deserialize, Serialize};

use super::{Content, QuarantineError, QuarantineKind, Quarantined};

/// How the files are written.
const FORMAT: u32 = 1;

/// What is known of a content.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    pub(super) hash: String,
    pub(super) plugin: String,
    version: String,
    path: String,
    pub(super) crashes: u32,
    /// Why it is in quarantine; none for a content whose crashes are but counted.
    pub(super) harm: Option<Harm>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Harm {
    kind: QuarantineKind,
    cause: String,
    at: f64,
}

impl Record {
    pub(super) fn new(content: &Content<'_>) -> Self {
        Self {
            format: FORMAT,
            hash: content.hash.to_string(),
            plugin: content.plugin.to_owned(),
            version: content.version.to_owned(),
            path: content.path.to_string_lossy().into_owned(),
            crashes: 0,
            harm: None,
        }
    }

    pub(super) fn quarantine(&mut self, kind: QuarantineKind, cause: &str, at: f64) {
        let cause = cause.to_owned();
        self.harm = Some(Harm { kind, cause, at });
    }

    pub(super) fn quarantined(&self) -> Option<Quarantined> {
        let harm = self.harm.as_ref()?;
        Some(Quarantined {
            hash: self.hash.clone(),
            plugin: self.plugin.clone(),
            version: self.version.clone(),
            path: self.path.clone(),
            kind: harm.kind,
            cause: harm.cause.clone(),
            at: harm.at,
            crashes: self.crashes,
        })
    }
}

/// What a file says. One that is damaged is moved aside, with a warning, and says nothing: its content is tried again.
pub(super) fn read(file: &Path) -> Option<Record> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "the quarantine has a file that cannot be read; its content is tried again");
            return None;
        }
    };
    match parse(file, &bytes) {
        Ok(record) => Some(record),
        Err(reason) => {
            let aside = file.with_extension("damaged");
            tracing::warn!(
                file = %file.display(), aside = %aside.display(), reason,
                "the quarantine has a damaged file, which is moved aside; its content is tried again"
            );
            if let Err(error) = fs::rename(file, &aside) {
                tracing::warn!(file = %file.display(), %error, "it cannot be moved aside");
            }
            None
        }
    }
}

fn parse(file: &Path, bytes: &[u8]) -> Result<Record, String> {
    let record: Record = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if record.format != FORMAT {
        return Err(format!(
            "it has format {}, this host reads {FORMAT}",
            record.format
        ));
    }
    // Clearing removes the file that the hash names.
    if file.file_stem().is_none_or(|stem| stem != &*record.hash) {
        return Err("it is about another content than its name says".to_owned());
    }
    Ok(record)
}

pub(super) fn write(file: &Path, record: &Record) -> Result<(), QuarantineError> {
    let written = serde_json::to_vec_pretty(record)
        .map_err(io::Error::from)
        .and_then(|bytes| replace_file(file, &bytes));
    written.map_err(|error| QuarantineError::Write {
        path: file.to_owned(),
        error,
    })
}

pub(super) fn remove(file: &Path) -> Result<(), QuarantineError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(QuarantineError::Remove {
            path: file.to_owned(),
            error,
        }),
        _ => Ok(()),
    }
}

//! What probes found, kept by content, so that a content is probed once and not at each start.
//!
//! Kept is what holds for the content at any time: that it may be opened, with what it offers, or a refusal that is its own fault. What may have
//! been the machine's is asked again. Another version of the host asks again too. The files may go at any time; so may the whole directory.

#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::ProbeReport;
use super::error::{ProbeError, ProbeFault};
use super::verdict::Verdict;
use crate::inspect::ContentHash;
use crate::metadata::Interface;
use crate::private::replace_file;

/// How the files are written; another number is another host's.
const FORMAT: u32 = 1;

/// How many verdicts are kept. The oldest go.
const MOST: usize = 1000;

/// The verdicts of a state directory. Hosts that share it share them.
#[derive(Debug, Clone)]
pub struct VerdictCache {
    dir: PathBuf,
}

/// Whose verdict it is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Judge {
    format: u32,
    host: String,
    interface: Interface,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    judge: Judge,
    verdict: Verdict,
}

impl VerdictCache {
    /// The cache in that state directory. Nothing is read or written yet.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        let dir = state_dir.join("probes");
        Self { dir }
    }

    /// What the probe of that content came to, if that is known. `path` is the operator's file, for messages. What is damaged is removed and
    /// logged, and is unknown then.
    #[must_use]
    pub fn get(
        &self,
        content: &ContentHash,
        path: &Path,
    ) -> Option<Result<ProbeReport, ProbeError>> {
        let file = self.file(content);
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                let file = file.display();
                tracing::warn!(%file, %error, "what a probe found cannot be read; it is asked again");
                return None;
            }
        };
        match read(&bytes) {
            Ok(verdict) => Some(outcome(verdict, path)),
            Err(Unusable::Foreign) => {
                tracing::debug!(file = %file.display(), "another version of the host probed this; it is asked again");
                remove(&file);
                None
            }
            Err(Unusable::Damaged(error)) => {
                tracing::warn!(file = %file.display(), %error, "what a probe found is damaged; it is asked again");
                remove(&file);
                None
            }
        }
    }

    /// Keeps what a probe came to, if that holds for good. What cannot be written is logged, and will be asked again.
    pub fn put(&self, content: &ContentHash, outcome: &Result<ProbeReport, ProbeError>) {
        let Some(verdict) = lasting(outcome) else {
            return;
        };
        let kept = Kept {
            judge: Judge::this_host(),
            verdict,
        };
        let file = self.file(content);
        let written = serde_json::to_vec(&kept)
            .map_err(io::Error::from)
            .and_then(|bytes| replace_file(&file, &bytes))
            .and_then(|()| self.prune());
        if let Err(error) = written {
            let file = file.display();
            tracing::warn!(%file, %error, "what a probe found cannot be kept; it is asked again at the next start");
        }
    }

    fn file(&self, content: &ContentHash) -> PathBuf {
        self.dir.join(format!("{content}.json"))
    }

    /// Removes the oldest files beyond [`MOST`], what a crash left half written among them.
    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            // One that cannot be looked at is the first to go.
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let modified = modified.unwrap_or(SystemTime::UNIX_EPOCH);
            files.push((modified, entry.path()));
        }
        files.sort();
        let too_many = files.len().saturating_sub(MOST);
        for (_, file) in &files[..too_many] {
            remove(file);
        }
        Ok(())
    }
}

impl Judge {
    fn this_host() -> Self {
        Self {
            format: FORMAT,
            host: env!("CARGO_PKG_VERSION").to_owned(),
            interface: Interface::HOST,
        }
    }
}

enum Unusable {
    Foreign,
    Damaged(serde_json::Error),
}

fn read(bytes: &[u8]) -> Result<Verdict, Unusable> {
    // First whose it is: another host's verdict may look different.
    let judge: Judge = serde_json::from_slice(bytes).map_err(Unusable::Damaged)?;
    if judge != Judge::this_host() {
        return Err(Unusable::Foreign);
    }
    let kept: Kept = serde_json::from_slice(bytes).map_err(Unusable::Damaged)?;
    Ok(kept.verdict)
}

fn outcome(verdict: Verdict, path: &Path) -> Result<ProbeReport, ProbeError> {
    match verdict.into() {
        Ok(description) => Ok(ProbeReport {
            description,
            printed: None,
        }),
        Err(fault) => Err(ProbeError::new(path, fault, None)),
    }
}

fn lasting(outcome: &Result<ProbeReport, ProbeError>) -> Option<Verdict> {
    match outcome {
        Ok(report) => Some(Verdict::Serves(report.description.clone())),
        Err(ProbeError {
            fault:
                ProbeFault::Refused {
                    reason,
                    report,
                    lasting: true,
                },
            ..
        }) => Some(Verdict::Refused {
            reason: reason.clone(),
            report: report.clone(),
            lasting: true,
        }),
        Err(_) => None,
    }
}

fn remove(file: &Path) {
    if let Err(error) = fs::remove_file(file)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(file = %file.display(), %error, "what a probe found cannot be removed");
    }
}

#[cfg(test)]
mod tests;

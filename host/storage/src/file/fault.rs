//! The engine's errors in this crate's words.

use std::path::Path;
use std::sync::Arc;

use crate::StorageError;

/// A store that did not open. Where it is not the system that refuses, it is what stands there.
pub(super) fn opening(path: &Path, error: fjall::Error) -> StorageError {
    match error {
        fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source))
            if !is_content(&source) =>
        {
            StorageError::Open {
                path: path.to_owned(),
                source: Arc::new(source),
            }
        }
        fjall::Error::Locked => StorageError::InUse {
            path: path.to_owned(),
            pid: None,
        },
        error => StorageError::Damaged {
            path: path.to_owned(),
            reason: reason(&error),
        },
    }
}

/// An operation on an open store that failed.
pub(super) fn failed(path: &Path, action: &'static str, error: fjall::Error) -> StorageError {
    let path = path.to_owned();
    match error {
        fjall::Error::Poisoned => StorageError::Halted { path },
        fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source)) => {
            StorageError::Failed {
                path,
                action,
                source: Arc::new(source),
            }
        }
        error => StorageError::Failed {
            path,
            action,
            source: Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(reason(
                &error,
            ))),
        },
    }
}

/// Whether it is what a file holds that is wrong, or that it is not there or ends too early.
fn is_content(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    matches!(error.kind(), InvalidData | NotFound | UnexpectedEof)
}

fn reason(error: &fjall::Error) -> String {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
            format!("a file is missing or incomplete ({error})")
        }
        fjall::Error::InvalidVersion(Some(version)) => {
            format!("its format is {version:?}, which this program does not read")
        }
        fjall::Error::InvalidVersion(None) => "its file \"version\" cannot be read".to_owned(),
        fjall::Error::JournalRecovery(error) => format!("its journal is broken ({error})"),
        fjall::Error::Storage(error) => format!("its tables are broken ({error})"),
        error => error.to_string(),
    }
}

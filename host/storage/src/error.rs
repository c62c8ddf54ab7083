//! Why a storage did not do what it was asked. Can be cloned: one failed connecting is the answer to
//! all who waited for it.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a storage did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// It was disconnected.
    #[error("the storage is disconnected: connect it before using it again")]
    NotConnected,
    /// The name of a namespace is none.
    #[error("{name:?} is no name for a namespace: {reason}")]
    InvalidNamespace {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A key has no bytes.
    #[error("a key is empty: give it 1 to {} bytes", crate::MAX_KEY_BYTES)]
    EmptyKey,
    /// A key is too long.
    #[error("the key {key} has {size} bytes, the limit is {limit}: use a shorter one")]
    KeyTooLong {
        /// The key's beginning, printable.
        key: String,
        /// Its size in bytes.
        size: usize,
        /// The largest size in bytes.
        limit: usize,
    },
    /// A value is too large.
    #[error("the value of {key} has {size} bytes, the limit is {limit}: store it in parts")]
    ValueTooLarge {
        /// The key's beginning, printable.
        key: String,
        /// The value's size in bytes.
        size: usize,
        /// The largest size in bytes.
        limit: usize,
    },
    /// A value's content type is too long.
    #[error("the content type of {key} has {size} bytes, the limit is {limit}: use a shorter one")]
    ContentTypeTooLong {
        /// The key's beginning, printable.
        key: String,
        /// The content type's size in bytes.
        size: usize,
        /// The largest size in bytes.
        limit: usize,
    },
    /// There is no room for another key.
    #[error(
        "no room for {key}: the storage holds its {max_size} entries; delete some, or raise max_size"
    )]
    Full {
        /// The key's beginning, printable.
        key: String,
        /// How many entries there may be, in all namespaces together.
        max_size: usize,
    },
    /// Somebody else has the store open.
    #[error("{}: the storage is in use by {}", path.display(), holder(*pid))]
    InUse {
        /// The store's directory.
        path: PathBuf,
        /// The process that has it open, where it is known.
        pid: Option<u32>,
    },
    /// The store cannot be opened; nothing says that it is damaged.
    #[error("{}: the storage cannot be opened: {source}; see to the directory and its permissions", path.display())]
    Open {
        /// The store's directory.
        path: PathBuf,
        /// Why not.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// What stands in the store's directory cannot be read as a store. It was left as it is.
    #[error("{}: the storage is damaged or of another version: {reason}; nothing was changed: restore a backup, or move the directory away to begin anew", path.display())]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// One value cannot be read.
    #[error("{}: the value of {key} cannot be read: {reason}", path.display())]
    DamagedValue {
        /// The store's directory.
        path: PathBuf,
        /// The key's beginning, printable.
        key: String,
        /// What was found.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("{}: the storage cannot {action}: {source}", path.display())]
    Failed {
        /// The store's directory.
        path: PathBuf,
        /// What it was doing.
        action: &'static str,
        /// Why it failed.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// A write failed earlier, so none is taken any more; reading goes on.
    #[error("{}: the storage takes no writes since one failed: see to the disk, then disconnect and connect the storage", path.display())]
    Halted {
        /// The store's directory.
        path: PathBuf,
    },
    /// The caller's runtime was shut down before the work began.
    #[error("the runtime was shut down before the storage could do its work: nothing was done")]
    Interrupted,
    /// An embedder's backend failed.
    #[error("the storage's backend failed: {source}")]
    Backend {
        /// The backend's own error.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl StorageError {
    /// The error of an embedder's own backend.
    pub fn backend(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Backend {
            source: Arc::from(error.into()),
        }
    }
}

fn holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) if pid == std::process::id() => {
            "this very process: disconnect it where it is open, or share that one".to_owned()
        }
        Some(pid) => format!("process {pid}: stop it, or choose another storage_path"),
        None => "another process: stop it, or choose another storage_path".to_owned(),
    }
}

/// A key's beginning, printable. A backend's keys show the namespace as `name/key`.
pub(crate) fn shown(key: &[u8]) -> String {
    const SHOWN: usize = 64;
    let (namespace, key) = match key.iter().position(|&byte| byte == 0) {
        Some(end) if crate::limits::is_namespace(&key[..end]) => (&key[..end], &key[end + 1..]),
        _ => (&key[..0], key),
    };
    let mut text = namespace.escape_ascii().to_string();
    if !namespace.is_empty() {
        text.push('/');
    }
    text.extend(
        key.iter()
            .take(SHOWN)
            .flat_map(|byte| byte.escape_ascii())
            .map(char::from),
    );
    if key.len() > SHOWN {
        text.push_str("...");
    }
    format!("\"{text}\"")
}

//! Whether a file is the one that was seen before, without reading it.

use std::fs::{self, Metadata};
use std::path::Path;

/// What changes when a file is written, replaced, or another one is linked in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    /// False for a link that leads nowhere: the rest is then the link's own.
    leads_somewhere: bool,
    marks: Marks,
}

/// The fingerprint of what a path leads to; none where nothing is.
pub(super) fn fingerprint(path: &Path) -> Option<Fingerprint> {
    let of = |metadata: &Metadata, leads_somewhere| Fingerprint {
        leads_somewhere,
        marks: Marks::of(metadata),
    };
    match fs::metadata(path) {
        Ok(metadata) => Some(of(&metadata, true)),
        Err(_) => fs::symlink_metadata(path).ok().map(|link| of(&link, false)),
    }
}

/// What tells a directory from another one of the same path, whatever happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity(IdentityMarks);

/// The identity of the directory that a path leads to; none where there is no directory.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::metadata(path).ok().filter(Metadata::is_dir)?;
    Some(Identity(identity_marks(&metadata)))
}

#[cfg(unix)]
#[derive(Clone, Debug, PartialEq, Eq)]
struct Marks {
    device: u64,
    inode: u64,
    len: u64,
    /// Seconds and nanoseconds, as in the next.
    modified: (i64, i64),
    /// A copying tool may set the time above to what it was before; nobody can set this one.
    changed: (i64, i64),
}

#[cfg(unix)]
impl Marks {
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(unix)]
type IdentityMarks = (u64, u64);

#[cfg(unix)]
fn identity_marks(metadata: &Metadata) -> IdentityMarks {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
#[derive(Clone, Debug, PartialEq, Eq)]
struct Marks {
    len: u64,
    modified: Option<std::time::SystemTime>,
}

#[cfg(not(unix))]
impl Marks {
    fn of(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }
}

#[cfg(not(unix))]
type IdentityMarks = Option<std::time::SystemTime>;

#[cfg(not(unix))]
fn identity_marks(metadata: &Metadata) -> IdentityMarks {
    metadata.created().ok()
}

//! Which plugins the plugin directories hold, and which file serves where several hold the same plugin.
//!
//! The rule: the higher version serves. Of equal versions the one in the directory that is named first, and in one
//! directory the one whose file name comes first. Whatever does not serve is reported with the reason, since "why is
//! X not loaded?" is the question that operators ask.

#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use semver::Version;

use crate::inspect::{Fault, InspectError, Inspected, Target, inspect_for, read_bytes};
use crate::metadata::Interface;

/// The endings of shared libraries on the systems that a host runs on. All three are looked at everywhere, so that a
/// file for another system is reported and not passed over.
const EXTENSIONS: [&str; 3] = ["so", "dll", "dylib"];

/// What the plugin directories hold.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// The files that serve, one for each plugin, sorted by the plugin's name.
    pub plugins: Vec<Candidate>,
    /// Good files that do not serve, sorted by the plugin's name, then from the next in line to the last.
    pub shadowed: Vec<Shadowed>,
    /// Files that cannot be loaded, sorted by path.
    pub rejected: Vec<Rejected>,
    /// Directories that could not be listed, in the order in which they were named.
    pub unreadable_dirs: Vec<UnreadableDir>,
}

/// A file that can be loaded.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The file.
    pub path: PathBuf,
    /// What it is and says.
    pub inspected: Inspected,
}

/// A file that could be loaded, but another one serves.
#[derive(Clone, Debug)]
pub struct Shadowed {
    /// The file that does not serve.
    pub candidate: Candidate,
    /// The file that serves.
    pub by_path: PathBuf,
    /// The version in the file that serves.
    pub by_version: Version,
    /// Both files hold the same bytes.
    pub same_content: bool,
    /// Why it does not serve, and when it will: one line.
    pub reason: String,
}

/// A file that cannot be loaded.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub error: Arc<InspectError>,
}

/// A directory that could not be listed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {}", path.display(), trouble(error))]
#[non_exhaustive]
pub struct UnreadableDir {
    /// The directory.
    pub path: PathBuf,
    /// Why not.
    pub error: Arc<io::Error>,
}

/// Inspects every library in these directories and decides which serve on a host that speaks `host`.
///
/// The directories are not searched below their first level; links are followed; a directory named twice is read once. No
/// code of any file runs. Trouble with one file or directory is reported in the result and never hides the others.
#[must_use]
pub fn discover(dirs: &[PathBuf], host: Interface) -> Discovery {
    discover_for(&Target::host(), dirs, host)
}

/// Whether a path in a plugin directory is to be inspected: it ends in `.so`, `.dll` or `.dylib`, in any case, and is not
/// hidden. The temporary files of editors and copying tools are hidden, or end otherwise.
#[must_use]
pub fn is_library_name(path: &Path) -> bool {
    let hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    let known = |ending: &OsStr| {
        EXTENSIONS
            .iter()
            .any(|one| ending.eq_ignore_ascii_case(one))
    };
    path.file_name().is_some_and(|name| !hidden(name)) && path.extension().is_some_and(known)
}

/// The libraries in each of these directories, sorted by file name; the rules are those of [`discover()`]. A directory that
/// was named before, perhaps by another path, holds none the second time.
///
/// # Errors
/// For each directory by itself, if it cannot be listed.
#[must_use]
pub fn list_libraries(dirs: &[PathBuf]) -> Vec<Result<Vec<PathBuf>, UnreadableDir>> {
    let mut seen = HashSet::new();
    let mut list_once = |dir: &PathBuf| {
        if fs::canonicalize(dir).is_ok_and(|real| !seen.insert(real)) {
            return Ok(Vec::new());
        }
        list(dir).map_err(|error| UnreadableDir {
            path: dir.clone(),
            error: Arc::new(error),
        })
    };
    dirs.iter().map(&mut list_once).collect()
}

/// Inspects one file for a host that speaks `host`.
///
/// # Errors
/// If it cannot be loaded.
pub fn inspect_candidate(path: &Path, host: Interface) -> Result<Candidate, Rejected> {
    inspect_candidate_for(&Target::host(), path, host)
}

impl Discovery {
    /// Decides which of these candidates serve. They come in the order of directories, and in one directory in that of file
    /// names.
    #[must_use]
    pub fn of(
        candidates: Vec<Candidate>,
        mut rejected: Vec<Rejected>,
        unreadable_dirs: Vec<UnreadableDir>,
    ) -> Self {
        rejected.sort_by(|a, b| a.path.cmp(&b.path));
        let mut found = Self {
            rejected,
            unreadable_dirs,
            ..Self::default()
        };
        resolve(candidates, &mut found);
        found
    }
}

impl Rejected {
    /// Whether nothing is there: the file is gone, or is a link to nothing.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(
            self.error.fault,
            Fault::Missing | Fault::DanglingLink { .. }
        )
    }

    /// Whether it could not be read, for a reason that may pass without a change of the file.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        matches!(
            self.error.fault,
            Fault::Permission(_) | Fault::Unreadable(_)
        )
    }
}

fn discover_for(target: &Target, dirs: &[PathBuf], host: Interface) -> Discovery {
    let (mut candidates, mut rejected, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for listed in list_libraries(dirs) {
        match listed {
            Ok(files) => {
                for path in files {
                    match inspect_candidate_for(target, &path, host) {
                        Ok(candidate) => candidates.push(candidate),
                        Err(bad) => rejected.push(bad),
                    }
                }
            }
            Err(dir) => unreadable.push(dir),
        }
    }
    Discovery::of(candidates, rejected, unreadable)
}

/// The libraries in a directory, sorted by file name.
fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if is_library_name(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn inspect_candidate_for(
    target: &Target,
    path: &Path,
    host: Interface,
) -> Result<Candidate, Rejected> {
    let path = path.to_owned();
    match inspect_file(target, &path, host) {
        Ok(inspected) => Ok(Candidate { path, inspected }),
        Err(error) => Err(Rejected {
            path,
            error: Arc::new(error),
        }),
    }
}

fn inspect_file(target: &Target, path: &Path, host: Interface) -> Result<Inspected, InspectError> {
    let inspected = inspect_for(target, path, &read_bytes(path)?)?;
    inspected.check_interface(path, host)?;
    Ok(inspected)
}

/// Sorts candidates, which come in the order of directories and file names, into those that serve and the others.
fn resolve(mut candidates: Vec<Candidate>, found: &mut Discovery) {
    // A stable sort: equal versions keep the order in which they came.
    candidates.sort_by(|a, b| {
        let key = |it: &Candidate| (it.name().to_owned(), Reverse(it.version().clone()));
        key(a).cmp(&key(b))
    });
    let mut ahead: Vec<PathBuf> = Vec::new();
    for candidate in candidates {
        match found.plugins.last() {
            Some(serving) if serving.name() == candidate.name() => {
                let path = candidate.path.clone();
                found.shadowed.push(shadow(candidate, serving, &ahead));
                ahead.push(path);
            }
            _ => {
                ahead = vec![candidate.path.clone()];
                found.plugins.push(candidate);
            }
        }
    }
}

/// `ahead` are the files that serve before this one, the serving one first.
fn shadow(candidate: Candidate, serving: &Candidate, ahead: &[PathBuf]) -> Shadowed {
    let same_content = candidate.inspected.content_hash == serving.inspected.content_hash;
    let shown = |path: &PathBuf| {
        let name = path
            .file_name()
            .filter(|_| path.parent() == candidate.path.parent());
        name.map_or(path.display().to_string(), |name| {
            name.display().to_string()
        })
    };
    let (name, version) = (candidate.name(), candidate.version());
    let what = if same_content {
        "the same content".to_owned()
    } else if serving.version() == version {
        "the same version and comes first".to_owned()
    } else {
        format!("{name} {}", serving.version())
    };
    let others: String = ahead
        .iter()
        .skip(1)
        .map(|path| format!(" and {}", shown(path)))
        .collect();
    let verb = if others.is_empty() { "is" } else { "are" };
    let reason = format!(
        "{name} {version} is not loaded: {} holds {what}; \
         it takes over when that file{others} {verb} removed",
        shown(&serving.path)
    );
    Shadowed {
        by_path: serving.path.clone(),
        by_version: serving.version().clone(),
        same_content,
        reason,
        candidate,
    }
}

impl Candidate {
    fn name(&self) -> &str {
        &self.inspected.metadata.plugin.name
    }

    fn version(&self) -> &Version {
        &self.inspected.metadata.plugin.version
    }
}

fn trouble(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such directory; create it, or take it out of the plugin directories".into()
        }
        io::ErrorKind::NotADirectory => {
            "is not a directory; name the directory that holds the plugins".into()
        }
        io::ErrorKind::PermissionDenied => {
            "cannot be listed: permission denied; let the user that runs the host read it".into()
        }
        _ => format!("cannot be listed: {error}"),
    }
}

#[cfg(test)]
mod tests;

//! Events of the operating system, as hints to look.
//!
//! `notify` says that something happened, and that is all that is taken from it: events come before a copy is complete,
//! get lost when too many come at once, and end without a word when a directory is removed and made again. So nothing
//! that an event says of a file is used. `notify-debouncer-full` would pair and merge what events say, on a thread of its
//! own and after a delay of its own; with hints alone there is nothing for it to do.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentsys_loader::is_library_name;
use notify::event::ModifyKind;
use notify::{
    ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, recommended_watcher,
};

use super::fingerprint::{Identity, identity};
use super::hints::Hints;

/// The watched directories.
pub(super) struct Notices {
    dirs: Vec<PathBuf>,
    relevant: Relevant,
    hints: Arc<Hints>,
    watcher: Option<RecommendedWatcher>,
    /// Which directories the watcher was made for; none for one that was not there.
    watched: Vec<Option<Identity>>,
    warned: bool,
}

impl Notices {
    /// Of these plugin directories, and of these config files' directories.
    pub(super) fn new(plugin_dirs: &[PathBuf], files: &[PathBuf], hints: Arc<Hints>) -> Self {
        let parents = files.iter().filter_map(|file| file.parent());
        let mut dirs: Vec<PathBuf> = Vec::new();
        for dir in plugin_dirs.iter().map(PathBuf::as_path).chain(parents) {
            // As events name it.
            let dir = if dir.as_os_str().is_empty() {
                Path::new(".")
            } else {
                dir
            };
            let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
        }
        let names = files.iter().filter_map(|file| file.file_name());
        Self {
            relevant: Relevant {
                dirs: dirs.iter().cloned().collect(),
                names: names.map(ToOwned::to_owned).collect(),
            },
            dirs,
            hints,
            watcher: None,
            watched: Vec::new(),
            warned: false,
        }
    }

    /// Watches anew if a directory was `lost`, appeared, or is another one than it was. To be called before each look, so that
    /// nothing falls between the look and the watch.
    pub(super) fn refresh(&mut self, lost: bool) {
        let found: Vec<_> = self.dirs.iter().map(|dir| identity(dir)).collect();
        if !lost && found == self.watched {
            return;
        }
        // A new watcher each time: what the old one still has to tell of a removed directory would make it drop the new one.
        self.watcher = None;
        self.watched = found;
        if self.watched.iter().all(Option::is_none) {
            return;
        }
        if let Err(error) = self.watch() {
            self.warn(&error);
        }
    }

    /// Watches what it can, and returns the first trouble.
    fn watch(&mut self) -> notify::Result<()> {
        let (hints, relevant) = (Arc::clone(&self.hints), self.relevant.clone());
        let mut watcher = recommended_watcher(move |event: notify::Result<Event>| {
            match event.map_or(Hint::Look, |event| relevant.hint(&event)) {
                Hint::Nothing => {}
                Hint::Look => hints.look(),
                Hint::DirectoryLost => hints.directory_lost(),
            }
        })?;
        let mut trouble = Ok(());
        for (dir, watched) in self.dirs.iter().zip(&mut self.watched) {
            if watched.is_none() {
                continue;
            }
            if let Err(error) = watcher.watch(dir, RecursiveMode::NonRecursive) {
                if matches!(error.kind, ErrorKind::PathNotFound) {
                    // Gone meanwhile: to be tried again when it is back.
                    *watched = None;
                } else if trouble.is_ok() {
                    trouble = Err(error);
                }
            }
        }
        self.watcher = Some(watcher);
        trouble
    }

    fn warn(&mut self, error: &notify::Error) {
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!(
                "the system does not tell of changes in all watched directories: {error}; the host looks by itself twice a second; \
                 if a limit was reached, raise it (on Linux fs.inotify.max_user_instances and fs.inotify.max_user_watches)"
            );
        }
    }
}

/// What an event may be about to matter.
#[derive(Clone)]
struct Relevant {
    dirs: HashSet<PathBuf>,
    /// The names of the config files.
    names: HashSet<OsString>,
}

#[derive(Debug, PartialEq)]
enum Hint {
    Nothing,
    Look,
    DirectoryLost,
}

impl Relevant {
    fn hint(&self, event: &Event) -> Hint {
        let about = |path: &PathBuf| {
            is_library_name(path) || path.file_name().is_some_and(|it| self.names.contains(it))
        };
        let about_dir = event.paths.iter().any(|path| self.dirs.contains(path));
        match event.kind {
            // Reading is one too, and the host reads.
            EventKind::Access(_) => Hint::Nothing,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) if about_dir => {
                Hint::DirectoryLost
            }
            // Without a path: events were lost.
            _ if about_dir || event.paths.is_empty() || event.paths.iter().any(about) => Hint::Look,
            _ => Hint::Nothing,
        }
    }
}

#[cfg(test)]
mod tests;

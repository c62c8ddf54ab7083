//! Notices what changes in the plugin directories and in the config files of a running host.
//!
//! One thread of its own, `agentsys-watch`, looks at everything: whenever the system hints at a change, when something is
//! due to have settled, and twice a second in any case, for what no event tells of (links that lead outside, network file
//! systems, events that were lost). A look costs one `stat` a file; a file is read only when its fingerprint changed and
//! has settled. Files may be large and file systems slow, so no runtime has a part in this.
//!
//! | step | where |
//! |---|---|
//! | hints of the operating system | `notices` |
//! | when a change counts | `settling`, which is pure |
//! | whole pictures of the plugin directories | `folders` |
//! | the config files | `files` |
//! | to the task that acts on it | `sightings` |

mod blind;
mod files;
mod fingerprint;
mod folders;
mod hints;
mod notices;
mod settling;
mod sightings;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use agentsys_loader::Discovery;

use files::Files;
use folders::{Folders, Inspect};
use hints::{Hints, Woken};
use notices::Notices;
pub(crate) use sightings::{Seen, Sightings};
use sightings::{Teller, sightings};

/// How often everything is looked at when nothing hints at a change. A removal that only this notices must be over in two
/// seconds, of which the file's absence takes one.
const RESCAN: Duration = Duration::from_millis(500);

/// How far apart two looks are, however many hints come.
const GAP: Duration = Duration::from_millis(20);

/// Watches directories and files until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    hints: Arc<Hints>,
}

impl Watch {
    /// Begins to watch these plugin directories and config files, which need not be there.
    ///
    /// `first` is what the host found in the directories when it started: the first picture comes when they differ from it.
    /// What a config file held when the host read it is not known, so [`Seen::Files`] comes once after the start if there
    /// are files.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn start(
        dirs: Vec<PathBuf>,
        files: Vec<PathBuf>,
        first: &Discovery,
    ) -> io::Result<(Self, Sightings)> {
        Self::start_with(dirs, files, first, folders::inspect)
    }

    fn start_with(
        dirs: Vec<PathBuf>,
        files: Vec<PathBuf>,
        first: &Discovery,
        inspect: Inspect,
    ) -> io::Result<(Self, Sightings)> {
        let hints = Arc::new(Hints::default());
        let (teller, sightings) = sightings();
        let now = Instant::now();
        let looking = Looking {
            notices: Notices::new(&dirs, &files, Arc::clone(&hints)),
            folders: Folders::new(dirs, first, inspect, now),
            files: Files::new(files, now),
            hints: Arc::clone(&hints),
            teller,
        };
        thread::Builder::new()
            .name("agentsys-watch".to_owned())
            .spawn(|| looking.run())?;
        Ok((Self { hints }, sightings))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hints.end();
    }
}

/// What the thread works with.
struct Looking {
    notices: Notices,
    folders: Folders,
    files: Files,
    hints: Arc<Hints>,
    teller: Teller,
}

impl Looking {
    fn run(mut self) {
        let mut lost = false;
        loop {
            self.notices.refresh(lost);
            self.look();
            match self.hints.wait(GAP, self.pause()) {
                Woken::End => return,
                Woken::Look { directory_lost } => lost = directory_lost,
            }
        }
    }

    fn look(&mut self) {
        let (files, folders) = (self.files.look(), self.folders.look());
        // After the looks: what they saw is at least as old.
        let now = Instant::now();
        if self.files.take(now, files) {
            self.teller.files();
        }
        if let Some(found) = self.folders.take(now, folders) {
            self.teller.plugins(found);
        }
    }

    /// How long nothing need be looked at.
    fn pause(&self) -> Duration {
        let next = [self.files.next(), self.folders.next()];
        let next = next.into_iter().flatten().min();
        let pause = next.map(|at| at.saturating_duration_since(Instant::now()));
        pause.map_or(RESCAN, |pause| pause.min(RESCAN))
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_plugin;

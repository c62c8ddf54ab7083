//! The plugin directories: looked at, and put together into whole pictures of what they hold.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agentsys_loader::{
    Candidate, Discovery, INTERFACE, Rejected, UnreadableDir, inspect_candidate, list_libraries,
};

use super::blind::{Blind, may_hold_files};
use super::fingerprint::{Fingerprint, fingerprint};
use super::settling::{ABSENT, BAD, Finding, SETTLED, Settling};

/// How a file is inspected; a test puts its own in place.
pub(super) type Inspect = fn(&Path) -> Result<Candidate, Rejected>;

pub(super) fn inspect(path: &Path) -> Result<Candidate, Rejected> {
    inspect_candidate(path, INTERFACE)
}

/// A file, sorted as a discovery wants them: by the number of its directory, then by name.
type Place = (usize, PathBuf);

pub(super) struct Folders {
    dirs: Vec<PathBuf>,
    blind: Vec<Blind>,
    files: Settling<Place, Fingerprint, Content>,
    inspect: Inspect,
}

/// What one look at the directories saw: for each its files, or why it has none to show.
pub(super) struct Look(Vec<Result<Vec<(PathBuf, Fingerprint)>, UnreadableDir>>);

impl Folders {
    /// `first` is what was found in these directories before.
    pub(super) fn new(
        dirs: Vec<PathBuf>,
        first: &Discovery,
        inspect: Inspect,
        now: Instant,
    ) -> Self {
        let shadowed = first.shadowed.iter().map(|it| &it.candidate);
        let good = first.plugins.iter().chain(shadowed).cloned().map(Ok);
        let bad = first.rejected.iter().cloned().map(Err);
        let standing = good.chain(bad).map(Content).filter_map(|content| {
            let path = content.path();
            let dir = dirs
                .iter()
                .position(|dir| path.parent() == Some(dir.as_path()))?;
            Some(((dir, path.to_owned()), content))
        });
        let told = |dir: &PathBuf| {
            let mut unreadable = first.unreadable_dirs.iter();
            Blind::told_before(unreadable.find(|it| it.path == *dir).cloned())
        };
        Self {
            blind: dirs.iter().map(told).collect(),
            files: Settling::new(now, standing),
            inspect,
            dirs,
        }
    }

    pub(super) fn look(&self) -> Look {
        let of = |path: PathBuf| fingerprint(&path).map(|it| (path, it));
        let listed = list_libraries(&self.dirs).into_iter();
        let looks = listed.map(|dir| dir.map(|files| files.into_iter().filter_map(of).collect()));
        Look(looks.collect())
    }

    /// Takes in a look that was over by `now`, reads what has settled, and returns the new picture if it differs from the last.
    pub(super) fn take(&mut self, now: Instant, Look(look): Look) -> Option<Discovery> {
        let mut differs = false;
        for (blind, dir) in self.blind.iter_mut().zip(&look) {
            differs |= blind.look(now, dir.as_ref().err());
        }
        let failed = |dir: usize| look.get(dir).and_then(|dir| dir.as_ref().err());
        let hidden = |place: &Place| failed(place.0).is_some_and(may_hold_files);
        let seen = look.iter().enumerate().flat_map(|(number, dir)| {
            let files = dir.iter().flatten();
            files.map(move |(path, seen)| ((number, path.clone()), seen.clone()))
        });
        self.files.observe(now, seen, hidden);
        for (place, seen) in self.files.due(now) {
            let content = Content((self.inspect)(&place.1));
            // What changed while it was read is left to the next look, which sees the change.
            if fingerprint(&place.1) == Some(seen) {
                self.files.inspected(&place, content.into_finding());
            }
        }
        differs |= self.files.settle(now);
        differs.then(|| self.picture())
    }

    /// When to look again at the latest.
    pub(super) fn next(&self) -> Option<Instant> {
        self.files.next()
    }

    fn picture(&self) -> Discovery {
        let (mut candidates, mut rejected) = (Vec::new(), Vec::new());
        for (_, Content(content)) in self.files.standing() {
            match content {
                Ok(candidate) => candidates.push(candidate.clone()),
                Err(bad) => rejected.push(bad.clone()),
            }
        }
        let unreadable = self.blind.iter().filter_map(Blind::told);
        Discovery::of(candidates, rejected, unreadable.cloned().collect())
    }
}

/// What a file holds. Equal if nobody would act differently on it.
#[derive(Clone, Debug)]
struct Content(Result<Candidate, Rejected>);

impl Content {
    fn path(&self) -> &Path {
        match &self.0 {
            Ok(candidate) => &candidate.path,
            Err(rejected) => &rejected.path,
        }
    }

    fn patience(&self) -> Duration {
        match &self.0 {
            Ok(_) => SETTLED,
            Err(rejected) if rejected.is_missing() => ABSENT,
            Err(_) => BAD,
        }
    }

    fn into_finding(self) -> Finding<Self> {
        Finding {
            patience: self.patience(),
            passing: self.0.as_ref().is_err_and(Rejected::is_unread),
            content: self,
        }
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Ok(one), Ok(other)) => one.inspected.content_hash == other.inspected.content_hash,
            (Err(one), Err(other)) => one.error.to_string() == other.error.to_string(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;

//! Directories that cannot be listed: told once, and not for a moment's absence.

use std::io;
use std::time::Instant;

use agentsys_loader::UnreadableDir;

use super::settling::ABSENT;

/// What is known of one directory.
#[derive(Debug, Default)]
pub(super) struct Blind {
    /// Why it could not be listed, and since when that is so.
    seen: Option<(UnreadableDir, Instant)>,
    told: Option<UnreadableDir>,
}

impl Blind {
    /// Begins with what was told already.
    pub(super) fn told_before(told: Option<UnreadableDir>) -> Self {
        Self { seen: None, told }
    }

    /// Takes in one look. Whether what is to be told differs then.
    pub(super) fn look(&mut self, now: Instant, failed: Option<&UnreadableDir>) -> bool {
        let Some(failed) = failed else {
            self.seen = None;
            return self.told.take().is_some();
        };
        let since = match &self.seen {
            Some((before, since)) if alike(before, failed) => *since,
            _ => now,
        };
        self.seen = Some((failed.clone(), since));
        let known = self.told.as_ref().is_some_and(|told| alike(told, failed));
        if known || now.saturating_duration_since(since) < ABSENT {
            return false;
        }
        self.told = Some(failed.clone());
        true
    }

    pub(super) fn told(&self) -> Option<&UnreadableDir> {
        self.told.as_ref()
    }
}

/// Whether the files in a directory that cannot be listed may still be there.
pub(super) fn may_hold_files(failed: &UnreadableDir) -> bool {
    !matches!(
        failed.error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn alike(one: &UnreadableDir, other: &UnreadableDir) -> bool {
    one.error.kind() == other.error.kind()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use agentsys_loader::list_libraries;

    use super::*;

    fn missing() -> UnreadableDir {
        let listed = list_libraries(&[PathBuf::from("no/such/directory")]).remove(0);
        listed.unwrap_err()
    }

    #[test]
    fn a_directory_is_told_after_a_second_and_once() {
        let (start, mut blind) = (Instant::now(), Blind::default());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(!blind.look(at(0), Some(&missing())));
        assert!(!blind.look(at(999), Some(&missing())));
        assert!(blind.told().is_none());
        assert!(blind.look(at(1_000), Some(&missing())));
        assert!(!blind.look(at(9_000), Some(&missing())));
        assert!(blind.told().is_some());
        assert!(blind.look(at(9_500), None));
        assert!(blind.told().is_none());
    }

    #[test]
    fn a_directory_that_is_made_again_within_a_second_is_not_told() {
        let (start, mut blind) = (Instant::now(), Blind::default());
        assert!(!blind.look(start, Some(&missing())));
        assert!(!blind.look(start + Duration::from_millis(900), None));
        assert!(!blind.look(start + Duration::from_millis(1_000), Some(&missing())));
        assert!(!blind.look(start + Duration::from_millis(1_100), Some(&missing())));
    }

    #[test]
    fn what_was_told_before_is_not_told_again() {
        let mut blind = Blind::told_before(Some(missing()));
        let start = Instant::now();
        assert!(!blind.look(start, Some(&missing())));
        assert!(!blind.look(start + ABSENT, Some(&missing())));
    }
}

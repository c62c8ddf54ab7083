//! Real files, and a clock that the test moves. Contents that follow each other differ in length, since the clock of a file
//! system may be too coarse to tell two writes of one test apart.

use std::fs;

use tempfile::TempDir;

use super::super::text_plugin::{discover, inspect, meanwhile, reads, served, serving};
use super::*;

const OLD: &str = "echo 1.0.0 of old;";
const NEW: &str = "echo 1.0.0 of something new;";

struct Watched {
    dir: TempDir,
    folders: Folders,
    now: Instant,
}

impl Watched {
    /// A directory in which `echo.so` with the content `OLD` is known.
    fn old() -> Self {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("echo.so"), OLD).unwrap();
        let mut this = Self::of(dir);
        assert!(this.after(0).is_none() && this.after(200).is_none());
        this
    }

    fn of(dir: TempDir) -> Self {
        let dirs = vec![dir.path().to_owned()];
        let (now, first) = (Instant::now(), discover(&dirs));
        Self {
            folders: Folders::new(dirs, &first, inspect, now),
            dir,
            now,
        }
    }

    fn at(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.at(file), text).unwrap();
    }

    /// What a look after so many milliseconds shows.
    fn after(&mut self, millis: u64) -> Option<Discovery> {
        self.now += Duration::from_millis(millis);
        let look = self.folders.look();
        self.folders.take(self.now, look)
    }

    /// The only picture of the next minute.
    fn only_picture(&mut self) -> Discovery {
        let looks = (0..600).filter_map(|_| self.after(100));
        let mut pictures: Vec<_> = looks.collect();
        assert_eq!(pictures.len(), 1, "{pictures:#?}");
        pictures.remove(0)
    }

    fn shows_only_new(&mut self) {
        let found = self.only_picture();
        assert_eq!(serving(&found), served("echo.so", NEW));
        assert!(found.shadowed.is_empty() && found.rejected.is_empty());
    }
}

#[test]
fn a_file_that_is_dropped_is_shown_when_it_has_settled() {
    let mut watched = Watched::of(TempDir::new().unwrap());
    assert!(watched.after(1_000).is_none());
    watched.write("echo.so", NEW);
    assert!(watched.after(10).is_none());
    assert!(watched.after(199).is_none());
    let found = watched.after(1).unwrap();
    assert_eq!(serving(&found), served("echo.so", NEW));
}

#[test]
fn a_copy_that_takes_long_is_shown_when_it_is_complete() {
    let mut watched = Watched::old();
    for end in 1..NEW.len() {
        watched.write("echo.so", &NEW[..end]);
        // Even if it stalls for a while.
        assert!(watched.after(10).is_none());
        assert!(watched.after(1_900).is_none());
    }
    watched.write("echo.so", NEW);
    watched.shows_only_new();
}

#[test]
fn a_file_that_is_overwritten_in_place_is_shown() {
    let mut watched = Watched::old();
    watched.write("echo.so", NEW);
    watched.shows_only_new();
}

#[test]
fn a_file_that_is_renamed_over_another_is_shown() {
    let mut watched = Watched::old();
    watched.write(".echo.so.Xy12Zz", &NEW[..10]);
    assert!(watched.after(5_000).is_none());
    watched.write(".echo.so.Xy12Zz", NEW);
    fs::rename(watched.at(".echo.so.Xy12Zz"), watched.at("echo.so")).unwrap();
    watched.shows_only_new();
}

#[test]
fn a_file_that_is_unlinked_and_linked_anew_is_a_change_and_no_removal() {
    let mut watched = Watched::old();
    watched.write("built", NEW);
    fs::remove_file(watched.at("echo.so")).unwrap();
    assert!(watched.after(10).is_none());
    assert!(watched.after(900).is_none());
    fs::hard_link(watched.at("built"), watched.at("echo.so")).unwrap();
    watched.shows_only_new();
}

#[cfg(unix)]
#[test]
fn a_link_that_is_switched_is_shown() {
    use std::os::unix::fs::symlink;
    let (dir, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (one, two) = (elsewhere.path().join("1"), elsewhere.path().join("2"));
    fs::write(&one, OLD).unwrap();
    fs::write(&two, NEW).unwrap();
    symlink(&one, dir.path().join("echo.so")).unwrap();
    let mut watched = Watched::of(dir);
    symlink(&two, watched.at("next")).unwrap();
    fs::rename(watched.at("next"), watched.at("echo.so")).unwrap();
    watched.shows_only_new();
    // And what it leads to is watched too.
    fs::write(&two, OLD).unwrap();
    assert_eq!(serving(&watched.only_picture()), served("echo.so", OLD));
}

#[cfg(unix)]
#[test]
fn a_link_that_comes_to_lead_nowhere_is_missing_after_a_second() {
    let elsewhere = TempDir::new().unwrap();
    let target = elsewhere.path().join("real");
    fs::write(&target, OLD).unwrap();
    let dir = TempDir::new().unwrap();
    std::os::unix::fs::symlink(&target, dir.path().join("echo.so")).unwrap();
    let mut watched = Watched::of(dir);
    watched.after(0);
    fs::remove_file(&target).unwrap();
    assert!(watched.after(10).is_none());
    assert!(watched.after(999).is_none());
    let found = watched.after(1).unwrap();
    assert!(found.plugins.is_empty() && found.rejected[0].is_missing());
    fs::write(&target, NEW).unwrap();
    watched.shows_only_new();
}

#[test]
fn equal_bytes_are_not_shown_again() {
    let mut watched = Watched::old();
    let file = fs::File::options()
        .write(true)
        .open(watched.at("echo.so"))
        .unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    let before = reads();
    assert!((0..100).all(|_| watched.after(100).is_none()));
    assert_eq!(reads() - before, 1);
}

#[test]
fn a_file_is_read_once_however_often_it_is_looked_at() {
    let mut watched = Watched::old();
    watched.write("bad.so", "no plugin");
    let before = reads();
    assert_eq!(watched.only_picture().rejected.len(), 1);
    assert_eq!(reads() - before, 1);
}

#[test]
fn a_removed_file_is_shown_as_gone_after_a_second() {
    let mut watched = Watched::old();
    watched.write("other.so", "other 1.0.0;");
    watched.only_picture();
    fs::remove_file(watched.at("echo.so")).unwrap();
    assert!(watched.after(10).is_none());
    assert!(watched.after(999).is_none());
    let found = watched.after(1).unwrap();
    assert_eq!(serving(&found), served("other.so", "other 1.0.0;"));
    assert!(found.rejected.is_empty());
}

#[test]
fn a_file_that_stays_bad_is_shown_with_its_reason_and_taken_when_it_is_good() {
    let mut watched = Watched::old();
    watched.write("echo.so", "\x7fELF");
    assert!(watched.after(10).is_none());
    assert!(watched.after(1_999).is_none());
    let found = watched.after(1).unwrap();
    assert!(found.plugins.is_empty());
    assert_eq!(found.rejected[0].path, watched.at("echo.so"));
    watched.write("echo.so", NEW);
    assert!(watched.after(10).is_none());
    let found = watched.after(200).unwrap();
    assert_eq!(serving(&found), served("echo.so", NEW));
    assert!(found.rejected.is_empty());
}

#[test]
fn what_changes_while_it_is_read_waits_until_it_has_settled_again() {
    let mut watched = Watched::old();
    watched.write("echo.so", "echo 1.0.0 of a moment;");
    watched.after(10);
    let path = watched.at("echo.so");
    meanwhile(move || fs::write(path, NEW).unwrap());
    assert!(watched.after(200).is_none());
    assert!(watched.after(10).is_none());
    assert!(watched.after(199).is_none());
    let found = watched.after(1).unwrap();
    assert_eq!(serving(&found), served("echo.so", NEW));
}

#[test]
fn what_changed_between_the_host_s_look_and_the_first_one_is_shown() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("echo.so"), OLD).unwrap();
    fs::write(dir.path().join("gone.so"), "gone 1.0.0;").unwrap();
    fs::write(dir.path().join("low.so"), "echo 0.9.0;").unwrap();
    fs::write(dir.path().join("bad.so"), "no plugin").unwrap();
    let mut watched = Watched::of(dir);
    watched.write("echo.so", NEW);
    fs::remove_file(watched.at("gone.so")).unwrap();
    watched.after(0);
    let found = watched.after(200).unwrap();
    let mut both = served("echo.so", NEW);
    both.extend(served("gone.so", "gone 1.0.0;"));
    assert_eq!(serving(&found), both);
    assert_eq!((found.shadowed.len(), found.rejected.len()), (1, 1));
    let found = watched.after(800).unwrap();
    assert_eq!(serving(&found), served("echo.so", NEW));
    assert_eq!((found.shadowed.len(), found.rejected.len()), (1, 1));
}

#[test]
fn of_equal_versions_the_one_in_the_earlier_directory_serves_whenever_it_came() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs::write(second.path().join("a.so"), OLD).unwrap();
    let dirs = vec![first.path().to_owned(), second.path().to_owned()];
    let now = Instant::now();
    let mut folders = Folders::new(dirs.clone(), &discover(&dirs), inspect, now);
    fs::write(first.path().join("z.so"), NEW).unwrap();
    let look = folders.look();
    assert!(folders.take(now, look).is_none());
    let look = folders.look();
    let found = folders.take(now + SETTLED, look).unwrap();
    assert_eq!(serving(&found), served("z.so", NEW));
    assert_eq!(found.shadowed.len(), 1);
}

#[test]
fn a_directory_that_is_removed_is_told_once_and_watched_when_it_is_made_again() {
    let outer = TempDir::new().unwrap();
    let dir = outer.path().join("plugins");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("echo.so"), OLD).unwrap();
    let dirs = vec![dir.clone()];
    let (now, first) = (Instant::now(), discover(&dirs));
    let mut watched = Watched {
        folders: Folders::new(dirs, &first, inspect, now),
        dir: outer,
        now,
    };
    watched.after(0);
    fs::remove_dir_all(&dir).unwrap();
    let found = watched.only_picture();
    assert!(found.plugins.is_empty());
    assert_eq!(found.unreadable_dirs[0].path, dir);

    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("echo.so"), NEW).unwrap();
    let found = watched.after(10).unwrap();
    assert!(found.unreadable_dirs.is_empty() && found.plugins.is_empty());
    watched.shows_only_new();
}

#[test]
fn a_directory_that_is_made_anew_within_a_second_is_a_change_of_its_files() {
    let outer = TempDir::new().unwrap();
    let dir = outer.path().join("plugins");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("echo.so"), OLD).unwrap();
    let dirs = vec![dir.clone()];
    let (now, first) = (Instant::now(), discover(&dirs));
    let mut watched = Watched {
        folders: Folders::new(dirs, &first, inspect, now),
        dir: outer,
        now,
    };
    watched.after(0);
    fs::remove_dir_all(&dir).unwrap();
    assert!(watched.after(500).is_none());
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("echo.so"), NEW).unwrap();
    watched.shows_only_new();
}

#![allow(clippy::unwrap_used, reason = "tests")]

use tempfile::TempDir;

use super::*;

struct Place {
    dir: TempDir,
    quarantine: Quarantine,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(dir.path()).unwrap();
    Place { dir, quarantine }
}

/// The content of that build of a plugin.
fn hash(build: &str) -> ContentHash {
    ContentHash::of(build.as_bytes())
}

fn content<'a>(hash: &'a ContentHash, plugin: &'a str) -> Content<'a> {
    Content {
        hash,
        plugin,
        version: "1.2.3",
        path: Path::new("plugins/x.so"),
    }
}

impl Place {
    fn add(&self, build: &str, plugin: &str) {
        let hash = hash(build);
        let content = content(&hash, plugin);
        self.quarantine
            .add(&content, QuarantineKind::Probe, "its probe crashed")
            .unwrap();
    }

    fn crash(&self, build: &str) -> u32 {
        let hash = hash(build);
        let content = content(&hash, "x");
        self.quarantine.record_crash(&content, "SIGSEGV").unwrap()
    }

    fn has(&self, build: &str) -> bool {
        self.quarantine.get(&hash(build)).is_some()
    }

    fn file(&self, build: &str) -> PathBuf {
        self.quarantine.file(&hash(build))
    }

    /// As the next start sees it.
    fn again(self) -> Self {
        let quarantine = Quarantine::open(self.dir.path()).unwrap();
        Self { quarantine, ..self }
    }
}

#[test]
fn a_content_that_did_no_harm_is_free() {
    let place = place();
    assert!(!place.has("good"));
    assert_eq!(place.quarantine.list().unwrap(), []);
    assert_eq!(place.quarantine.clear(None).unwrap(), 0);
}

#[test]
fn what_is_added_is_there_at_the_next_start_with_its_cause() {
    let place = place();
    place.add("bad", "x");
    let place = place.again();
    let found = place.quarantine.get(&hash("bad")).unwrap();
    assert_eq!(found.hash, hash("bad").to_string());
    assert_eq!((&*found.plugin, &*found.version), ("x", "1.2.3"));
    assert_eq!(found.path, "plugins/x.so");
    assert_eq!(found.kind, QuarantineKind::Probe);
    assert_eq!(found.cause, "its probe crashed");
    assert!(found.at > 1.7e9);
    assert_eq!(place.quarantine.list().unwrap(), [found]);
}

#[test]
fn another_build_of_the_plugin_is_free() {
    let place = place();
    place.add("bad", "x");
    assert!(!place.has("mended"));
}

#[test]
fn the_second_crash_puts_a_content_into_quarantine() {
    let place = place();
    assert_eq!(place.crash("bad"), 1);
    assert!(!place.has("bad"));
    assert_eq!(place.quarantine.list().unwrap(), []);
    let place = place.again();
    assert_eq!(place.crash("bad"), 2);
    let found = place.quarantine.get(&hash("bad")).unwrap();
    assert_eq!(found.kind, QuarantineKind::Crashes);
    assert_eq!((&*found.cause, found.crashes), ("SIGSEGV", 2));
}

#[test]
fn another_cause_keeps_the_crashes_that_were_counted() {
    let place = place();
    place.crash("bad");
    place.add("bad", "x");
    assert_eq!(place.quarantine.get(&hash("bad")).unwrap().crashes, 1);
    assert_eq!(place.crash("bad"), 2);
}

#[test]
fn clearing_a_plugin_lets_go_of_all_its_contents_and_of_no_other() {
    let place = place();
    place.add("one", "x");
    place.add("two", "x");
    place.add("three", "y");
    assert_eq!(place.quarantine.clear(Some("x")).unwrap(), 2);
    assert!(!place.has("one") && !place.has("two") && place.has("three"));
}

#[test]
fn clearing_by_hash_takes_its_first_eight_digits_or_more() {
    let place = place();
    place.add("one", "x");
    let digits = hash("one").to_string();
    assert_eq!(place.quarantine.clear(Some(&digits[..7])).unwrap(), 0);
    assert_eq!(place.quarantine.clear(Some("")).unwrap(), 0);
    let upper = digits[..8].to_uppercase();
    assert_eq!(place.quarantine.clear(Some(&upper)).unwrap(), 1);
    assert!(!place.has("one"));
}

#[test]
fn clearing_everything_forgets_crashes_that_were_counted() {
    let place = place();
    place.add("one", "x");
    place.crash("two");
    assert_eq!(place.quarantine.clear(None).unwrap(), 1);
    assert_eq!(place.crash("two"), 1);
}

#[test]
fn another_process_sees_what_was_added_and_cleared() {
    let place = place();
    let other = Quarantine::open(place.dir.path()).unwrap();
    place.add("bad", "x");
    assert_eq!(other.clear(Some("x")).unwrap(), 1);
    assert!(!place.has("bad"));
}

#[test]
fn a_damaged_file_is_moved_aside_and_the_others_hold() {
    let place = place();
    place.add("good", "y");
    place.add("bad", "x");
    let whole = fs::read_to_string(place.file("bad")).unwrap();
    let other_content = whole.replace(&hash("bad").to_string(), &hash("good").to_string());
    let other_format = whole.replace(r#""format": 1"#, r#""format": 2"#);
    let cut = &whole[..whole.len() / 2];
    for damaged in ["", cut, "[]", &other_content, &other_format] {
        assert_ne!(damaged, whole);
        fs::write(place.file("bad"), damaged).unwrap();
        let _ = Quarantine::open(place.dir.path()).unwrap();
        assert!(!place.has("bad"), "{damaged}");
        assert!(!place.file("bad").exists());
        let aside = fs::read_to_string(place.file("bad").with_extension("damaged"));
        assert_eq!(aside.unwrap(), damaged);
        assert!(place.has("good"));
    }
    place.add("bad", "x");
    assert!(place.has("bad"));
}

#[test]
fn a_directory_that_cannot_be_read_is_an_error_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("quarantine"), "a file").unwrap();
    let error = Quarantine::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("/quarantine: the quarantine cannot be read: "));
}

#[test]
fn the_list_goes_by_plugin_and_is_json() {
    let place = place();
    place.add("one", "y");
    place.add("two", "x");
    let list = place.quarantine.list().unwrap();
    let plugins: Vec<_> = list.iter().map(|it| &*it.plugin).collect();
    assert_eq!(plugins, ["x", "y"]);
    let json = serde_json::to_value(&list[0]).unwrap();
    assert_eq!(json["kind"], "probe");
    assert_eq!(json["hash"], hash("two").to_string());
}

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs::File;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::description::Description;

const PATH: &str = "plugins/x.so";

struct Place {
    _dir: TempDir,
    cache: VerdictCache,
    content: ContentHash,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place {
        cache: VerdictCache::new(dir.path()),
        _dir: dir,
        content: ContentHash::of(b"a plugin"),
    }
}

fn serves() -> Result<ProbeReport, ProbeError> {
    Ok(ProbeReport {
        description: Description {
            strategy: false,
            interceptor: false,
            config_schema: Some(serde_json::json!({"type": "object"})),
            handlers: Vec::new(),
        },
        printed: Some("hello".to_owned()),
    })
}

fn refused(lasting: bool) -> Result<ProbeReport, ProbeError> {
    let fault = ProbeFault::Refused {
        reason: "its seam is laid out differently".to_owned(),
        report: Some("field 1".to_owned()),
        lasting,
    };
    Err(ProbeError::new(Path::new("other.so"), fault, None))
}

impl Place {
    fn get(&self) -> Option<Result<ProbeReport, ProbeError>> {
        self.cache.get(&self.content, Path::new(PATH))
    }

    fn file(&self) -> PathBuf {
        self.cache.file(&self.content)
    }
}

#[test]
fn what_was_never_probed_is_unknown() {
    assert!(place().get().is_none());
}

#[test]
fn a_description_is_kept_without_what_was_printed() {
    let place = place();
    place.cache.put(&place.content, &serves());
    let kept = place.get().unwrap().unwrap();
    assert_eq!(kept.description, serves().unwrap().description);
    assert_eq!(kept.printed, None);
}

#[test]
fn a_refusal_is_kept_and_names_the_file_that_is_asked_about() {
    let place = place();
    place.cache.put(&place.content, &refused(true));
    let kept = place.get().unwrap().unwrap_err();
    assert_eq!(
        kept.to_string(),
        "plugins/x.so: its seam is laid out differently"
    );
    assert_eq!(kept.report(), Some("field 1"));
}

#[test]
fn what_may_pass_another_time_is_not_kept() {
    let place = place();
    let limit = Duration::from_secs(1);
    let hung = ProbeFault::Hung { limit, stage: None };
    let hung = Err(ProbeError::new(Path::new(PATH), hung, None));
    for outcome in [refused(false), hung] {
        place.cache.put(&place.content, &outcome);
        assert!(place.get().is_none(), "{outcome:?}");
    }
}

#[test]
fn a_damaged_file_is_unknown_removed_and_made_anew() {
    let place = place();
    place.cache.put(&place.content, &serves());
    let whole = fs::read(place.file()).unwrap();
    for damaged in [&b""[..], b"\0\0\0", &whole[..whole.len() - 1], b"{}"] {
        fs::write(place.file(), damaged).unwrap();
        assert!(place.get().is_none(), "{damaged:?}");
        assert!(!place.file().exists(), "{damaged:?}");
    }
    place.cache.put(&place.content, &serves());
    assert!(place.get().is_some());
}

#[test]
fn another_hosts_file_is_asked_again_whatever_else_is_in_it() {
    let place = place();
    place.cache.put(&place.content, &serves());
    let ours = fs::read_to_string(place.file()).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    for (from, to) in [
        (r#""format":1"#.to_owned(), r#""format":2"#),
        (format!(r#""host":"{version}""#), r#""host":"99.0.0""#),
        (
            format!(r#""interface":"{}""#, Interface::HOST),
            r#""interface":"99.0""#,
        ),
        (r#""serves""#.to_owned(), r#""unheard_of""#),
    ] {
        let theirs = ours.replace(&from, to);
        assert_ne!(theirs, ours, "{from}");
        fs::write(place.file(), theirs).unwrap();
        assert!(place.get().is_none(), "{from}");
        assert!(!place.file().exists(), "{from}");
    }
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let place = place();
    place.cache.put(&place.content, &serves());
    let old = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    for number in 0..MOST as u64 {
        let file = File::create(place.cache.dir.join(format!("{number:04}.json"))).unwrap();
        file.set_modified(old(number + 1)).unwrap();
    }
    place.cache.put(&place.content, &serves());
    assert_eq!(fs::read_dir(&place.cache.dir).unwrap().count(), MOST);
    assert!(place.get().is_some());
    assert!(!place.cache.dir.join("0000.json").exists());
    assert!(place.cache.dir.join("0001.json").exists());
}

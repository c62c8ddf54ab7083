//! Entries, times and files for tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use activity_logger::{Config, Entry, LineFormat, Rotation, Sink};
use agentsys_plugin::PluginConfig;
use serde_json::Value;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) const KEEP_ALL: Rotation = Rotation {
    size: None,
    daily: false,
    keep: 1,
};

/// A time whose RFC 3339 form is `2023-11-14T22:13:20.007Z`.
pub(crate) fn some_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_007)
}

pub(crate) fn activity(json: Value) -> Entry {
    Entry::Activity(serde_json::from_value(json).unwrap())
}

pub(crate) fn trouble(json: Value) -> Entry {
    Entry::Trouble(serde_json::from_value(json).unwrap())
}

pub(crate) fn config(json: Value) -> Config {
    let config: Config = serde_json::from_value(json).unwrap();
    assert!(config.problems().is_empty(), "{:?}", config.problems());
    config
}

/// The line of an entry at [`some_time`], without its line break.
pub(crate) fn line(config_json: Value, entry: &Entry) -> String {
    let format = LineFormat::new(&config(config_json)).unwrap();
    let line = format.line(entry, some_time());
    line.strip_suffix('\n').unwrap().to_owned()
}

pub(crate) fn sink(path: &Path, rotation: Rotation) -> Sink {
    Sink::file(path, rotation).unwrap()
}

pub(crate) fn write(sink: &Sink, line: &str) {
    sink.write(line, SystemTime::now()).unwrap();
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The path of the rotated file of that number; 0 is the file itself.
pub(crate) fn rotated(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    PathBuf::from(format!("{}.{number}", path.display()))
}

/// How many files there are in a folder.
pub(crate) fn count(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

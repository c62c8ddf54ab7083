//! Rotation by size and by day.

use std::fs::{self, File};
use std::time::SystemTime;

use activity_logger::Rotation;

use crate::support::{DAY, count, read, rotated, sink, some_time, write};

fn by_size(size: u64, keep: usize) -> Rotation {
    Rotation {
        size: Some(size),
        daily: false,
        keep,
    }
}

const DAILY: Rotation = Rotation {
    size: None,
    daily: true,
    keep: 3,
};

#[test]
fn a_file_is_rotated_before_a_line_that_would_make_it_too_large() {
    let now = some_time();
    let rotation = by_size(100, 1);
    assert!(!rotation.is_due(90, now, 10, now));
    assert!(rotation.is_due(90, now, 11, now));
    assert!(rotation.is_due(u64::MAX, now, 1, now));
    assert!(!rotation.is_due(0, now, 1_000, now), "an empty file");
}

#[test]
fn a_file_is_rotated_before_the_first_line_of_another_day() {
    // Late in the evening, UTC.
    let evening = some_time();
    let two_hours = DAY / 12;
    assert!(!DAILY.is_due(1, evening, 1, evening));
    assert!(!DAILY.is_due(1, evening - two_hours, 1, evening));
    assert!(DAILY.is_due(1, evening, 1, evening + two_hours));
    assert!(DAILY.is_due(1, evening, 1, evening + 400 * DAY));
    assert!(!DAILY.is_due(0, evening, 1, evening + DAY), "an empty file");
    assert!(
        !DAILY.is_due(1, evening + DAY, 1, evening),
        "a clock set back"
    );
}

#[test]
fn size_and_day_count_together() {
    let both = Rotation {
        daily: true,
        ..by_size(100, 1)
    };
    let now = some_time();
    assert!(both.is_due(99, now, 2, now));
    assert!(both.is_due(1, now, 1, now + DAY));
    assert!(!both.is_due(1, now, 1, now));
}

#[test]
fn the_newest_files_are_kept_and_the_oldest_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    let sink = sink(&path, by_size(12, 3));
    for number in 0..12 {
        write(&sink, &format!("line{number:02}\n"));
    }
    // Seven bytes each: two do not fit.
    for (file, line) in [(0, 11), (1, 10), (2, 9), (3, 8)] {
        assert_eq!(read(&rotated(&path, file)), format!("line{line:02}\n"));
    }
    assert_eq!(count(folder.path()), 4);
}

#[test]
fn no_file_is_larger_than_its_size_and_a_longer_line_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    let sink = sink(&path, by_size(10, 9));
    let long = "a line that is longer\n";
    for line in ["1234\n", "6789\n", long, "last\n"] {
        write(&sink, line);
    }
    assert_eq!(read(&rotated(&path, 2)), "1234\n6789\n");
    assert_eq!(read(&rotated(&path, 1)), long);
    assert_eq!(read(&path), "last\n");
    assert_eq!(count(folder.path()), 3);
}

#[test]
fn the_day_is_that_of_the_last_line_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    write(&sink(&path, DAILY), "yesterday\n");
    let file = File::options().append(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - DAY).unwrap();

    let sink = sink(&path, DAILY);
    write(&sink, "today\n");
    assert_eq!(read(&rotated(&path, 1)), "yesterday\n");
    assert_eq!(read(&path), "today\n");
}

#[test]
fn a_running_sink_begins_a_file_at_the_turn_of_the_day() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    let sink = sink(&path, DAILY);
    write(&sink, "today\n");
    sink.write("tomorrow\n", SystemTime::now() + DAY).unwrap();
    assert_eq!(read(&rotated(&path, 1)), "today\n");
    assert_eq!(read(&path), "tomorrow\n");
}

#[test]
fn a_file_that_cannot_be_rotated_is_written_on_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    fs::write(rotated(&path, 1), "older\n").unwrap();
    fs::create_dir(rotated(&path, 2)).unwrap();
    let sink = sink(&path, by_size(5, 2));
    for line in ["one\n", "two\n", "three\n"] {
        write(&sink, line);
    }
    assert_eq!(read(&path), "one\ntwo\nthree\n");
    assert_eq!(read(&rotated(&path, 1)), "older\n");

    fs::remove_dir(rotated(&path, 2)).unwrap();
    write(&sink, "four\n");
    assert_eq!(read(&path), "four\n");
    assert_eq!(read(&rotated(&path, 1)), "one\ntwo\nthree\n");
    assert_eq!(read(&rotated(&path, 2)), "older\n");
}

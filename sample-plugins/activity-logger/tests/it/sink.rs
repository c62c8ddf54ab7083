//! The file: opened, appended to, lost and found again.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use activity_logger::{Sink, SinkError};

use crate::support::{KEEP_ALL, read, sink, write};

#[test]
fn a_line_is_in_the_file_when_the_write_returns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    let sink = sink(&path, KEEP_ALL);
    write(&sink, "one\n");
    assert_eq!(read(&path), "one\n");
    write(&sink, "two\n");
    assert_eq!(read(&path), "one\ntwo\n");
}

#[test]
fn an_existing_file_is_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    fs::write(&path, "before\n").unwrap();
    write(&sink(&path, KEEP_ALL), "after\n");
    assert_eq!(read(&path), "before\nafter\n");
}

#[test]
fn folders_that_are_missing_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/of/agents/activity.log");
    write(&sink(&path, KEEP_ALL), "one\n");
    assert_eq!(read(&path), "one\n");
}

#[test]
fn a_path_that_cannot_be_opened_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let message = Sink::file(path, KEEP_ALL).unwrap_err().to_string();
    let expected = format!("cannot open the log file {}: ", path.display());
    assert!(message.starts_with(&expected), "{message}");

    fs::write(path.join("file"), "").unwrap();
    let below = path.join("file/activity.log");
    let error = Sink::file(&below, KEEP_ALL).unwrap_err();
    assert!(matches!(error, SinkError::Folder { .. }));
    assert!(
        error.to_string().contains(&below.display().to_string()),
        "{error}"
    );
}

#[test]
fn a_file_that_was_moved_or_deleted_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/activity.log");
    let sink = sink(&path, KEEP_ALL);
    write(&sink, "one\n");

    let moved = folder.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    write(&sink, "two\n");
    assert_eq!(
        (read(&moved), read(&path)),
        ("one\n".into(), "two\n".into())
    );

    fs::remove_dir_all(folder.path().join("logs")).unwrap();
    write(&sink, "three\n");
    assert_eq!(read(&path), "three\n");

    fs::rename(&path, &moved).unwrap();
    fs::write(&path, "another's\n").unwrap();
    write(&sink, "four\n");
    assert_eq!(read(&moved), "three\n");
    assert_eq!(read(&path), "another's\nfour\n");
}

#[test]
fn a_write_that_failed_is_tried_again_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    let path = logs.join("activity.log");
    let sink = sink(&path, KEEP_ALL);
    fs::remove_dir_all(&logs).unwrap();
    fs::write(&logs, "in the way").unwrap();
    let error = sink.write("one\n", SystemTime::now()).unwrap_err();
    assert!(matches!(error, SinkError::Folder { .. }), "{error}");

    fs::remove_file(&logs).unwrap();
    write(&sink, "two\n");
    assert_eq!(read(&path), "two\n");
}

#[test]
fn a_file_that_was_cut_by_another_program_is_written_on_from_its_new_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    let sink = sink(&path, KEEP_ALL);
    write(&sink, "one\n");
    fs::write(&path, "").unwrap();
    write(&sink, "two\n");
    assert_eq!(read(&path), "two\n");
}

#[test]
fn closing_keeps_all_lines_and_a_later_one_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    let sink = sink(&path, KEEP_ALL);
    write(&sink, "one\n");
    sink.close().unwrap();
    sink.close().unwrap();
    write(&sink, "two\n");
    assert_eq!(read(&path), "one\ntwo\n");
    Sink::standard_error().close().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_the_writers_error() {
    let sink = sink("/dev/full".as_ref(), KEEP_ALL);
    let error = sink.write("one\n", SystemTime::now()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot write to the log file /dev/full: No space left on device (os error 28); see that its disk has space"
    );
    sink.close().unwrap();
}

/// The shell lets no file grow past its limit: a full disk for one process.
#[cfg(unix)]
#[test]
fn of_a_line_that_did_not_fit_nothing_is_left() {
    const CHILD: &str = "ACTIVITY_LOGGER_TEST_FULL";
    let line = format!("{}\n", "x".repeat(299));
    if let Some(path) = std::env::var_os(CHILD) {
        let sink = sink(path.as_ref(), KEEP_ALL);
        while sink.write(&line, SystemTime::now()).is_ok() {}
        sink.write("short\n", SystemTime::now()).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    let this_test = "sink::of_a_line_that_did_not_fit_nothing_is_left";
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$1\" --exact",
        ])
        .arg(std::env::current_exe().unwrap())
        .arg(this_test)
        .env(CHILD, &path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let written = read(&path);
    let whole = written.strip_suffix("short\n").unwrap();
    assert!(whole.split_inclusive('\n').count() > 1);
    assert!(whole.split_inclusive('\n').all(|found| found == line));
}

#[test]
fn standard_error_takes_lines_as_they_are() {
    const CHILD: &str = "ACTIVITY_LOGGER_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        write(&Sink::standard_error(), "to standard error\n");
        return;
    }
    let this_test = "sink::standard_error_takes_lines_as_they_are";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([this_test, "--exact", "--nocapture"])
        .env(CHILD, "")
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "to standard error\n"
    );
}

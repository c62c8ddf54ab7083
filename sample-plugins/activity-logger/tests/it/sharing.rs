//! Many threads, and many sinks, on one file.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use activity_logger::{Rotation, Sink};

use crate::support::{KEEP_ALL, read, rotated, sink, write};

const THREADS: usize = 8;
const LINES: usize = 1_250;

/// Enough files for all lines, some hundred to a file.
const MANY: Rotation = Rotation {
    size: Some(16 * 1024),
    daily: false,
    keep: 100,
};

/// Writes numbered lines of different lengths from all threads at once.
fn write_all(sink_of: impl Fn(usize) -> Sink) {
    let sinks: Vec<Sink> = (0..THREADS).map(&sink_of).collect();
    share(&sinks.iter().collect::<Vec<_>>());
}

fn share(sinks: &[&Sink]) {
    thread::scope(|scope| {
        for (number, sink) in sinks.iter().enumerate() {
            scope.spawn(move || {
                for line in 0..LINES {
                    write(sink, &text(number, line));
                }
            });
        }
    });
}

fn text(thread: usize, line: usize) -> String {
    format!("thread {thread} line {line} {}\n", "x".repeat(line % 97))
}

/// All lines of all files, from the oldest, and that each is there once.
fn assert_complete(path: &Path) {
    let files: Vec<String> = (0..=MANY.keep)
        .rev()
        .map(|number| rotated(path, number))
        .filter(|path| path.exists())
        .map(|path| read(&path))
        .collect();
    let all = files.concat();
    let mut found = BTreeMap::new();
    for line in all.split_inclusive('\n') {
        *found.entry(line.to_owned()).or_insert(0) += 1;
    }
    for thread in 0..THREADS {
        for line in 0..LINES {
            let text = text(thread, line);
            assert_eq!(found.remove(&text), Some(1), "{text}");
        }
    }
    assert_eq!(found, BTreeMap::new());
}

#[test]
fn every_line_of_eight_threads_is_there_once_across_rotations() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    let sink = sink(&path, MANY);
    share(&[&sink; THREADS]);
    assert!(rotated(&path, 20).exists());
    assert_complete(&path);
}

#[test]
fn every_line_of_eight_sinks_is_there_once_without_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    write_all(|_| sink(&path, KEEP_ALL));
    assert_complete(&path);
}

#[test]
fn sinks_that_rotate_one_file_take_turns_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    write_all(|_| sink(&path, MANY));
    assert_complete(&path);
    // None was rotated twice, or before it was full: the longest line has about 120 bytes.
    let last = (1..)
        .find(|number| !rotated(&path, *number).exists())
        .unwrap();
    for number in 1..last {
        let size = read(&rotated(&path, number)).len() as u64;
        assert!(
            (MANY.size.unwrap() - 130..=MANY.size.unwrap()).contains(&size),
            "{size}"
        );
    }
}

#[test]
fn the_lines_of_one_thread_keep_their_order_across_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.log");
    let sink = sink(&path, MANY);
    for line in 0..LINES {
        write(&sink, &text(0, line));
    }
    let oldest_first = (0..=MANY.keep).rev().map(|number| rotated(&path, number));
    let all: String = oldest_first
        .filter(|path| path.exists())
        .map(|path| read(&path))
        .collect();
    let expected: String = (0..LINES).map(|line| text(0, line)).collect();
    assert!(all == expected);
}

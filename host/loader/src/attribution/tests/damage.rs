//! Files of dead hosts that are not what a host writes: they cost a line in the log.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::attribution::files::{FILE_LEN, HEADER_LEN, header};
use crate::attribution::slot::SLOT_LEN;

/// A state directory with what a dead host left, and the host's directory in it.
fn dead_host(slots: &[u8]) -> (TempDir, PathBuf) {
    let state = TempDir::new().unwrap();
    let dir = state.path().join("running/7-7");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("slots"), slots).unwrap();
    (state, dir)
}

/// Opens the state directory, and sees that the dead host is gone from it.
fn taken_over((state, dir): (TempDir, PathBuf)) -> Aftermath {
    let (_attribution, aftermath) = Attribution::open(state.path()).unwrap();
    assert!(!dir.exists());
    aftermath
}

/// The file of a host whose first slot has these words first.
fn slots(words: &[u64]) -> Vec<u8> {
    let mut bytes = vec![0; FILE_LEN];
    bytes[..HEADER_LEN].copy_from_slice(&header());
    for (place, word) in bytes[HEADER_LEN..].chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

/// In the route `wild` of the generation with this serial, by a mark that says `how`.
fn crashed(serial: u32, how: u64) -> Vec<u8> {
    let word = Word::of_generation(serial)
        .doing(WILD)
        .counted_after(Word(0));
    slots(&[word.0, word.0, 0, word.0, how, 1_000])
}

const SEGFAULT: u64 = libc::SIGSEGV as u64;

fn with_about(host: (TempDir, PathBuf), serial: u32, about: &[u8]) -> (TempDir, PathBuf) {
    fs::write(host.1.join(format!("{serial}.json")), about).unwrap();
    host
}

fn echo() -> Vec<u8> {
    let routes = ["calm", "wild"].map(str::to_owned).to_vec();
    serde_json::to_vec(&About {
        routes,
        ..about("echo")
    })
    .unwrap()
}

#[test]
fn what_is_whole_is_told() {
    let aftermath = taken_over(with_about(dead_host(&crashed(3, SEGFAULT)), 3, &echo()));
    let [crash] = &aftermath.crashes[..] else {
        panic!("{aftermath:?}")
    };
    assert_eq!(said(&crash.doing), "echo: route wild");
    assert_eq!(crash.how, How::Signal("SIGSEGV"));
}

#[test]
fn slots_that_are_cut_short_too_long_or_empty_tell_nothing() {
    let whole = crashed(3, SEGFAULT);
    for len in [
        0,
        1,
        HEADER_LEN,
        HEADER_LEN + SLOT_LEN,
        FILE_LEN - 1,
        FILE_LEN + 1,
    ] {
        let mut bytes = whole.clone();
        bytes.resize(len, 0);
        let aftermath = taken_over(with_about(dead_host(&bytes), 3, &echo()));
        assert_eq!(aftermath, Aftermath::default(), "{len}");
    }
}

#[test]
fn slots_of_another_build_tell_nothing() {
    let mut bytes = crashed(3, SEGFAULT);
    bytes[8..16].copy_from_slice(&2_u64.to_ne_bytes());
    let aftermath = taken_over(with_about(dead_host(&bytes), 3, &echo()));
    assert_eq!(aftermath, Aftermath::default());
}

#[test]
fn garbage_in_the_slots_names_nobody() {
    let mut bytes = slots(&[]);
    let mut state = 1_u64;
    for byte in &mut bytes[HEADER_LEN..] {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *byte = (state >> 56) as u8;
    }
    assert_eq!(taken_over(dead_host(&bytes)), Aftermath::default());
    assert_eq!(
        taken_over(dead_host(&slots(&[u64::MAX; 16]))),
        Aftermath::default()
    );
}

#[test]
fn a_generation_without_a_readable_file_is_not_named() {
    let long = vec![b' '; 2 << 20];
    for bytes in [
        &b""[..],
        b"{",
        b"[1]",
        b"{\"plugin\": 7}",
        b"\xff\xfe",
        &echo()[..40],
        &long,
    ] {
        let aftermath = taken_over(with_about(dead_host(&crashed(3, SEGFAULT)), 3, bytes));
        assert_eq!(aftermath, Aftermath::default());
    }
    assert_eq!(
        taken_over(dead_host(&crashed(3, SEGFAULT))),
        Aftermath::default()
    );
}

#[test]
fn an_activity_or_a_route_that_is_not_known_is_not_named() {
    let word = Word::of_generation(3).doing(Activity::Handler(77)).0;
    let host = dead_host(&slots(&[word, word, 0, word, SEGFAULT, u64::MAX]));
    let aftermath = taken_over(with_about(host, 3, &echo()));
    assert_eq!(aftermath.crashes[0].doing.route(), None);
    let word = Word::of_generation(3).0 | 0xffff << 24;
    let host = dead_host(&slots(&[word, word, 0, word, SEGFAULT, 0]));
    assert_eq!(
        taken_over(with_about(host, 3, &echo())),
        Aftermath::default()
    );
}

#[test]
fn a_mark_of_another_call_or_by_no_hook_of_ours_counts_against_nobody() {
    let word = Word::of_generation(3).doing(WILD).counted_after(Word(7)).0;
    let before = Word::of_generation(3).doing(WILD).counted_after(Word(6)).0;
    let of_another = slots(&[word, word, 0, before, SEGFAULT, 0]);
    for bytes in [of_another, crashed(3, 0), crashed(3, u64::MAX)] {
        let aftermath = taken_over(with_about(dead_host(&bytes), 3, &echo()));
        assert_eq!(aftermath.crashes, []);
        assert_eq!(said(&aftermath.left[0].doing), "echo: route wild");
    }
}

#[test]
fn a_host_that_died_before_it_had_slots_left_nothing() {
    let host = dead_host(b"");
    fs::remove_file(host.1.join("slots")).unwrap();
    assert_eq!(taken_over(host), Aftermath::default());
    let host = dead_host(b"");
    fs::remove_file(host.1.join("slots")).unwrap();
    fs::create_dir(host.1.join("slots")).unwrap();
    assert_eq!(taken_over(host), Aftermath::default());
}

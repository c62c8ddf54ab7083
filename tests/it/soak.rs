//! Two hundred replacements under full load: no call fails, none is answered by the wrong generation, nothing is left. `cargo bench -p agentsys-tests --bench soak` runs
//! ten thousand, and measures them.

use tempfile::TempDir;

use crate::harness::library;

#[path = "../support/soak.rs"]
mod support;

use support::{Report, Soak};

fn soak(calls_of_a_thread: Option<u64>) -> Report {
    let dir = TempDir::new().unwrap();
    let soak = Soak {
        builds: ["changing_1", "changing_2"].map(library),
        replacements: 200,
        calls_of_a_thread,
    };
    let report = soak.run(dir.path());
    let Report {
        calls,
        took,
        outside,
        during,
        first_answer,
        resident,
        ..
    } = &report;
    println!(
        "{calls} calls in {took:?}; in microseconds, outside: {outside}, during: {during}, first answer: {first_answer}; resident: {resident:?} KiB"
    );
    report
}

fn assert_clean(report: &Report) {
    assert_eq!((report.failed, report.wrong), (0, 0));
    assert_eq!(report.after, report.before);
    assert_eq!(report.after.mappings, 1);
    assert!(report.calls > report.replacements);
}

#[test]
#[ignore = "run in a process of its own, whose threads and files it counts"]
fn callers_that_stay() {
    assert_clean(&soak(None));
}

#[test]
#[ignore = "run in a process of its own, whose threads and files it counts"]
fn callers_that_come_and_go() {
    assert_clean(&soak(Some(50)));
}

#[test]
fn two_hundred_replacements_under_load_lose_no_call_and_leave_nothing() {
    crate::child::run_alone("soak::callers_that_stay");
}

#[test]
fn nor_do_they_when_the_callers_threads_come_and_go_all_the_time() {
    crate::child::run_alone("soak::callers_that_come_and_go");
}

//! Real ends of real processes, as the next host sees them.

mod host;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use tempfile::TempDir;

use super::*;

#[test]
fn a_segfault_is_put_down_to_the_route_that_ran() {
    let end = Ended::of("segfault");
    assert_eq!(end.status.signal(), Some(libc::SIGSEGV));
    end.assert_crashed("echo: route wild", How::Signal("SIGSEGV"));
}

#[test]
fn a_crash_says_all_that_is_known_of_the_plugin() {
    let end = Ended::of("abort");
    let crash = &end.aftermath.crashes[0];
    let about = &*crash.doing.about;
    assert_eq!(about.content_hash.as_deref(), Some("0123abcd"));
    assert_eq!((&*about.version, about.generation), ("1.2.3", 4));
    let text = crash.to_string();
    let start = "plugin echo ended the host: route wild, by the signal SIGABRT (version 1.2.3, \
                 generation 4, plugins/lib/echo; thread ";
    assert!(text.starts_with(start), "{text}");
    assert!(
        crash.at.elapsed().is_ok(),
        "it was before now: {:?}",
        crash.at
    );
}

#[test]
fn an_abort_still_ends_the_process_by_its_signal() {
    let end = Ended::of("abort");
    assert_eq!(end.status.signal(), Some(libc::SIGABRT));
    end.assert_crashed("echo: route wild", How::Signal("SIGABRT"));
}

#[test]
fn a_stack_overflow_is_put_down_to_the_route_and_still_told_by_the_standard_library() {
    let end = Ended::of("overflow");
    assert_eq!(end.status.signal(), Some(libc::SIGABRT));
    assert!(
        end.stderr.contains("has overflowed its stack"),
        "{}",
        end.stderr
    );
    end.assert_crashed("echo: route wild", How::Signal("SIGSEGV"));
}

#[test]
fn a_stack_overflow_on_a_thread_that_rust_did_not_start_is_marked_too() {
    let end = Ended::of("overflow elsewhere");
    assert_eq!(end.status.signal(), Some(libc::SIGSEGV));
    end.assert_crashed("echo: a thread of its own", How::Signal("SIGSEGV"));
}

#[test]
fn a_call_of_exit_is_put_down_to_the_route_that_made_it() {
    let end = Ended::of("exit");
    assert_eq!(end.status.code(), Some(0));
    end.assert_crashed("echo: route wild", How::Exit);
}

#[test]
fn the_innermost_of_nested_calls_is_to_blame() {
    Ended::of("nested").assert_crashed("inner: route wild", How::Signal("SIGABRT"));
}

#[test]
fn a_crash_after_a_nested_call_is_the_outer_ones() {
    Ended::of("after nested").assert_crashed("echo: route wild", How::Signal("SIGABRT"));
}

#[test]
fn a_crash_after_a_nested_call_of_another_hosts_plugin_is_the_outer_ones() {
    let end = Ended::of("after another host's");
    end.assert_crashed("echo: route wild", How::Signal("SIGABRT"));
}

#[test]
fn a_constructor_that_crashes_is_named_before_anything_else_is_known() {
    Ended::of("opening").assert_crashed("echo: the opening of its library", How::Exit);
}

#[test]
fn a_crash_on_one_thread_is_not_put_down_to_what_runs_on_others() {
    Ended::of("bystander").assert_crashed("echo: route wild", How::Signal("SIGABRT"));
}

#[test]
fn a_kill_is_nobodys_crash_and_what_ran_is_told() {
    let end = Ended::by_signal("wait", libc::SIGKILL);
    end.assert_left(&["echo: route wild"]);
    let text = end.aftermath.left[0].to_string();
    let start = "plugin echo was running when the host was ended from outside: route wild (gen";
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn a_signal_from_outside_ends_the_process_and_is_nobodys_crash() {
    let end = Ended::by_signal("wait", libc::SIGILL);
    assert_eq!(end.status.signal(), Some(libc::SIGILL));
    end.assert_left(&["echo: route wild"]);
}

#[test]
fn the_hosts_own_abort_and_exit_are_no_plugins() {
    let end = Ended::of("host aborts");
    assert_eq!(end.status.signal(), Some(libc::SIGABRT));
    end.assert_left(&[]);
    let end = Ended::of("host exits");
    assert_eq!(end.status.code(), Some(3));
    end.assert_left(&[]);
}

#[test]
fn a_signal_that_somebody_dealt_with_is_nobodys_crash() {
    let end = Ended::by_signal("dealt with", libc::SIGKILL);
    end.assert_left(&["echo: route wild"]);
}

#[test]
fn a_process_that_a_plugin_forks_may_crash_without_a_word() {
    let end = Ended::by_signal("fork", libc::SIGKILL);
    end.assert_left(&["echo: route wild"]);
}

/// How a process of its own ended, and what the next host then says.
struct Ended {
    status: ExitStatus,
    stderr: String,
    aftermath: Aftermath,
}

const END: &str = "AGENTSYS_TEST_END";
const STATE: &str = "AGENTSYS_TEST_STATE_DIR";

impl Ended {
    fn of(end: &str) -> Self {
        Self::by(end, None)
    }

    /// Sends that signal to the thread that says that it is ready.
    fn by_signal(end: &str, signal: i32) -> Self {
        Self::by(end, Some(signal))
    }

    fn by(end: &str, signal: Option<i32>) -> Self {
        let state = TempDir::new().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "attribution::tests::crashes::host::be_a_host",
            ])
            .env(END, end)
            .env(STATE, state.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if let Some(signal) = signal {
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut lines = lines.map_while(Result::ok);
            let thread = lines.find_map(|line| line.split_once("ready: ")?.1.parse::<i32>().ok());
            let pid = i32::try_from(child.id()).unwrap();
            // SAFETY: a thread of a child that was not waited for yet.
            let sent = unsafe { libc::syscall(libc::SYS_tgkill, pid, thread.unwrap(), signal) };
            assert_eq!(sent, 0);
        }
        // Open until the end: closed, it would end what waits.
        let stdin = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        let (_attribution, aftermath) = Attribution::open(state.path()).unwrap();
        let (_attribution, again) = Attribution::open(state.path()).unwrap();
        assert_eq!(again, Aftermath::default(), "told twice");
        Self {
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            aftermath,
        }
    }

    #[track_caller]
    fn assert_crashed(&self, who: &str, how: How) {
        let crashes = self.aftermath.crashes.iter();
        let crashes: Vec<_> = crashes.map(|it| (said(&it.doing), it.how)).collect();
        assert_eq!(crashes, [(who.to_owned(), how)], "{}", self.stderr);
        assert_eq!(self.aftermath.left, []);
    }

    #[track_caller]
    fn assert_left(&self, who: &[&str]) {
        assert_eq!(self.aftermath.crashes, [], "{}", self.stderr);
        let left: Vec<_> = self
            .aftermath
            .left
            .iter()
            .map(|it| said(&it.doing))
            .collect();
        assert_eq!(left, who, "{}", self.stderr);
    }
}

//! The program as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, Place, program};

/// A call of the program that ends by itself.
pub(crate) fn agentsys(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).stdin(Stdio::null());
    command
}

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// `agentsys run`, killed when dropped.
pub(crate) struct Program {
    child: Child,
    /// The line with which it said that it serves; empty until then.
    pub(crate) ready: String,
    errors: Option<thread::JoinHandle<String>>,
}

impl Program {
    /// Starts it on a place, and waits until it serves.
    pub(crate) fn run(place: &Place, more: &[&str]) -> Self {
        Self::spawn(place, more).until_ready()
    }

    /// Starts it in a place, with paths that are relative to that, and waits until it serves.
    pub(crate) fn run_inside(place: &Place) -> Self {
        let mut command = Command::new(program());
        command
            .args(["run", "--plugins", "plugins", "--state-dir", "state"])
            .current_dir(place.path());
        Self::start(command).until_ready()
    }

    fn until_ready(self) -> Self {
        let mut program = self;
        let mut ready = String::new();
        BufReader::new(program.child.stdout.as_mut().unwrap())
            .read_line(&mut ready)
            .unwrap();
        ready.trim_end().clone_into(&mut program.ready);
        if program.ready.is_empty() {
            let ended = program.wait();
            panic!(
                "the program ended with {:?} before it served: {}",
                ended.code, ended.stderr
            );
        }
        program
    }

    /// Starts it on a place.
    pub(crate) fn spawn(place: &Place, more: &[&str]) -> Self {
        let mut command = Command::new(program());
        command
            .args(["run", "--plugins"])
            .arg(place.plugins())
            .arg("--state-dir")
            .arg(place.state())
            .args(more);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self {
            child,
            ready: String::new(),
            errors: Some(errors),
        }
    }

    /// The number of its process, as text.
    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it has ended; fails the test where it does not. Gives how, and after how long.
    pub(crate) fn wait(&mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if began.elapsed() > PATIENCE => panic!("the program does not end"),
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let stderr = self
            .errors
            .take()
            .map(|errors| errors.join().unwrap())
            .unwrap_or_default();
        Ended {
            code: status.code(),
            stdout: String::new(),
            stderr,
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

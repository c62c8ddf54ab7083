//! A probe as a process: started in a group of its own, listened to, waited for, and ended with all of its group.

use std::fmt;
use std::io::{self, PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::word::Errand;
use super::{Prober, processes};

/// How often it is looked whether a child has ended that closed its streams, or shares them with a process that goes on.
const LOOK: Duration = Duration::from_millis(5);

/// How a probe ended.
pub(super) struct Ended {
    pub(super) end: End,
    pub(super) printed: Option<String>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Code(i32),
    Signal(i32),
    Hung,
    /// Somebody else took note of its end: this process ignores its children.
    Unknown,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with code {code}"),
            Self::Signal(signal) => write!(f, "crashed with {}", processes::signal_name(*signal)),
            Self::Hung => f.write_str("did not end"),
            Self::Unknown => f.write_str("ended"),
        }
    }
}

/// Runs a probe to its end, or for that long.
pub(super) fn run(prober: &Prober, errand: &Errand, timeout: Duration) -> io::Result<Ended> {
    let deadline = Instant::now() + timeout;
    let (mut child, mut printed) = start(prober, errand)?;
    let hung = loop {
        if has_ended(&child) {
            break false;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break true;
        }
        printed.listen(left.min(LOOK));
    };
    let status = end(&mut child);
    printed.finish();
    let end = match status {
        _ if hung => End::Hung,
        Ok(status) => status.into(),
        Err(_) => End::Unknown,
    };
    let printed = printed.text();
    Ok(Ended { end, printed })
}

fn start(prober: &Prober, errand: &Errand) -> io::Result<(Child, Printed)> {
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(&prober.program);
    command
        .arg0(&prober.name)
        // Which nobody reads, but for a person in front of a list of processes.
        .arg("probe")
        .arg(&errand.copy)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    errand.give(&mut command);
    let child = command.spawn()?;
    // With the command go this process's own ends of the pipe.
    drop(command);
    Ok((child, Printed::new(reader)))
}

/// Whether the child has ended. It stays a zombie, so that neither its number nor its group's can be given to another.
fn has_ended(child: &Child) -> bool {
    let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(Pid::from_child(child)), how) {
        Ok(ended) => ended.is_some(),
        Err(rustix::io::Errno::INTR) => false,
        // It is no child of this process any more.
        Err(_) => true,
    }
}

/// Ends whatever is left of the group, and takes note of the child's end.
fn end(child: &mut Child) -> io::Result<ExitStatus> {
    // Fails where nothing is left.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    // By itself too: a process may leave its group.
    let _ = child.kill();
    child.wait()
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }
}

/// What a child prints, on either stream. It is read to the end, so that the child never waits, and little of it is kept.
struct Printed {
    /// None once every writer is gone.
    pipe: Option<PipeReader>,
    head: Vec<u8>,
    tail: Vec<u8>,
    left_out: bool,
}

/// How many bytes are kept of the beginning, and how many of the end.
const KEPT: usize = 32 << 10;

impl Printed {
    fn new(pipe: PipeReader) -> Self {
        Self {
            pipe: Some(pipe),
            head: Vec::new(),
            tail: Vec::new(),
            left_out: false,
        }
    }

    /// Waits for something to be printed, for that long at most, and takes it. False where nothing was.
    fn listen(&mut self, at_most: Duration) -> bool {
        let Some(pipe) = &mut self.pipe else {
            std::thread::sleep(at_most);
            return false;
        };
        if !is_readable(pipe, at_most) {
            return false;
        }
        let mut bytes = [0; 4096];
        match pipe.read(&mut bytes) {
            Ok(count) if count > 0 => {
                self.keep(&bytes[..count]);
                true
            }
            _ => {
                self.pipe = None;
                false
            }
        }
    }

    /// Takes what lies in the pipe. No more: a process that got out of the group may go on printing for ever.
    fn finish(&mut self) {
        /// What a pipe holds, and more, in reads of a page.
        const READS: usize = 64;
        for _ in 0..READS {
            if self.pipe.is_none() || !self.listen(Duration::ZERO) {
                break;
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(KEPT - self.head.len()));
        self.head.extend_from_slice(first);
        self.tail.extend_from_slice(rest);
        if self.tail.len() > KEPT {
            self.left_out = true;
            self.tail.drain(..self.tail.len() - KEPT);
        }
    }

    fn text(self) -> Option<String> {
        let mut bytes = self.head;
        if self.left_out {
            bytes.extend_from_slice(b"\n(...)\n");
        }
        bytes.extend_from_slice(&self.tail);
        (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn is_readable(pipe: &PipeReader, at_most: Duration) -> bool {
    // A few milliseconds at most: it fits.
    let timeout = Timespec::try_from(at_most).ok();
    let mut pipe = [PollFd::new(pipe, PollFlags::IN)];
    poll(&mut pipe, timeout.as_ref()).is_ok_and(|ready| ready > 0)
}

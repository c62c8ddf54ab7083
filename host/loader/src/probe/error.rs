//! Why a content is not let into the host, and why there is no probe: one line each, with what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::verdict::Stage;

/// A content did not pass its probe: `<path>: <what happened>; <what to do>`.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}{}", path.display(), LastWords(fault, printed.as_deref()))]
#[non_exhaustive]
pub struct ProbeError {
    /// The plugin's file.
    pub path: PathBuf,
    /// What happened.
    pub fault: ProbeFault,
    /// What it printed before, on either stream: its beginning and its end, where that is much.
    pub printed: Option<String>,
}

/// What happened to a probe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeFault {
    /// A signal ended it.
    #[error("its probe crashed with {signal}{}; mend the plugin, or put another build there", At(*stage))]
    Crashed {
        /// The signal's name, as `SIGSEGV`.
        signal: String,
        /// When, if that is known.
        stage: Option<Stage>,
    },
    /// It ended by itself, without a crash, before it had reported.
    #[error("it ended its probe{} {stage}; a plugin must not end the process that it is loaded into: mend it, or put another build there", Code(*code))]
    Exited {
        /// The exit code, if that is known.
        code: Option<i32>,
        /// When.
        stage: Stage,
    },
    /// It was not done in time.
    #[error("its probe did not come to an end within {limit:?}{}; mend the plugin, or put another build there", At(*stage))]
    Hung {
        /// The time it had.
        limit: Duration,
        /// When, if that is known.
        stage: Option<Stage>,
    },
    /// It started processes.
    #[error(
        "its constructor starts processes of its own; a plugin may do so once it is initialized: mend it, or put another build there"
    )]
    Forked,
    /// It was opened, and does not fit: what loading it would come to.
    #[error("{reason}")]
    Refused {
        /// Why, and what to do.
        reason: String,
        /// The whole report behind the one line, where there is more to say.
        report: Option<String>,
        /// Whether that is so at any time; a library that it needs, say, may be installed.
        lasting: bool,
    },
    /// The probe's program cannot be started.
    #[error("its probe cannot be started: {}: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The program ended without doing a probe's work.
    #[error("its probe did not begin: {} {end}; it must be a program whose main calls probe_entry() first thing, not a script that starts one", program.display())]
    NotBegun {
        /// The program.
        program: PathBuf,
        /// How it ended.
        end: String,
    },
    /// What the probe wrote cannot be read.
    #[error("what its probe reports cannot be read: {source}")]
    Report {
        /// Why not.
        source: io::Error,
    },
}

impl ProbeFault {
    /// Whether the content is to blame, so that it would fail another time too; else the machine may be.
    #[must_use]
    pub fn is_of_content(&self) -> bool {
        match self {
            Self::Crashed { .. } | Self::Exited { .. } | Self::Hung { .. } | Self::Forked => true,
            Self::Refused { lasting, .. } => *lasting,
            Self::Start { .. } | Self::NotBegun { .. } | Self::Report { .. } => false,
        }
    }
}

impl ProbeError {
    pub(super) fn new(path: &Path, fault: ProbeFault, printed: Option<String>) -> Self {
        let path = path.to_owned();
        Self {
            path,
            fault,
            printed,
        }
    }

    /// The whole report behind the one line, where there is more to say.
    #[must_use]
    pub fn report(&self) -> Option<&str> {
        match &self.fault {
            ProbeFault::Refused { report, .. } => report.as_deref(),
            _ => None,
        }
    }
}

/// A host has no way to probe. It opens new contents without: one whose constructor crashes ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoProber {
    /// The program's `main` does not call `probe_entry`, and no helper is named.
    #[error(
        "plugins are opened without a probe, so one that crashes when it is opened ends this process: \
             call agentsys_host::probe_entry() first thing in main, or name a helper program that does"
    )]
    NotEntered,
    /// It is not made for this system.
    #[error(
        "plugins are opened without a probe, so one that crashes when it is opened ends this process: \
             there are no probes on this system yet"
    )]
    Platform,
}

/// When it happened, if that is known.
struct At(Option<Stage>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |stage| write!(f, " {stage}"))
    }
}

struct Code(Option<i32>);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |code| write!(f, " with code {code}"))
    }
}

/// The last line that was printed, where the program itself may have said there why it ended.
struct LastWords<'a>(&'a ProbeFault, Option<&'a str>);

impl fmt::Display for LastWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 200;
        if matches!(self.0, ProbeFault::Refused { .. } | ProbeFault::Forked) {
            return Ok(());
        }
        let mut lines = self.1.unwrap_or_default().lines().rev();
        match lines.find(|line| !line.trim().is_empty()) {
            Some(line) => {
                let line: String = line.trim().chars().take(MOST).collect();
                write!(f, " (it last printed {line:?})")
            }
            None => Ok(()),
        }
    }
}

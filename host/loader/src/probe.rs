//! The probe: a content that the host has not met is first opened in a child process, which may crash in its place.
//!
//! Opening a library runs its constructors, and these may do anything: read where nothing is, never return, call `exit`. So the host
//! starts a program that calls [`probe_entry`] first thing in its `main` (this program itself, if it does, or a helper), with the
//! private copy's path in the environment. The child does what the host would do: it opens the copy on a thread of its own, checks the
//! layout, binds it to a host that offers nothing, and asks what it offers. What it finds it writes into a file beside the copy, and
//! where it is meanwhile; so whatever happens to it, the host can say when.
//!
//! | | where |
//! |---|---|
//! | the child's side | `child` |
//! | what the two tell each other | `word`, `verdict` |
//! | starting it, and ending it with all of its group | `run` |
//! | what is wrong with a content | [`ProbeFault`] |
//! | what was found is kept, so that a content is probed once | [`VerdictCache`] |
//!
//! This is a guard against mistakes, not against malice: a plugin that passes here runs in the host with all of its rights. A process that a
//! constructor starts in a *session* of its own is noticed, and is not ended with the probe's group.

mod cache;
#[cfg(unix)]
mod child;
mod error;
#[cfg(unix)]
mod processes;
#[cfg(unix)]
mod run;
mod verdict;
#[cfg(unix)]
mod word;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::description::Description;
pub use cache::VerdictCache;
pub use error::{NoProber, ProbeError, ProbeFault};
pub use verdict::Stage;

/// How long a probe may take, unless the caller says otherwise.
pub const DEFAULT_PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether this program can be its own probe: its `main` calls [`probe_entry`].
static ENTERED: AtomicBool = AtomicBool::new(false);

/// To be called first thing in `main`. In a process that a host started as a probe it does the probe's work and ends the process; in any other
/// it returns at once, and the hosts of this process then use this program for their probes.
pub fn probe_entry() {
    #[cfg(unix)]
    if let Some(errand) = word::Errand::from_environment() {
        child::run(&errand);
    }
    ENTERED.store(true, Ordering::Relaxed);
}

/// How a host runs its probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prober {
    program: PathBuf,
    /// The program's name, for process lists.
    name: OsString,
}

/// What a probe found of a content that may be opened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProbeReport {
    /// What the plugin says of itself.
    pub description: Description,
    /// What it printed meanwhile, on either stream: its beginning, where that is much. A plugin has no business there, and a host tells it.
    pub printed: Option<String>,
}

impl Prober {
    /// This program itself where its `main` called [`probe_entry`], else the helper: a program that does so.
    ///
    /// # Errors
    /// Where there is neither, or the system has no probes. The host goes on without; the error says what that means and what to do.
    pub fn choose(helper: Option<&Path>) -> Result<Self, NoProber> {
        if !cfg!(unix) {
            return Err(NoProber::Platform);
        }
        if ENTERED.load(Ordering::Relaxed)
            && let Some(this) = Self::this_program()
        {
            return Ok(this);
        }
        let program = helper.ok_or(NoProber::NotEntered)?.to_owned();
        let name = program.clone().into_os_string();
        Ok(Self { program, name })
    }

    fn this_program() -> Option<Self> {
        let exe = std::env::current_exe().ok();
        // Which is this very program, also when its file was replaced or removed since it was started.
        let running = PathBuf::from("/proc/self/exe");
        let program = if running.exists() {
            running
        } else {
            exe.clone()?
        };
        let name = std::env::args_os().next();
        let name = name.or(exe.map(PathBuf::into_os_string))?;
        Some(Self { program, name })
    }

    /// Opens a private copy in a child process, and says what came of it. Blocks for as long as that takes, `timeout` at most. `path` is the
    /// operator's file, for messages. Nothing is left of the child, its process group or its files then.
    ///
    /// # Errors
    /// See [`ProbeFault`].
    #[cfg(unix)]
    pub fn probe(
        &self,
        copy: &Path,
        path: &Path,
        timeout: Duration,
    ) -> Result<ProbeReport, ProbeError> {
        let errand = word::Errand::new(copy);
        let ended = run::run(self, &errand, timeout);
        let word = errand.read();
        errand.clean();
        let (end, printed) = match ended {
            Ok(ended) => (ended.end, ended.printed),
            Err(source) => {
                let program = self.name.clone().into();
                return Err(ProbeError::new(
                    path,
                    ProbeFault::Start { program, source },
                    None,
                ));
            }
        };
        match self.conclude(end, word, timeout) {
            Ok(description) => Ok(ProbeReport {
                description,
                printed,
            }),
            Err(fault) => Err(ProbeError::new(path, fault, printed)),
        }
    }

    /// There are no probes on this system.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(unix))]
    pub fn probe(&self, _: &Path, path: &Path, _: Duration) -> Result<ProbeReport, ProbeError> {
        let program = self.name.clone().into();
        let source = std::io::ErrorKind::Unsupported.into();
        Err(ProbeError::new(
            path,
            ProbeFault::Start { program, source },
            None,
        ))
    }

    #[cfg(unix)]
    fn conclude(
        &self,
        end: run::End,
        word: std::io::Result<Option<word::Word>>,
        limit: Duration,
    ) -> Result<Description, ProbeFault> {
        use run::End;
        use word::Word;
        let word = word.map_err(|source| ProbeFault::Report { source })?;
        let Some(word) = word else {
            return Err(match end {
                End::Hung => ProbeFault::Hung { limit, stage: None },
                end => ProbeFault::NotBegun {
                    program: self.name.clone().into(),
                    end: end.to_string(),
                },
            });
        };
        let stage = word.stage();
        match (end, word) {
            (End::Hung, _) => Err(ProbeFault::Hung { limit, stage }),
            (End::Signal(signal), _) => {
                let signal = processes::signal_name(signal);
                Err(ProbeFault::Crashed { signal, stage })
            }
            (_, Word::Forked) => Err(ProbeFault::Forked),
            (_, Word::Said(verdict)) => verdict.into(),
            (End::Code(code), Word::At(stage)) => Err(ProbeFault::Exited {
                code: Some(code),
                stage,
            }),
            (End::Unknown, Word::At(stage)) => Err(ProbeFault::Exited { code: None, stage }),
        }
    }
}

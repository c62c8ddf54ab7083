//! Whose code a thread runs: so that a crash has a name, and a handler that holds its thread too.
//!
//! What ends a process (a segfault, an abort, a stack overflow, `exit`) ends the host when a plugin does it, and nobody is left to say which.
//! So each thread that runs plugin code keeps in a *slot* which generation it is in, and in what of it. Slots lie in a small mapped file,
//! `running/<pid>-<time>/slots` in the state directory, which outlives the process; beside it stands a file for each generation, written before the
//! first of its code runs, that says what is to be known of it. The next host reads both.
//!
//! That alone would blame a plugin for a `kill -9` or a power cut as well. A crash is what [`catch_crashes`] has *marked*: its hooks for
//! signals and for `exit` write into the slot of the thread that they run on, if that is in plugin code. What was running at an end without a
//! mark is told too, as [`Aftermath::left`], and counts against nobody.
//!
//! | what | where |
//! |---|---|
//! | a generation, entered | `tag`, `book` |
//! | a slot, and the word in it | `slot`, `word` |
//! | the slots of a host, and their memory | `area`, `memory` |
//! | which slot is the thread's | `seat` |
//! | the files | `files` |
//! | the hooks that mark | `crash`, `signal_stack` |
//! | what dead hosts left | `aftermath` |
//!
//! Entering and leaving cost a thread-local access and three stores to the thread's own cache lines; a thread's first entry takes a lock, no other does.
//! A process that forks shares its slots with the child until that runs another program; the hooks mark nothing there.

mod activity;
mod aftermath;
mod area;
mod book;
mod crash;
mod files;
mod memory;
mod seat;
#[cfg(unix)]
mod signal_stack;
mod slot;
mod tag;
mod word;

use std::path::Path;
use std::sync::Arc;

pub use activity::{About, Activity, Doing};
pub use aftermath::{Aftermath, Crash, Left};
pub use crash::{How, catch_crashes};
pub use files::AttributionError;
pub use seat::{MayBlock, may_block};
pub use slot::ThreadName;
pub use tag::Tag;

use book::Book;
use files::Files;
use memory::Memory;
use word::Word;

/// One host's account of which thread runs whose code. Clones share it.
#[derive(Clone, Debug)]
pub struct Attribution {
    book: Arc<Book>,
}

impl Attribution {
    /// Keeps the account in files below `state_dir`, and takes over what hosts left there that are dead now. Hosts that share
    /// a state directory do not disturb each other, in one process neither. Where no signals tell of a crash, on systems that
    /// are not Unix, it is kept in memory alone.
    ///
    /// # Errors
    /// If the files cannot be made. What a dead host left in a state that cannot be read is logged, and removed all the same.
    pub fn open(state_dir: &Path) -> Result<(Self, Aftermath), AttributionError> {
        if cfg!(not(unix)) {
            return Ok((Self::in_memory(), Aftermath::default()));
        }
        let (files, memory, aftermath) = Files::open(state_dir)?;
        Ok((Self::new(Some(files), memory), aftermath))
    }

    /// Keeps the account in memory alone: for a host without a state directory, whose watchdog needs it as well.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(None, Memory::own())
    }

    fn new(files: Option<Files>, memory: Memory) -> Self {
        let book = Arc::new(Book::new(files, memory));
        Self { book }
    }

    /// Registers a generation, before any code of it runs. It is struck off when the tag is dropped: after it was closed.
    ///
    /// # Errors
    /// If its file cannot be written.
    pub fn register(&self, about: About) -> Result<Tag, AttributionError> {
        let about = Arc::new(about);
        let serial = self.book.add(&about);
        // Where writing fails, dropping this strikes it off again.
        let tag = Tag::new(serial, Arc::clone(&self.book));
        self.book.write(serial, &about)?;
        Ok(tag)
    }

    /// The threads that are in this host's plugins' code, at this moment.
    #[must_use]
    pub fn running(&self) -> Vec<Running> {
        let looks = self.book.area().look();
        let doing = |word: Word| {
            Some(Doing {
                about: self.book.about(word.serial())?,
                activity: word.activity()?,
            })
        };
        let running = looks.into_iter().filter_map(|(slot, look)| {
            Some(Running {
                outermost: doing(look.outermost)?,
                innermost: doing(look.current)?,
                slot,
                entry: look.outermost.0,
                call: look.current.0,
                thread: look.thread,
                may_block: look.may_block,
            })
        });
        running.collect()
    }
}

/// A thread in plugin code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Running {
    /// What it entered first: what holds the thread.
    pub outermost: Doing,
    /// What it is in now: the same, or what that called on the same thread.
    pub innermost: Doing,
    /// The place of the thread's slot: no other living thread has it.
    pub slot: usize,
    /// Changes with each outermost entry of the thread.
    pub entry: u64,
    /// Changes with each entry of the thread.
    pub call: u64,
    /// The thread.
    pub thread: ThreadName,
    /// Whether the thread may be held for long; see [`may_block`].
    pub may_block: bool,
}

#[cfg(test)]
mod tests;

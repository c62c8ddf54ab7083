//! What one thread says of itself, in memory that a file may stand behind.
//!
//! Only the slot's own thread writes, and a signal's handler on that thread; others read at any time. So there is no lock,
//! and what two loads see of two calls, a third look sets right.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use super::word::Word;

/// 128 bytes, since processors fetch cache lines in pairs. The next host reads them word by word: see [`Slot::from_bytes`].
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Slot {
    /// What the thread is in; nothing outside of plugin code.
    current: AtomicU64,
    /// What it entered last from outside of plugin code.
    outermost: AtomicU64,
    /// What it entered last from within plugin code.
    nested: AtomicU64,
    /// What it was in when the process was about to end.
    marked: AtomicU64,
    /// Why the process was about to end: see [`How`](super::How).
    how: AtomicU64,
    /// When that was, in milliseconds since 1970.
    at: AtomicU64,
    /// The system's number of the thread.
    thread: AtomicU64,
    /// Whether it may be held for long.
    may_block: AtomicU64,
    name: [AtomicU64; NAME_WORDS],
    _spare: [AtomicU64; 4],
}

pub(super) const SLOT_LEN: usize = size_of::<Slot>();
const _: () = assert!(SLOT_LEN == 128);
const NAME_WORDS: usize = 4;

impl Slot {
    /// In no plugin's code.
    pub(super) const fn new() -> Self {
        Self {
            current: AtomicU64::new(0),
            outermost: AtomicU64::new(0),
            nested: AtomicU64::new(0),
            marked: AtomicU64::new(0),
            how: AtomicU64::new(0),
            at: AtomicU64::new(0),
            thread: AtomicU64::new(0),
            may_block: AtomicU64::new(0),
            name: [const { AtomicU64::new(0) }; NAME_WORDS],
            _spare: [const { AtomicU64::new(0) }; 4],
        }
    }

    /// Enters, and returns what [`leave`](Self::leave) goes back to. Each entry has a count of its own, so that two calls of one handler differ.
    #[inline]
    pub(super) fn enter(&self, what: Word) -> Word {
        let before = self.current.load(Ordering::Relaxed);
        let last = if before == 0 {
            &self.outermost
        } else {
            &self.nested
        };
        let word = what.counted_after(Word(last.load(Ordering::Relaxed)));
        last.store(word.0, Ordering::Relaxed);
        self.current.store(word.0, Ordering::Release);
        Word(before)
    }

    #[inline]
    pub(super) fn leave(&self, before: Word) {
        self.current.store(before.0, Ordering::Release);
    }

    /// Whether the thread is in plugin code.
    #[inline]
    pub(super) fn is_busy(&self) -> bool {
        self.current.load(Ordering::Relaxed) != 0
    }

    /// Marks the call that the thread is in, if any, as what the process ends in. The first mark of a call stays. Fit for a signal's handler.
    #[cfg(unix)]
    pub(super) fn mark(&self, how: u64) {
        let current = self.current.load(Ordering::Relaxed);
        let marked = self.marked.load(Ordering::Relaxed);
        if current == 0 || marked == current {
            return;
        }
        // No more than a call of the system's clock.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        self.at
            .store(millis(now.unwrap_or_default()), Ordering::Relaxed);
        self.how.store(how, Ordering::Relaxed);
        self.marked.store(current, Ordering::Release);
    }

    /// Notes whose slot it is. Its counts go on, so that the calls of two threads differ too.
    pub(super) fn take(&self, may_block: bool) {
        let this = thread::current();
        let name = this.name().unwrap_or_default().as_bytes();
        let mut bytes = [0; NAME_WORDS * 8];
        let len = name.len().min(bytes.len());
        bytes[..len].copy_from_slice(&name[..len]);
        for (word, bytes) in self.name.iter().zip(bytes.as_chunks().0) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        self.thread.store(system_number(), Ordering::Relaxed);
        self.set_may_block(may_block);
    }

    pub(super) fn set_may_block(&self, may_block: bool) {
        self.may_block.store(may_block.into(), Ordering::Relaxed);
    }

    /// What the slot says, unless its thread is outside of plugin code, or comes and goes just now.
    pub(super) fn look(&self) -> Option<Look> {
        let current = self.current.load(Ordering::Acquire);
        let outermost = self.outermost.load(Ordering::Relaxed);
        if current == 0 || current != self.current.load(Ordering::Acquire) {
            return None;
        }
        Some(Look {
            current: Word(current),
            outermost: Word(outermost),
            thread: ThreadName {
                name: self.name(),
                number: self.thread.load(Ordering::Relaxed),
            },
            may_block: self.may_block.load(Ordering::Relaxed) != 0,
        })
    }

    /// The mark, if the process ended in the very call that has it: a signal that was dealt with marks a call that then went on.
    pub(super) fn end(&self) -> Option<(u64, SystemTime)> {
        let marked = self.marked.load(Ordering::Relaxed);
        let since = Duration::from_millis(self.at.load(Ordering::Relaxed));
        let at = SystemTime::UNIX_EPOCH.checked_add(since);
        (marked != 0 && marked == self.current.load(Ordering::Relaxed)).then(|| {
            (
                self.how.load(Ordering::Relaxed),
                at.unwrap_or(SystemTime::UNIX_EPOCH),
            )
        })
    }

    fn name(&self) -> String {
        let words = self
            .name
            .each_ref()
            .map(|word| word.load(Ordering::Relaxed));
        let bytes = words.map(u64::to_ne_bytes);
        let bytes = bytes.as_flattened();
        let len = bytes.iter().position(|byte| *byte == 0);
        String::from_utf8_lossy(&bytes[..len.unwrap_or(bytes.len())]).into_owned()
    }

    /// The slot that a dead host wrote.
    pub(super) fn from_bytes(bytes: &[u8; SLOT_LEN]) -> Self {
        let mut words = bytes
            .as_chunks()
            .0
            .iter()
            .map(|word| u64::from_ne_bytes(*word));
        let mut next = || AtomicU64::new(words.next().unwrap_or_default());
        // In the order of the fields.
        Self {
            current: next(),
            outermost: next(),
            nested: next(),
            marked: next(),
            how: next(),
            at: next(),
            thread: next(),
            may_block: next(),
            name: std::array::from_fn(|_| next()),
            _spare: Default::default(),
        }
    }
}

/// What a slot said at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) current: Word,
    pub(super) outermost: Word,
    pub(super) thread: ThreadName,
    pub(super) may_block: bool,
}

/// A thread, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadName {
    /// Its name, cut at 32 bytes; empty if it has none.
    pub name: String,
    /// The system's number of it, as `top -H` shows it on Linux; 0 elsewhere.
    pub number: u64,
}

impl std::fmt::Display for ThreadName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.name.as_str(), self.number) {
            ("", 0) => f.write_str("without a name"),
            ("", number) => write!(f, "{number}"),
            (name, 0) => f.write_str(name),
            (name, number) => write!(f, "{name} ({number})"),
        }
    }
}

#[cfg(unix)]
fn millis(since: Duration) -> u64 {
    u64::try_from(since.as_millis()).unwrap_or_default()
}

#[cfg(target_os = "linux")]
fn system_number() -> u64 {
    // SAFETY: it has no arguments and no effect.
    let number = unsafe { libc::syscall(libc::SYS_gettid) };
    u64::try_from(number).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn system_number() -> u64 {
    0
}

//! What dead hosts left: which plugins ended them, and what else was running.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::activity::{About, Activity, Doing};
use super::crash::How;
use super::files::{FILE_LEN, HEADER_LEN, SLOTS_FILE, generation_file, header};
use super::slot::{SLOT_LEN, Slot, ThreadName};
use super::word::Word;

/// What dead hosts left. Nothing of it is told twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aftermath {
    /// The ends that a plugin's code brought about.
    pub crashes: Vec<Crash>,
    /// What was in plugin code when a host ended in another way (`kill -9`, a power cut): to be logged, and held against nobody.
    pub left: Vec<Left>,
}

/// A host's end, brought about by a plugin's code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Crash {
    /// Whose code, and what of it.
    pub doing: Doing,
    /// How it ended the host.
    pub how: How,
    /// When.
    pub at: SystemTime,
    /// On which thread.
    pub thread: ThreadName,
}

/// A thread that was in plugin code when its host ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Left {
    /// Whose code, and what of it.
    pub doing: Doing,
    /// The thread.
    pub thread: ThreadName,
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            doing, how, thread, ..
        } = self;
        let About {
            plugin,
            version,
            generation,
            path,
            ..
        } = &*doing.about;
        let path = path.display();
        write!(
            f,
            "plugin {plugin} ended the host: {doing}, {how} (version {version}, generation {generation}, {path}; thread {thread})"
        )
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doing, thread } = self;
        let About {
            plugin, generation, ..
        } = &*doing.about;
        write!(
            f,
            "plugin {plugin} was running when the host was ended from outside: {doing} (generation {generation}; thread {thread})"
        )
    }
}

/// Reads a dead host's directory, which is removed after that.
pub(super) fn take_over(dir: &Path, aftermath: &mut Aftermath) {
    let slots = dir.join(SLOTS_FILE);
    let found = read(dir, &slots);
    let removed = fs::remove_file(&slots);
    let path = slots.display();
    match (found, removed) {
        (Ok(None), _) => {}
        (Ok(Some(found)), Ok(())) => {
            aftermath.crashes.extend(found.crashes);
            aftermath.left.extend(found.left);
        }
        // It would be told again at the next start.
        (Ok(Some(_)), Err(error)) => {
            tracing::warn!(%path, %error, "what a dead host left cannot be removed, and is not counted");
        }
        (Err(damage), _) => {
            tracing::warn!(%path, %damage, "what a dead host was running cannot be told");
        }
    }
}

/// What a dead host's files say; nothing where it died before it had any.
fn read(dir: &Path, slots: &Path) -> Result<Option<Aftermath>, Damage> {
    let bytes = match read_file(slots, FILE_LEN) {
        Err(Damage::Read(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    if bytes.len() != FILE_LEN {
        return Err(Damage::Length(bytes.len()));
    }
    let (start, slots) = bytes.split_at(HEADER_LEN);
    if start != header() {
        return Err(Damage::Header);
    }
    let mut found = Aftermath::default();
    let mut generations = Generations {
        dir,
        known: BTreeMap::new(),
    };
    for slot in slots.as_chunks::<SLOT_LEN>().0 {
        let slot = Slot::from_bytes(slot);
        let Some(look) = slot.look() else { continue };
        let Some(doing) = generations.doing(look.current) else {
            continue;
        };
        let thread = look.thread;
        match slot
            .end()
            .and_then(|(how, at)| Some((How::of_code(how)?, at)))
        {
            Some((how, at)) => found.crashes.push(Crash {
                doing,
                how,
                at,
                thread,
            }),
            // Such a thread is always in plugin code.
            None if doing.activity == Activity::OwnThread => {}
            None => found.left.push(Left { doing, thread }),
        }
    }
    if !found.crashes.is_empty() {
        // The others were bystanders.
        found.left.clear();
    }
    Ok(Some(found))
}

/// What a dead host wrote of its generations.
struct Generations<'a> {
    dir: &'a Path,
    /// Those that were looked for; nothing for what cannot be read.
    known: BTreeMap<u32, Option<Arc<About>>>,
}

impl Generations<'_> {
    fn doing(&mut self, word: Word) -> Option<Doing> {
        let serial = word.serial();
        let about = self.known.entry(serial).or_insert_with(|| {
            let path = self.dir.join(generation_file(serial));
            let about = read_about(&path).map(Arc::new);
            about
                .inspect_err(|damage| {
                    let path = path.display();
                    tracing::warn!(%path, %damage, "a plugin that a dead host was running cannot be named");
                })
                .ok()
        });
        let about = Arc::clone(about.as_ref()?);
        let activity = word.activity()?;
        Some(Doing { about, activity })
    }
}

/// As many routes as a file may have, with names as long as they may be, need less.
const MAX_ABOUT_LEN: usize = 1 << 20;

fn read_about(path: &Path) -> Result<About, Damage> {
    let bytes = read_file(path, MAX_ABOUT_LEN)?;
    serde_json::from_slice(&bytes).map_err(Damage::About)
}

/// Reads a file, and one byte more than it may have if it has that.
fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, Damage> {
    // Looked at before it is opened: opening a pipe would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(Damage::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file is not what a host writes.
#[derive(Debug, thiserror::Error)]
enum Damage {
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("it is not a file")]
    NotAFile,
    #[error("it has {0} bytes or more in place of {FILE_LEN}")]
    Length(usize),
    #[error("it was not written by a host of this kind")]
    Header,
    #[error("it does not describe a plugin: {0}")]
    About(serde_json::Error),
}

//! What host and probe tell each other: the errand, in the child's environment, and the child's words, in a file beside the copy.

#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::verdict::{Stage, Verdict};

const COPY: &str = "AGENTSYS_PROBE_COPY";
const WORD: &str = "AGENTSYS_PROBE_WORD";
const HOST: &str = "AGENTSYS_PROBE_HOST";

/// The longest word that a host reads, in bytes: what a plugin says of itself is not bounded otherwise.
const MAX_WORD_LEN: u64 = 16 << 20;

/// What a child says, the last word alone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// It is about to do that.
    At(Stage),
    /// The content started processes.
    Forked,
    /// It is done.
    Said(Verdict),
}

impl Word {
    pub(super) fn stage(&self) -> Option<Stage> {
        match self {
            Self::At(stage) => Some(*stage),
            _ => None,
        }
    }
}

/// What a probe is to do.
#[derive(Debug)]
pub(super) struct Errand {
    /// What it opens.
    pub(super) copy: PathBuf,
    /// The host's process.
    pub(super) host: u32,
    word: PathBuf,
}

impl Errand {
    /// The host's side.
    pub(super) fn new(copy: &Path) -> Self {
        Self {
            copy: copy.to_owned(),
            host: std::process::id(),
            word: copy.with_extension("probe"),
        }
    }

    /// The child's side, if this process is one.
    pub(super) fn from_environment() -> Option<Self> {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        Some(Self {
            copy: path(COPY)?,
            word: path(WORD)?,
            host: std::env::var(HOST).ok()?.parse().ok()?,
        })
    }

    pub(super) fn give(&self, command: &mut Command) {
        command
            .env(COPY, &self.copy)
            .env(WORD, &self.word)
            .env(HOST, self.host.to_string());
    }

    /// Puts a word in the place of the one before, whole: the child may end at any time.
    pub(super) fn say(&self, word: &Word) -> io::Result<()> {
        let aside = self.aside();
        fs::write(&aside, serde_json::to_vec(word)?)?;
        fs::rename(&aside, &self.word)
    }

    /// The last word, if there is one.
    pub(super) fn read(&self) -> io::Result<Option<Word>> {
        let file = match File::open(&self.word) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_WORD_LEN + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_WORD_LEN {
            let text = format!("it says more than {} MiB", MAX_WORD_LEN >> 20);
            return Err(io::Error::other(text));
        }
        Ok(Some(serde_json::from_slice(&bytes)?))
    }

    /// Leaves nothing of the child's words.
    pub(super) fn clean(&self) {
        for path in [&self.word, &self.aside()] {
            if let Err(error) = fs::remove_file(path)
                && error.kind() != io::ErrorKind::NotFound
            {
                let path = path.display();
                tracing::warn!(%path, %error, "a probe's report could not be removed; the next start will");
            }
        }
    }

    fn aside(&self) -> PathBuf {
        self.word.with_extension("probe-new")
    }
}

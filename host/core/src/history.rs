//! What became of each generation of a plugin: when it began, how long each step took, why and how it ended.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::opening::Opened;

/// One generation of a plugin, that of now or an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GenerationRecord {
    /// Its number, counted by plugin from 1.
    pub number: u64,
    /// The version of its library, where one was read.
    pub version: Option<String>,
    /// The hash of the file's content, in hexadecimal; none for a plugin that is linked into the program.
    pub content_hash: Option<String>,
    /// The file.
    pub path: Option<PathBuf>,
    /// When it began to be opened.
    pub began: SystemTime,
    /// How long each step took, in the order in which they were taken.
    pub steps: Vec<Step>,
    /// When it ended; none for one that serves.
    pub ended: Option<SystemTime>,
    /// Why it ended.
    pub why: Option<String>,
    /// How it ended: `unloaded`, `linked`, or `pinned` with the reason. None as long as it is being closed.
    pub end: Option<String>,
}

/// One step in the life of a generation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// Which: `open`, `initialize`, `hand_over`, `drain`, `cleanup`, `close`.
    pub name: &'static str,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// So many generations of each plugin are remembered.
const KEPT: usize = 32;

/// The generations of one plugin, the latest first.
#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<GenerationRecord>);

impl History {
    /// A generation begins.
    pub(crate) fn begin(&mut self, record: GenerationRecord) {
        self.0.truncate(KEPT - 1);
        self.0.push_front(record);
    }

    /// Does something to the record of that generation, if it is remembered.
    pub(crate) fn note(&mut self, number: u64, note: impl FnOnce(&mut GenerationRecord)) {
        if let Some(record) = self.0.iter_mut().find(|record| record.number == number) {
            note(record);
        }
    }

    pub(crate) fn records(&self) -> Vec<GenerationRecord> {
        self.0.iter().cloned().collect()
    }
}

impl GenerationRecord {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            number,
            version: None,
            content_hash: None,
            path: None,
            began: SystemTime::now(),
            steps: Vec::new(),
            ended: None,
            why: None,
            end: None,
        }
    }

    /// What it was opened from.
    pub(crate) fn is_of(&mut self, opened: &Opened) {
        self.version = Some(opened.metadata.plugin.version.to_string());
        if let Some(content) = &opened.content {
            self.content_hash = Some(content.inspected.content_hash.to_string());
            self.path = Some(content.path.clone());
        }
    }

    pub(crate) fn took(&mut self, name: &'static str, time: Duration) {
        let seconds = time.as_secs_f64();
        self.steps.push(Step { name, seconds });
    }

    /// It serves no more. The first reason is the one that counts.
    pub(crate) fn ends(&mut self, why: &str) {
        if self.ended.is_none() {
            self.ended = Some(SystemTime::now());
            self.why = Some(why.to_owned());
        }
    }
}

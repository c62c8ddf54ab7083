//! What a plugin under test logged.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;

use crate::logs::{Forward, Sink};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// An error.
    Error,
    /// A warning.
    Warn,
    /// What an operator wants to know.
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Logged {
    /// How much it matters.
    pub level: Level,
    /// The module that logged it.
    pub target: String,
    /// The message.
    pub message: String,
    /// The fields, those of the spans round it included.
    pub fields: Map<String, Value>,
}

/// The lines so far.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<Logged>>>);

impl Log {
    /// A subscriber that keeps all lines here.
    pub(super) fn dispatch(&self) -> Dispatch {
        Dispatch::new(tracing_subscriber::registry().with(Forward(self.clone())))
    }

    pub(super) fn lines(&self) -> Vec<Logged> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Sink for Log {
    fn max_level(&self) -> u32 {
        5
    }

    fn line(&self, level: u32, target: &str, message: &str, mut fields: Map<String, Value>) {
        let level = match level {
            1 => Level::Error,
            2 => Level::Warn,
            3 => Level::Info,
            4 => Level::Debug,
            _ => Level::Trace,
        };
        // The span that names the plugin is ours.
        fields.remove(crate::scope::FIELD);
        let line = Logged {
            level,
            target: target.to_owned(),
            message: message.to_owned(),
            fields,
        };
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }
}

//! How the program fails: what it prints, and the exit code that scripts act on.

use std::fmt;

use agentsys_host::config::ConfigErrors;
use agentsys_host::{HostError, TaskError};

use crate::control::{ClientError, WireError};
use crate::text::{colours, plain};

/// The program's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Done = 0,
    Failed = 1,
    /// As clap itself exits.
    Usage = 2,
    NoHost = 3,
}

/// A failure, as it is shown.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    /// Each in one line; none where standard output has said it all.
    messages: Vec<String>,
    causes: Vec<String>,
    /// What else is known: the error's kind, its route, its agent.
    notes: Vec<String>,
}

impl Failure {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self {
            messages: vec![message.to_string()],
            ..Self::told()
        }
    }

    /// Several things are wrong.
    pub(crate) fn all(messages: impl IntoIterator<Item = impl fmt::Display>) -> Self {
        Self {
            messages: messages.into_iter().map(|it| it.to_string()).collect(),
            ..Self::told()
        }
    }

    /// The same, with what else could be done.
    pub(crate) fn or(mut self, advice: &str) -> Self {
        if let Some(message) = self.messages.last_mut() {
            *message = format!("{message}, {advice}");
        }
        self
    }

    /// What is wrong was told already, on standard output.
    pub(crate) fn told() -> Self {
        Self {
            code: Code::Failed,
            messages: Vec::new(),
            causes: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// What was asked cannot be done as it was asked.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self {
            code: Code::Usage,
            ..Self::new(message)
        }
    }

    /// Prints it on standard error; a terminal shows the word `error` in red.
    pub(crate) fn print(&self) {
        let red = colours(&std::io::stderr());
        let word = if red {
            "\x1b[31;1merror\x1b[0m"
        } else {
            "error"
        };
        for message in &self.messages {
            eprintln!("{word}: {}", plain(message));
        }
        for cause in &self.causes {
            eprintln!("  caused by: {}", plain(cause));
        }
        if !self.notes.is_empty() {
            eprintln!("  ({})", plain(&self.notes.join(", ")));
        }
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        let mut notes = vec![error.kind];
        notes.extend(error.route.map(|route| format!("route {route}")));
        notes.extend(error.agent.map(|agent| format!("agent {agent}")));
        if error.retryable {
            notes.push("a retry may help".to_owned());
        }
        Self {
            causes: error.causes,
            notes,
            ..Self::new(error.message)
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::all(errors.0)
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Config(errors) => errors.into(),
            other => Self::new(other),
        }
    }
}

impl From<&TaskError> for WireError {
    fn from(error: &TaskError) -> Self {
        Self {
            kind: error.kind().as_str().to_owned(),
            message: error.message().to_owned(),
            causes: error.causes().map(ToOwned::to_owned).collect(),
            retryable: error.is_retryable(),
            route: error.route().map(ToOwned::to_owned),
            agent: error.agent().map(ToOwned::to_owned),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let code = if matches!(error, ClientError::NoHost { .. }) {
            Code::NoHost
        } else {
            Code::Failed
        };
        Self {
            code,
            ..Self::new(error)
        }
    }
}

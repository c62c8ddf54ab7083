//! What is wrong with a configuration, and where each value came from.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::words;

/// Where a value came from. Ordered as problems are listed: files first, then the environment, then the command line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Origin {
    /// A file.
    File {
        /// Its path, as it was given.
        path: PathBuf,
        /// The line, from 1; 0 where the file as a whole is meant.
        line: usize,
        /// The column in characters, from 1; 0 where the file as a whole is meant.
        column: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        name: String,
    },
    /// An option of the command line.
    CommandLine {
        /// The option, as `--plugins`.
        option: String,
    },
    /// The program that embeds the host.
    Code,
    /// Nobody set it.
    Default,
}

impl Origin {
    /// The same without the column: what a comment on a value says.
    pub(super) fn brief(&self) -> String {
        match self {
            Self::File { path, line, .. } if *line > 0 => format!("{}:{line}", name(path)),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0, .. } => f.write_str(&name(path)),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", name(path)),
            Self::Environment { name } => write!(f, "environment {}", words::one_line(name)),
            Self::CommandLine { option } => {
                write!(f, "command line {}", words::one_line(option))
            }
            Self::Code => f.write_str("code"),
            Self::Default => f.write_str("default"),
        }
    }
}

fn name(path: &Path) -> String {
    words::one_line(&path.to_string_lossy())
}

/// One thing that is wrong, or odd, with a configuration: one line for a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub struct ConfigProblem {
    /// Where it is.
    pub origin: Origin,
    /// What is wrong, and what would be right; one line.
    pub message: String,
}

impl ConfigProblem {
    /// A message of several lines becomes one.
    pub(super) fn new(origin: Origin, message: impl AsRef<str>) -> Self {
        let lines: Vec<&str> = message
            .as_ref()
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        Self {
            origin,
            message: lines.join("; "),
        }
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Code | Origin::Default => f.write_str(&self.message),
            _ => write!(f, "{}: {}", self.origin, self.message),
        }
    }
}

/// All that is wrong with a configuration, in the order of the places; one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct ConfigErrors(pub Vec<ConfigProblem>);

impl ConfigErrors {
    /// `Ok` if there is no problem, else all of them, sorted, each once.
    pub(super) fn unless_empty(mut problems: Vec<ConfigProblem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort();
        problems.dedup();
        Err(Self(problems))
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

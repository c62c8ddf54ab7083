//! What a probe says of a content, and when something happened to it.

#![forbid(unsafe_code)]

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::ProbeFault;
use crate::description::Description;

/// What a probe was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// The library's constructors ran, and its root module was made.
    Opening,
    /// It was bound to its host, and asked what it offers.
    Describing,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "while it was opened",
            Self::Describing => "while it was asked what it offers",
        })
    }
}

/// What a probe that came to its end says of a content. It names no path, so that it holds for every file of that content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Serves(Description),
    Refused {
        reason: String,
        /// The whole report, where there is more to say.
        report: Option<String>,
        /// Whether it would be refused at any time, on any machine of this kind.
        lasting: bool,
    },
}

impl From<Verdict> for Result<Description, ProbeFault> {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Serves(description) => Ok(description),
            Verdict::Refused {
                reason,
                report,
                lasting,
            } => Err(ProbeFault::Refused {
                reason,
                report,
                lasting,
            }),
        }
    }
}

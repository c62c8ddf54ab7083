//! The trace that a task is part of, as programs hand it to each other: W3C's `traceparent`, version 00 (<https://www.w3.org/TR/trace-context/#traceparent-header>).

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::TraceId;

/// Where a task stands in a trace. Its text is `00-`, the trace's id, `-`, the id of the step that comes before, `-`, and two digits of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TraceContext {
    /// What all steps of the trace have in common.
    pub trace_id: TraceId,
    /// The step before: who hands this on puts its own id here.
    pub parent_id: NonZeroU64,
    /// Whether the steps are recorded, as far as the one before knows.
    pub sampled: bool,
}

/// A text that is no `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no traceparent: it looks like 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)]
pub struct InvalidTraceContext {
    /// The text, or its beginning.
    pub text: String,
}

impl TraceContext {
    /// The step after another one of the trace.
    #[must_use]
    pub fn new(trace_id: TraceId, parent_id: NonZeroU64, sampled: bool) -> Self {
        Self {
            trace_id,
            parent_id,
            sampled,
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(
            f,
            "00-{}-{:016x}-{flags:02x}",
            self.trace_id, self.parent_id
        )
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceContext;

    fn from_str(text: &str) -> Result<Self, InvalidTraceContext> {
        parse(text).ok_or_else(|| InvalidTraceContext {
            text: text.chars().take(64).collect(),
        })
    }
}

/// As the standard says: later versions may have more behind the flags, but not this one, and version ff is none.
fn parse(text: &str) -> Option<TraceContext> {
    let mut parts = text.split('-');
    let mut next = |digits| parts.next().filter(|part| is_hex(part, digits));
    let (version, trace, parent, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    Some(TraceContext {
        trace_id: TraceId::from_u128(u128::from_str_radix(trace, 16).ok()?)?,
        parent_id: NonZeroU64::new(u64::from_str_radix(parent, 16).ok()?)?,
        sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
    })
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_read_is_written_alike() {
        for text in [
            TEXT,
            "00-00000000000000000000000000000001-0000000000000001-00",
        ] {
            assert_eq!(text.parse::<TraceContext>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_later_version_may_say_more_and_is_understood() {
        let later = format!("cc{}-what-comes", &TEXT[2..]);
        assert_eq!(later.parse::<TraceContext>().unwrap().to_string(), TEXT);
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-é",
        ] {
            let error = text.parse::<TraceContext>().unwrap_err();
            assert_eq!(error.text, text.chars().take(64).collect::<String>());
        }
    }
}

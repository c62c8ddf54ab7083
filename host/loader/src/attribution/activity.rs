//! What a plugin's code is doing, and for whom a person blames it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentsys_abi::call::{HANDLER_ADDED, HANDLER_PROCESS};
use serde::{Deserialize, Serialize, Serializer};

/// What is known of a generation, kept on disk while it is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The name under which the plugin runs.
    pub plugin: String,
    /// The plugin's own version.
    pub version: String,
    /// The generation's number, counted by plugin.
    pub generation: u64,
    /// The hash of the file's content, in hexadecimal digits; none for a plugin that is linked into the program.
    pub content_hash: Option<String>,
    /// The operator's file.
    #[serde(serialize_with = "lossily")]
    pub path: PathBuf,
    /// The routes that its code names, each at its handler's number; none until it was asked.
    pub routes: Vec<String>,
}

/// A path need not be text, and JSON is: better a name with a wrong letter than none.
fn lossily<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// What a plugin's code runs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activity {
    /// A handler, by its number: a call of it, a poll of its future, or the dropping of that.
    Handler(u32),
    /// The library is opened: its constructors run.
    Opening,
    /// It is asked what it offers, or whether a config fits.
    Describing,
    /// `initialize`.
    Initializing,
    /// `cleanup`.
    CleaningUp,
    /// An instance is destroyed: the author's `Drop`.
    Dropping,
    /// What the library runs for itself is ended, or it is unmapped: its destructors run.
    Closing,
    /// Memory that the plugin owns is given back to it.
    Releasing,
    /// A waker of the plugin's is used.
    Waking,
    /// A thread that the plugin started.
    OwnThread,
    /// What the plugin left on a thread is destroyed.
    EndingThread,
    /// Items that it sends with a task are asked for, or dropped.
    Sending,
    /// Its strategy chooses who does a task.
    Selecting,
    /// Its interceptor looks at a task.
    Intercepting,
}

/// The first code that is no handler's number. Files name fewer routes: see [`MAX_RECORDS`](crate::MAX_RECORDS).
const SPECIAL: u16 = 0xf000;

/// The codes from [`SPECIAL`] on. They are read again by later builds of the host, so they only ever grow in number.
const CODES: [Activity; 15] = [
    Activity::Handler(HANDLER_PROCESS),
    Activity::Handler(HANDLER_ADDED),
    Activity::Opening,
    Activity::Describing,
    Activity::Initializing,
    Activity::CleaningUp,
    Activity::Dropping,
    Activity::Closing,
    Activity::Releasing,
    Activity::Waking,
    Activity::OwnThread,
    Activity::EndingThread,
    Activity::Sending,
    Activity::Selecting,
    Activity::Intercepting,
];

impl Activity {
    /// The code of this. Those routes that an instance added share one.
    #[inline]
    pub(super) fn code(self) -> u16 {
        let place = match self {
            Self::Handler(number) if number < u32::from(SPECIAL) => return number as u16,
            Self::Handler(HANDLER_PROCESS) => 0,
            Self::Handler(_) => 1,
            Self::Opening => 2,
            Self::Describing => 3,
            Self::Initializing => 4,
            Self::CleaningUp => 5,
            Self::Dropping => 6,
            Self::Closing => 7,
            Self::Releasing => 8,
            Self::Waking => 9,
            Self::OwnThread => 10,
            Self::EndingThread => 11,
            Self::Sending => 12,
            Self::Selecting => 13,
            Self::Intercepting => 14,
        };
        SPECIAL + place
    }

    /// The activity of a code, if it is one.
    pub(super) fn of_code(code: u16) -> Option<Self> {
        match code.checked_sub(SPECIAL) {
            None => Some(Self::Handler(code.into())),
            Some(place) => CODES.get(usize::from(place)).copied(),
        }
    }
}

/// A generation, and what its code was doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doing {
    /// The generation.
    pub about: Arc<About>,
    /// What its code ran for.
    pub activity: Activity,
}

impl Doing {
    /// The route whose handler this is; none for other activities, for `process`, and for a route that an instance added.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        match self.activity {
            Activity::Handler(number) => {
                let routes = &self.about.routes;
                routes
                    .get(usize::try_from(number).ok()?)
                    .map(String::as_str)
            }
            _ => None,
        }
    }
}

/// Fits behind a plugin's name and a colon: `route shout`, `initialize`.
impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(route) = self.route() {
            return write!(f, "route {route}");
        }
        f.write_str(match self.activity {
            Activity::Handler(HANDLER_PROCESS) => "process",
            Activity::Handler(_) => "a route that it added",
            Activity::Opening => "the opening of its library",
            Activity::Describing => "its description of itself",
            Activity::Initializing => "initialize",
            Activity::CleaningUp => "cleanup",
            Activity::Dropping => "the dropping of an instance",
            Activity::Closing => "the closing of its library",
            Activity::Releasing => "the release of its memory",
            Activity::Waking => "a waker of its own",
            Activity::OwnThread => "a thread of its own",
            Activity::EndingThread => "what it left on a thread that ends",
            Activity::Sending => "the items that it sends",
            Activity::Selecting => "its strategy",
            Activity::Intercepting => "its interceptor",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_stands_for_the_activity_it_is_made_of() {
        let handlers = [0, 1, 4095, u32::from(SPECIAL) - 1].map(Activity::Handler);
        for activity in handlers.into_iter().chain(CODES) {
            assert_eq!(Activity::of_code(activity.code()), Some(activity));
        }
        assert_eq!(Activity::of_code(u16::MAX), None);
    }

    #[test]
    fn routes_that_instances_added_share_a_code() {
        let added = Activity::Handler(HANDLER_ADDED + 7).code();
        assert_eq!(added, Activity::Handler(HANDLER_ADDED).code());
        assert_ne!(added, Activity::Handler(HANDLER_PROCESS).code());
    }
}

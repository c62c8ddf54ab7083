//! From a file to a generation: found, inspected, copied, opened, checked, called, closed.
//!
//! All of the host's `unsafe` is in this crate, behind an interface that has none: an [`Instance`] is
//! called with [`Data`] and answers with it, at once or through a future, and everything that points into a
//! plugin holds a [`Lease`] on its [`Generation`].
//!
//! | step | where |
//! |---|---|
//! | which files, and which of two serves | [`discover()`] |
//! | what a file says of itself, without running it | [`inspect()`] |
//! | the copy that is opened | [`CopyStore`] |
//! | opened first in a process that may crash | [`Prober`] |
//! | opened, its layout checked, bound | [`Generation::open`] |
//! | linked into the program in place of a file | [`Linked`], [`Generation::link`] |
//! | made, initialized, called, cleaned up | [`Instance`] |
//! | asked who does a task, shown others' tasks | [`Instance::select_agent`], [`Instance::before_task`] |
//! | closed, unmapped and seen to be, or pinned for a reason | [`End`] |
//! | what plugins may ask of the host | [`Services`] |
//! | whose code a thread runs, and whose ended the host | [`Attribution`], [`catch_crashes`] |

mod attribution;
mod call;
mod closing;
mod copies;
mod description;
mod discover;
mod error;
mod generation;
mod host_api;
mod host_dirs;
mod inspect;
mod instance;
mod intercepting;
mod layout;
mod lease;
mod library;
mod linked;
mod mapping;
mod metadata;
#[cfg(test)]
#[cfg(agentsys_model)]
mod model;
mod output;
mod private;
mod probe;
mod selecting;
mod services;
mod stream;
mod sync;
mod task;
mod threads;
mod unmap;
mod waker;

pub use attribution::{
    About, Activity, Aftermath, Attribution, AttributionError, Crash, Doing, How, Left, MayBlock,
    Running, Tag, ThreadName, catch_crashes, may_block,
};
pub use call::Call;
pub use closing::{End, Pin};
pub use copies::{CopyError, CopyStore, PrivateCopy};
pub use discover::{
    Candidate, Discovery, Rejected, Shadowed, UnreadableDir, discover, inspect_candidate,
    is_library_name, list_libraries,
};
pub use host_dirs::HostDirError;
pub use inspect::{
    ContentHash, Fault, FileBytes, Format, Incomplete, InspectError, Inspected, MAX_FILE_LEN,
    MAX_RECORDS, SectionFault, inspect, inspect_bytes, is_complete, read_and_inspect,
};
pub use metadata::{
    Dependency, Interface, InterfaceMismatch, InvalidInterface, MAX_LABELS, MAX_NAME_LEN,
    MAX_WEIGHT, Metadata, MetadataError, Mode, PluginRecord, RouteOptions, RouteRecord, check_name,
};

pub use agentsys_abi::bridge::{Answer, Failure};
pub use agentsys_abi::call::HANDLER_PROCESS;
pub use agentsys_abi::error::kind as failure_kind;
pub use agentsys_abi::module::LinkedPlugin;
pub use description::{ConfigIssue, ConfigKey, Description, HandlerDescription};
pub use error::LoadError;
pub use generation::{Generation, Source};
pub use instance::{Instance, Invoked, Outcome};
pub use intercepting::{
    DataView, EndedView, Looked, LookingAfter, LookingBefore, OutcomeView, Verdict,
};
pub use lease::{Lease, LeaseKind, LeaseWatch};
pub use linked::Linked;
pub use output::Data;
pub use private::replace_file;
pub use probe::{
    DEFAULT_PROBE_TIMEOUT, NoProber, ProbeError, ProbeFault, ProbeReport, Prober, Stage,
    VerdictCache, probe_entry,
};
pub use selecting::{AgentView, Agents, Selected, Selecting};
pub use services::{
    AddedRoute, AgentAnswer, AgentAnswers, CallThreads, LogLine, MetricKind, MetricUpdate, Routed,
    SendOptions, Services, StorageAnswer, StorageOperation, Stored, Target,
};
pub use stream::{CallStream, DataStream};
pub use task::{SharedTask, Task};
pub use threads::pass_by;

/// The interface that this host speaks.
pub const INTERFACE: Interface = Interface::HOST;

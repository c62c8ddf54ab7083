//! What a plugin does for tasks that are not its own: it chooses who does them, and looks at them before and after.
//!
//! All of this lies on the path of other agents' tasks, so nothing is copied or written as JSON for it: what is shown is lent until the call returns, and whoever
//! goes on after that claims or copies what it needs.

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RSlice, RStr};

use crate::call::RawFuture;
use crate::error::RawError;
use crate::host::RawLabel;
use crate::payload::RawPayload;

/// A task that a plugin is shown. Valid until the call returns.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawTask<'a> {
    /// The host's record of the task, for [`TaskApi`](crate::host::TaskApi).
    pub task: *const (),
    /// The task's number, unique in its host.
    pub task_id: u64,
    /// How many tasks it is nested in.
    pub hops: u32,
    /// The route that it was sent to; empty where it was sent to one agent by name.
    pub route: RStr<'a>,
}

/// Those who can do a task, in an order of the host's. Not a slice: the host's own records need not be copied into one, however many there are.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawAgents {
    /// The host's data.
    pub data: *const (),
    /// How many there are.
    pub count: usize,
    /// The host's functions.
    pub ops: AgentsOpsRef,
}

/// What can be asked of those who can do a task. Each function takes the data and an agent's place, which is less than [`RawAgents::count`].
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = AgentsOpsRef)))]
#[sabi(missing_field(option))]
pub struct AgentsOps {
    /// The agent at a place.
    pub at: unsafe extern "C" fn(*const (), usize) -> RawAgent<'static>,
    /// The value of one of its labels, if it has that.
    pub label: unsafe extern "C" fn(*const (), usize, RStr<'_>) -> ROption<RStr<'static>>,
    /// One of its labels by its place, from 0 on.
    #[sabi(last_prefix_field)]
    pub label_at: unsafe extern "C" fn(*const (), usize, usize) -> ROption<RawLabel<'static>>,
}

/// One who can do a task. Valid until the call returns, whatever the lifetime says.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawAgent<'a> {
    /// Its number, unique in its host.
    pub id: u64,
    /// How many of its tasks are under way.
    pub in_flight: u64,
    /// How long its tasks took of late, in nanoseconds; `u64::MAX` where it has done none.
    pub latency: u64,
    /// Its share, beside the others'.
    pub weight: u32,
    /// Its name.
    pub name: RStr<'a>,
}

/// Who is to do a task.
#[repr(u8)]
#[derive(StableAbi)]
pub enum RawSelection {
    /// The agent at that place.
    Agent(u64),
    /// None of them.
    Nobody,
    /// That is not known yet: a future, as a call's. It answers the agent's number in eight bytes of little endian, or nothing for none.
    Later(RawFuture),
    /// It cannot be said.
    Err(RawError),
}

/// What is to become of a task before any agent has it.
#[repr(u8)]
#[derive(StableAbi)]
pub enum RawVerdict {
    /// It goes on.
    Continue,
    /// It goes on with these labels, which [`bridge::labels`](crate::bridge::labels) reads, beside those that it has.
    Annotate(RawPayload),
    /// This is its answer, and no agent has it.
    Answer(RawPayload),
    /// It fails with this.
    Refuse(RawError),
    /// That is not known yet: a future, as a call's. [`FutureOps::code`](crate::call::FutureOps::code) says by one of [`verdict`]'s codes what its payload is, and its failure refuses
    /// the task.
    Later(RawFuture),
}

/// What the payload of a verdict's future is. An unknown code is [`CONTINUE`](verdict::CONTINUE).
pub mod verdict {
    /// Nothing: the task goes on.
    pub const CONTINUE: u32 = 0;
    /// Labels for the task.
    pub const ANNOTATE: u32 = 1;
    /// The task's answer.
    pub const ANSWER: u32 = 2;
}

/// How a task ended. Valid until the call returns.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawOutcome<'a> {
    /// One of [`outcome`]'s codes.
    pub code: u32,
    /// How many attempts it took; 0 where no agent had it.
    pub attempts: u32,
    /// How long it took as a whole, in nanoseconds.
    pub duration: u64,
    /// The name of the agent that had it last; empty where none had.
    pub agent: RStr<'a>,
    /// The answer, lent; null where there is none, or it came item by item.
    pub payload: *const RawPayload,
    /// The failure; null where it did not fail.
    pub error: *const RawSeenError<'a>,
}

/// How a task ended. An unknown code is [`ANSWERED`](outcome::ANSWERED), with the payload and the error that are there.
pub mod outcome {
    /// With an answer.
    pub const ANSWERED: u32 = 0;
    /// With a failure.
    pub const FAILED: u32 = 1;
    /// With an answer that came item by item.
    pub const STREAMED: u32 = 2;
}

/// A failure that is only looked at, as [`RawError`] says.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawSeenError<'a> {
    /// One of [`kind`](crate::error::kind)'s codes.
    pub kind: u32,
    /// As in [`RawError::flags`].
    pub flags: u32,
    /// What went wrong, in one line.
    pub message: RStr<'a>,
    /// Why, outermost first.
    pub causes: RSlice<'a, RStr<'a>>,
}

//! What a host offers a plugin: one small vtable for each service, so that each may grow by itself.

use abi_stable::StableAbi;
use abi_stable::std_types::{RStr, RString};

use crate::call::RawReply;
use crate::payload::RawPayload;
use crate::threads::ThreadApiRef;
use crate::waker::RawWaker;

/// A host, as one generation or one instance of a plugin sees it. Valid until that generation is closed.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawHost {
    /// The host's record of who asks: the first argument of each function below.
    pub context: *const (),
    /// The host's functions.
    pub api: HostApiRef,
}

/// The services of a host.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostApiRef)))]
#[sabi(missing_field(option))]
pub struct HostApi {
    /// Logs.
    pub log: LogApiRef,
    /// The task at hand.
    pub task: TaskApiRef,
    /// Other agents.
    pub router: RouterApiRef,
    /// Threads and their ends.
    pub threads: ThreadApiRef,
    /// The name under which this plugin runs. Copied: the plugin frees it.
    #[sabi(last_prefix_field)]
    pub plugin_name: unsafe extern "C" fn(*const ()) -> RString,
    /// What a later release may append: a field, to show that an older host is served without it.
    #[cfg(feature = "seam-newer")]
    pub next_field: u32,
}

/// Logs.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = LogApiRef)))]
#[sabi(missing_field(option))]
pub struct LogApi {
    /// The most detailed level that the host wants: 0 none, 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub max_level: unsafe extern "C" fn(*const ()) -> u32,
    /// One line: context, level, target, message, and the fields as a JSON object.
    #[sabi(last_prefix_field)]
    pub write: unsafe extern "C" fn(*const (), u32, RStr<'_>, RStr<'_>, RStr<'_>),
}

/// The task at hand. Each function takes the `task` of a call, or a claim on it.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = TaskApiRef)))]
#[sabi(missing_field(option))]
pub struct TaskApi {
    /// A claim on the task that outlives the call.
    pub claim: unsafe extern "C" fn(*const ()) -> *const (),
    /// Gives up a claim.
    pub release: unsafe extern "C" fn(*const ()),
    /// The time that is left, in nanoseconds; `u64::MAX` where nothing limits it.
    pub remaining: unsafe extern "C" fn(*const ()) -> u64,
    /// Whether nobody waits for the answer any more: 0 or 1.
    #[sabi(last_prefix_field)]
    pub is_cancelled: unsafe extern "C" fn(*const ()) -> u32,
}

/// Other agents.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RouterApiRef)))]
#[sabi(missing_field(option))]
pub struct RouterApi {
    /// Routes a task: context, the task it is nested in or null, the route's name, the data (owned by the callee from here), and a waker or null.
    #[sabi(last_prefix_field)]
    pub route_task: unsafe extern "C" fn(
        *const (),
        *const (),
        RStr<'_>,
        *mut RawPayload,
        *const RawWaker,
    ) -> RawReply,
}

//! What a host offers a plugin: one small vtable for each service, so that each may grow by itself.

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RSlice, RStr, RString};

use crate::call::RawReply;
use crate::error::RawError;
use crate::payload::RawPayload;
use crate::threads::ThreadApiRef;

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
    /// What outlives a plugin.
    pub storage: StorageApiRef,
    /// What a plugin counts and measures.
    pub metrics: MetricsApiRef,
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

/// Other agents, and routes of the plugin's own that come and go.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RouterApiRef)))]
#[sabi(missing_field(option))]
pub struct RouterApi {
    /// Sends a task: context, the task it is nested in or null, one of [`target`]'s codes, the name of what is called, and the data (owned by
    /// the callee from here).
    pub send:
        unsafe extern "C" fn(*const (), *const (), u32, RStr<'_>, *mut RawPayload) -> RawReply,
    /// Puts a handler of an instance on a route: context, the instance (as [`PluginModule::create`] returned it), the route's name, its description, and
    /// the handler's number, from [`HANDLER_ADDED`] on. It serves once the instance does.
    ///
    /// [`PluginModule::create`]: crate::module::PluginModule::create
    /// [`HANDLER_ADDED`]: crate::call::HANDLER_ADDED
    pub add_route:
        unsafe extern "C" fn(*const (), *const (), RStr<'_>, RStr<'_>, u32) -> ROption<RawError>,
    /// Takes a handler that was added away again: context, the instance, the handler's number. Calls under way go on. 1, or 0 where there was none.
    #[sabi(last_prefix_field)]
    pub remove_route: unsafe extern "C" fn(*const (), *const (), u32) -> u32,
}

/// What [`RouterApi::send`] names. An unknown code is refused.
pub mod target {
    /// A route.
    pub const ROUTE: u32 = 0;
    /// An agent, by its name, or by `name/route`.
    pub const AGENT: u32 = 1;
    /// A plugin's own `process`.
    pub const PLUGIN: u32 = 2;
}

/// The plugin's own namespace in the host's storage. No function blocks: what takes time answers with a future.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = StorageApiRef)))]
#[sabi(missing_field(option))]
pub struct StorageApi {
    /// The value of a key: context, key. [`NOT_FOUND`] where there is none.
    ///
    /// [`NOT_FOUND`]: crate::error::kind::NOT_FOUND
    pub get: unsafe extern "C" fn(*const (), RSlice<'_, u8>) -> RawReply,
    /// Sets the value of a key: context, key, value (owned by the callee from here). Answers nothing.
    pub put: unsafe extern "C" fn(*const (), RSlice<'_, u8>, *mut RawPayload) -> RawReply,
    /// Removes a key: context, key. Answers one byte, not 0 where the key was there.
    pub delete: unsafe extern "C" fn(*const (), RSlice<'_, u8>) -> RawReply,
    /// A page of keys and values, in the order of the keys' bytes: context, the prefix that keys begin with, the key after which the page begins (empty: at the
    /// first), and how many there may be. Answers what [`bridge::entries`](crate::bridge::entries) reads.
    #[sabi(last_prefix_field)]
    pub scan: unsafe extern "C" fn(*const (), RSlice<'_, u8>, RSlice<'_, u8>, u32) -> RawReply,
}

/// What a plugin counts and measures. The host adds the plugin's name.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = MetricsApiRef)))]
#[sabi(missing_field(option))]
pub struct MetricsApi {
    /// A number for a metric: context, one of [`metric`]'s codes, its name. The same for the same name and kind. 0, which [`update`](Self::update)
    /// ignores, where the name cannot be one, is taken by another kind, or the plugin has too many.
    pub register: unsafe extern "C" fn(*const (), u32, RStr<'_>) -> u64,
    /// Context, the metric's number, one of [`metric`]'s operations, and the value.
    #[sabi(last_prefix_field)]
    pub update: unsafe extern "C" fn(*const (), u64, u32, f64),
}

/// The codes of [`MetricsApi`].
pub mod metric {
    /// A kind: only grows.
    pub const COUNTER: u32 = 0;
    /// A kind: goes up and down.
    pub const GAUGE: u32 = 1;
    /// A kind: many values, whose spread matters.
    pub const HISTOGRAM: u32 = 2;

    /// An operation: adds to a counter (what is negative is ignored) or a gauge.
    pub const ADD: u32 = 0;
    /// An operation: sets a gauge.
    pub const SET: u32 = 1;
    /// An operation: puts a value into a histogram.
    pub const RECORD: u32 = 2;
}

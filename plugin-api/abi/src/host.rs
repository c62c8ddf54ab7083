//! What a host offers a plugin: one small vtable for each service, so that each may grow by itself.

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RSlice, RStr, RString};

use crate::call::{RawReply, RawStream};
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
    /// The key by which tasks of a kind are told apart, if the task has one: valid as long as the task. Absent: there are no keys.
    pub key: unsafe extern "C" fn(*const ()) -> ROption<RSlice<'static, u8>>,
    /// The value of a label, if the task has it: valid as long as the task. Absent: there are no labels.
    pub label: unsafe extern "C" fn(*const (), RStr<'_>) -> ROption<RStr<'static>>,
    /// A label by its place, from 0 on: valid as long as the task. Absent: there are no labels.
    pub label_at: unsafe extern "C" fn(*const (), usize) -> ROption<RawLabel<'static>>,
    /// The task's trace, as the W3C's `traceparent`; empty where it has none. Copied: the plugin frees it. Absent: there are no traces.
    pub traceparent: unsafe extern "C" fn(*const ()) -> RString,
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
    /// As [`send`](Self::send), with options: valid until the call returns. Absent: a task has none.
    pub send_with: unsafe extern "C" fn(
        *const (),
        *const (),
        u32,
        RStr<'_>,
        *mut RawPayload,
        *const RawTaskOptions<'_>,
    ) -> RawReply,
    /// As [`send_with`](Self::send_with), for an answer that comes item by item; one that comes whole is the one item. Last, the items to send along, handed over, or
    /// null. Absent: the host has no streams.
    pub open_stream: unsafe extern "C" fn(
        *const (),
        *const (),
        u32,
        RStr<'_>,
        *mut RawPayload,
        *const RawTaskOptions<'_>,
        *mut RawStream,
    ) -> RawReply,
    /// Sends a task to all agents of a route: context, the task it is nested in or null, the route's name, the data (owned by the callee from here), the options. Answers
    /// a stream in which two items stand for each agent's answer: who it is, which [`bridge::answers`](crate::bridge::answers) reads, and then what it answered, an error
    /// too. Absent: the host cannot.
    pub broadcast: unsafe extern "C" fn(
        *const (),
        *const (),
        RStr<'_>,
        *mut RawPayload,
        *const RawTaskOptions<'_>,
    ) -> RawReply,
    /// As [`add_route`](Self::add_route), with options: valid until the call returns. Absent: such a route has none.
    pub add_route_with: unsafe extern "C" fn(
        *const (),
        *const (),
        RStr<'_>,
        RStr<'_>,
        u32,
        *const RawRouteOptions<'_>,
    ) -> ROption<RawError>,
}

/// What the host's router is to know of a route that an instance adds. A route in the file has the same in its record.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawRouteOptions<'a> {
    /// Its share of the route's tasks: 1 to 1000; another is refused.
    pub weight: u32,
    /// [`FLAG_IDEMPOTENT`]; unknown ones are ignored.
    pub flags: u32,
    /// How many tasks the handler works on at a time, 1 at least; none: as many as the route allows.
    pub max_concurrent: ROption<u32>,
    /// What strategies may go by.
    pub labels: RSlice<'a, RawLabel<'a>>,
}

/// What a task is sent with.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawTaskOptions<'a> {
    /// The time that it has as a whole, in nanoseconds; `u64::MAX` where its sender does not limit it.
    pub remaining: u64,
    /// [`FLAG_IDEMPOTENT`]; unknown ones are ignored.
    pub flags: u32,
    /// The key by which tasks of a kind are told apart.
    pub key: ROption<RSlice<'a, u8>>,
    /// What else is to be known of it.
    pub labels: RSlice<'a, RawLabel<'a>>,
}

/// In [`RawTaskOptions::flags`] and [`RawRouteOptions::flags`]: to do the task, or any task there, twice does no harm.
pub const FLAG_IDEMPOTENT: u32 = 1;

/// A name and its value.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawLabel<'a> {
    /// The name.
    pub name: RStr<'a>,
    /// The value.
    pub value: RStr<'a>,
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

//! What a plugin offers: its root module, found in the file by one exported name.

use abi_stable::StableAbi;
use abi_stable::declare_root_module_statics;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_types::VersionStrings;
#[cfg(not(feature = "seam-older"))]
use abi_stable::std_types::RStr;
use abi_stable::std_types::{ROption, RString};

use crate::call::{RawCall, RawReply};
use crate::error::RawError;
use crate::host::RawHost;
use crate::payload::RawPayload;
#[cfg(not(feature = "seam-older"))]
use crate::routing::{RawAgents, RawOutcome, RawSelection, RawTask, RawVerdict};
use crate::waker::RawWaker;

/// The functions of a plugin.
///
/// The order in which a host calls them: `bind` once, before all else; `describe` and `check_config` at any time; then for each instance `create`,
/// `initialize`, `restore_state` at most once, `invoke`, `select_agent`, `before_task` and `after_task` as often as wanted and from any thread, `save_state` with no call under way, `cleanup`, and, with no call under way, `destroy`;
/// `close` once, last.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleRef)))]
#[sabi(missing_field(option))]
pub struct PluginModule {
    /// Gives the generation its host.
    pub bind: unsafe extern "C" fn(RawHost) -> ROption<RawError>,
    /// The plugin's description, as JSON: the config's schema, whether it has a strategy and whether it intercepts, and for each handler, in the order
    /// of its number, the route's name and the schemas of its input and output.
    pub describe: unsafe extern "C" fn() -> RString,
    /// What does not fit of a config (JSON, owned by the callee from here), before an instance is made of it: a JSON array of objects with `path`
    /// (keys and numbers, from the config's root) and `message`; empty text where all fits.
    pub check_config: unsafe extern "C" fn(*mut RawPayload) -> RString,
    /// An instance that is not initialized yet, or null where that failed.
    pub create: unsafe extern "C" fn(RawHost) -> *const (),
    /// Initializes an instance with its config, as JSON (owned by the callee from here). Once initialized, it answers at once.
    pub initialize: unsafe extern "C" fn(*const (), *mut RawPayload, *const RawWaker) -> RawReply,
    /// Calls a handler. A null waker: answer `Pending` without a first look.
    pub invoke: unsafe extern "C" fn(*const (), *mut RawCall, *const RawWaker) -> RawReply,
    /// Cleans an instance up: its own `cleanup`, then its background tasks are ended. Once cleaned up, it answers at once.
    pub cleanup: unsafe extern "C" fn(*const (), *const RawWaker) -> RawReply,
    /// Drops an instance, cleaned up or not. May block.
    pub destroy: unsafe extern "C" fn(*const ()),
    /// Ends what the generation runs for itself, its tokio runtime first of all. Blocks until that has ended.
    #[sabi(last_prefix_field)]
    pub close: unsafe extern "C" fn(),
    /// Another level of [`LogApi::max_level`]. Absent: the plugin keeps the level that it began with.
    ///
    /// [`LogApi::max_level`]: crate::host::LogApi::max_level
    #[cfg(not(feature = "seam-older"))]
    pub set_log_level: unsafe extern "C" fn(u32),
    /// How many threads the plugin asks for its `blocking` handlers; 0 or absent: as the host sees fit.
    #[cfg(not(feature = "seam-older"))]
    pub blocking_threads: u32,
    /// What an instance hands over to the one that takes its place in another generation. Absent: nothing.
    #[cfg(not(feature = "seam-older"))]
    pub save_state: unsafe extern "C" fn(*const (), *const RawWaker) -> RawReply,
    /// Takes over what the instance of another generation saved: the instance, the state (owned by the callee from here), and the version of the library that saved it. Absent: nothing is
    /// taken over.
    #[cfg(not(feature = "seam-older"))]
    pub restore_state:
        unsafe extern "C" fn(*const (), *mut RawPayload, RStr<'_>, *const RawWaker) -> RawReply,
    /// Which of those who can is to do a task: the instance, the task, the agents. A null waker: answer `Later` without a first look. Absent, as where the description names no strategy:
    /// the plugin has none.
    #[cfg(not(feature = "seam-older"))]
    pub select_agent: unsafe extern "C" fn(
        *const (),
        *const RawTask<'_>,
        *const RawAgents,
        *const RawWaker,
    ) -> RawSelection,
    /// What is to become of a task before any agent has it: the instance, the task, its data, which is lent. A null waker as for `select_agent`. Absent, as where the description names no
    /// interceptor: the plugin looks at no tasks.
    #[cfg(not(feature = "seam-older"))]
    pub before_task: unsafe extern "C" fn(
        *const (),
        *const RawTask<'_>,
        *const RawPayload,
        *const RawWaker,
    ) -> RawVerdict,
    /// Shows how a task ended. Answers nothing. Absent as `before_task`.
    #[cfg(not(feature = "seam-older"))]
    pub after_task: unsafe extern "C" fn(
        *const (),
        *const RawTask<'_>,
        *const RawOutcome<'_>,
        *const RawWaker,
    ) -> RawReply,
    /// What a later release may append: a field.
    #[cfg(feature = "seam-newer")]
    pub next_field: u32,
    /// What a later release may append: a function.
    #[cfg(feature = "seam-newer")]
    pub next_function: unsafe extern "C" fn() -> u32,
}

/// A plugin that is linked into its host's program, and goes through the same seam as one in a file. `#[plugin]` implements it.
pub trait LinkedPlugin {
    /// The records that its file would hold, the plugin's own and one for each route: see [`record`](crate::record).
    fn records() -> Vec<&'static [u8]>;
    /// Its root module. `bind` may be called once for each generation, of several hosts too.
    fn module() -> PluginModuleRef;
}

impl RootModule for PluginModuleRef {
    declare_root_module_statics! {PluginModuleRef}
    const BASE_NAME: &'static str = "agentsys_plugin";
    const NAME: &'static str = "agentsys_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

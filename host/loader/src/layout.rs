//! Whether host and plugin mean the same by each type of the seam.
//!
//! `abi_stable`'s own way to ask keeps pointers into the plugin in process-wide caches; once the library was unmapped, the next
//! question crashed. So each question here has globals of its own, which go before the answer is given, and the
//! answer is text. Two questions are asked, since either side may be the newer one and have more fields: passing one is enough.

use abi_stable::abi_stability::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::type_layout::TypeLayout;
use agentsys_abi::module::PluginModuleRef;

/// The layouts differ.
#[derive(Debug)]
pub(crate) struct Differs {
    pub(crate) differences: usize,
    pub(crate) report: String,
}

/// Compares the host's root module with the plugin's.
pub(crate) fn check(plugin: &'static TypeLayout) -> Result<(), Differs> {
    let host = <PluginModuleRef as StableAbi>::LAYOUT;
    let as_newer_plugin = compare(host, plugin);
    if as_newer_plugin.is_ok() || compare(plugin, host).is_ok() {
        return Ok(());
    }
    as_newer_plugin
}

fn compare(
    interface: &'static TypeLayout,
    implementation: &'static TypeLayout,
) -> Result<(), Differs> {
    let globals = CheckingGlobals::new();
    check_layout_compatibility_with_globals(interface, implementation, &globals).map_err(|errors| {
        Differs {
            differences: errors.errors.iter().map(|error| error.errs.len()).sum(),
            report: errors.to_string(),
        }
    })
}

//! A plugin that is linked into the host's program, in place of a file: for debuggers, Miri, tests, and platforms without shared libraries.
//!
//! It goes through the same seam, but for what only a file has: a private copy, a layout that may differ, and an end of its code.

use agentsys_abi::module::{LinkedPlugin, PluginModuleRef};

use crate::inspect::{self, Fault};
use crate::metadata::Metadata;

/// A linked plugin: what it says of itself, and its functions.
#[derive(Clone)]
pub struct Linked {
    metadata: Metadata,
    pub(crate) module: PluginModuleRef,
}

impl Linked {
    /// The plugin whose type that is.
    ///
    /// # Errors
    /// Where its records cannot be, as with a bad version: what an inspected file would be refused for.
    pub fn of<P: LinkedPlugin>() -> Result<Self, Fault> {
        Self::new(&P::records(), P::module())
    }

    /// A plugin of these records and this module.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn new(records: &[&[u8]], module: PluginModuleRef) -> Result<Self, Fault> {
        let metadata = inspect::metadata_of(records)?;
        Ok(Self { metadata, module })
    }

    /// The same without the plugins that it needs: for a test, which plays them itself.
    #[must_use]
    pub fn without_dependencies(mut self) -> Self {
        self.metadata.plugin.dependencies.clear();
        self
    }

    /// What it says of itself.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

impl std::fmt::Debug for Linked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plugin = &self.metadata.plugin;
        write!(f, "Linked({} {})", plugin.name, plugin.version)
    }
}

//! One loading of one file's content: opened, checked, bound to its host.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use agentsys_abi::bridge::Failure;
use agentsys_abi::module::PluginModuleRef;
use serde::Deserialize;

use crate::copies::PrivateCopy;
use crate::error::LoadError;
use crate::inspect::Inspected;
use crate::lease::{Lease, LeaseKind, Leases};
use crate::library;
use crate::mapping::Mapping;
use crate::metadata::RouteRecord;
use crate::services::Services;
use crate::threads;

/// What a generation is opened from.
pub struct Source<'a> {
    /// The operator's file, for messages.
    pub path: &'a Path,
    /// What was read from it.
    pub inspected: &'a Inspected,
    /// The private copy of just those bytes.
    pub copy: PrivateCopy,
    /// The name under which the plugin runs.
    pub plugin: Arc<str>,
    /// The generation's number, counted by plugin.
    pub number: u64,
}

/// A generation. It is closed once this and every lease are gone.
pub struct Generation {
    lease: Lease,
    description: Description,
}

impl Generation {
    /// Opens, checks and binds a library. Blocks, since it runs the library's own initializers, on a thread that ends with this
    /// call: what they leave on their thread is gone then. `on_closed` is called when the generation has been closed.
    ///
    /// # Errors
    /// See [`LoadError`]; nothing is left of it then but a library that the system may keep in memory.
    pub fn open(
        source: Source<'_>,
        services: Arc<dyn Services>,
        on_closed: impl FnOnce() + Send + Sync + 'static,
    ) -> Result<Self, LoadError> {
        let path = source.path;
        let thread = std::thread::Builder::new().name(format!("open {}", source.plugin));
        std::thread::scope(|scope| {
            let opening = thread
                .spawn_scoped(scope, || open(source, services, Box::new(on_closed)))
                .map_err(|error| LoadError::Thread {
                    path: path.to_owned(),
                    source: error,
                })?;
            opening.join().unwrap_or_else(|panic| {
                let reason = agentsys_abi::bridge::describe_panic(panic);
                Err(LoadError::RootModule {
                    path: path.to_owned(),
                    reason,
                })
            })
        })
    }

    /// What the plugin says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The generation's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.mapping().number
    }

    /// How many threads the plugin asks for its blocking handlers, if it does.
    #[must_use]
    pub fn blocking_threads(&self) -> Option<usize> {
        let asked = self
            .lease
            .leases()
            .module
            .blocking_threads()
            .unwrap_or_default();
        (asked > 0).then(|| usize::try_from(asked).unwrap_or(usize::MAX))
    }

    /// Tells the plugin another log level. One that is older than this function keeps its own.
    pub fn set_log_level(&self, level: u32) {
        if let Some(set) = self.lease.leases().module.set_log_level() {
            threads::enter(self.mapping());
            // SAFETY: the library is bound, and this lease keeps it open.
            unsafe { set(level) };
        }
    }

    /// What keeps the generation open, by kind, without those of which there are none.
    #[must_use]
    pub fn outstanding(&self) -> Vec<(LeaseKind, usize)> {
        self.lease.leases().outstanding()
    }

    /// A lease.
    #[must_use]
    pub fn lease(&self, kind: LeaseKind) -> Lease {
        self.lease.another(kind)
    }

    fn mapping(&self) -> &Arc<Mapping> {
        &self.lease.leases().mapping
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({} {})", self.mapping().plugin, self.number())
    }
}

fn open(
    source: Source<'_>,
    services: Arc<dyn Services>,
    on_closed: Box<dyn FnOnce() + Send + Sync>,
) -> Result<Generation, LoadError> {
    let Source {
        path,
        inspected,
        copy,
        plugin,
        number,
    } = source;
    let (library, module) = library::open(copy.path(), path)?;
    let mapping = Mapping::new(library, copy, plugin, number, services);
    threads::enter(&mapping);
    // SAFETY: the first call; the mapping is valid for good.
    let bound = unsafe { (module.bind())(mapping.raw_host()) };
    if let Some(error) = bound.into_option() {
        let reason = Failure::from(error).message;
        mapping.let_go();
        return Err(LoadError::RootModule {
            path: path.to_owned(),
            reason,
        });
    }
    let leases = Leases::new(mapping, module, on_closed);
    let lease = Lease::new(leases, LeaseKind::Host);
    let description =
        describe(module, &inspected.metadata.routes).map_err(|reason| LoadError::Description {
            path: path.to_owned(),
            reason,
        })?;
    Ok(Generation { lease, description })
}

/// What a loaded plugin says of itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Description {
    /// The JSON schema of its config.
    #[serde(default)]
    pub config_schema: Option<serde_json::Value>,
    /// Its handlers, in the order of their numbers.
    pub handlers: Vec<HandlerDescription>,
}

/// What a loaded plugin says of one handler.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct HandlerDescription {
    /// The route's name.
    pub route: String,
    /// The JSON schema of its input, where the type has one.
    #[serde(default)]
    pub input_schema: Option<serde_json::Value>,
    /// The JSON schema of its output, where the type has one.
    #[serde(default)]
    pub output_schema: Option<serde_json::Value>,
}

fn describe(module: PluginModuleRef, records: &[RouteRecord]) -> Result<Description, String> {
    // SAFETY: the library is bound.
    let json = unsafe { (module.describe())() };
    let description: Description = serde_json::from_str(json.as_str())
        .map_err(|error| format!("its description cannot be read: {error}"))?;
    let mut loaded: Vec<&str> = description
        .handlers
        .iter()
        .map(|handler| &*handler.route)
        .collect();
    let mut recorded: Vec<&str> = records.iter().map(|record| &*record.name).collect();
    loaded.sort_unstable();
    recorded.sort_unstable();
    if loaded != recorded {
        return Err(format!(
            "its records name the routes {recorded:?}, its code {loaded:?}"
        ));
    }
    Ok(description)
}

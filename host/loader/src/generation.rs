//! One loading of one file's content: opened, checked, bound to its host.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use agentsys_abi::bridge::{Failure, Payload};
use agentsys_abi::module::PluginModuleRef;
use bytes::Bytes;

use crate::closing::{End, OnEnd};
use crate::copies::PrivateCopy;
use crate::description::{ConfigIssue, Description, describe};
use crate::error::LoadError;
use crate::inspect::Inspected;
use crate::lease::{Lease, LeaseKind, LeaseWatch, Leases};
use crate::library;
use crate::linked::Linked;
use crate::mapping::{Mapping, Opened};
use crate::metadata::RouteRecord;
use crate::services::Services;
use crate::threads;

/// What a generation is opened from.
pub struct Source<'a> {
    /// The operator's file, for messages.
    pub path: &'a Path,
    /// What was read from it.
    pub inspected: &'a Inspected,
    /// The private copy of just those bytes. Who keeps it, can open it again.
    pub copy: Arc<PrivateCopy>,
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
    /// call: what they leave on their thread is gone then. `on_end` is called when the generation has been closed, and says how that ended.
    ///
    /// # Errors
    /// See [`LoadError`]; nothing is left of it then but a library that the system may keep in memory.
    pub fn open(
        source: Source<'_>,
        services: Arc<dyn Services>,
        on_end: impl Fn(End) + Send + Sync + 'static,
    ) -> Result<Self, LoadError> {
        let path = source.path;
        let thread = std::thread::Builder::new().name(format!("open {}", source.plugin));
        std::thread::scope(|scope| {
            let opening = thread
                .spawn_scoped(scope, || open(source, services, Box::new(on_end)))
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

    /// Makes a generation of a linked plugin, under that name and number. Nothing is opened: every host of the program shares its code.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn link(
        linked: &Linked,
        plugin: Arc<str>,
        number: u64,
        services: Arc<dyn Services>,
        on_end: impl Fn(End) + Send + Sync + 'static,
    ) -> Result<Self, LoadError> {
        let mapping = Mapping::new(None, plugin, number, services);
        let routes = &linked.metadata().routes;
        begin(mapping, linked.module, routes, Box::new(on_end))
            .map_err(|refused| refused.of(Path::new(LINKED)))
    }

    /// Whether a config fits, before an instance is made of it: a JSON object.
    ///
    /// # Errors
    /// All that does not fit.
    pub fn check_config(&self, config: Bytes) -> Result<(), Vec<ConfigIssue>> {
        threads::enter(self.mapping());
        let mut config = Payload::new(config, "application/json").into_raw();
        // SAFETY: the library is bound, and this lease keeps it open; the config is handed over.
        let issues = unsafe { (self.lease.leases().module.check_config())(&mut config) };
        if issues.is_empty() {
            return Ok(());
        }
        Err(serde_json::from_str(issues.as_str()).unwrap_or_else(|_| {
            let message =
                format!("the plugin says, in a form that this host does not know: {issues}");
            vec![ConfigIssue {
                path: Vec::new(),
                message,
            }]
        }))
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

    /// Sees what keeps the generation open, without doing so.
    #[must_use]
    pub fn watch(&self) -> LeaseWatch {
        LeaseWatch::new(self.lease.leases())
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
    on_end: OnEnd,
) -> Result<Generation, LoadError> {
    let Source {
        path,
        inspected,
        copy,
        plugin,
        number,
    } = source;
    let name = &inspected.metadata.plugin.name;
    let (library, module) = library::open(copy.path(), path, name)?;
    let mapping = Mapping::new(Some(Opened { library, copy }), plugin, number, services);
    begin(mapping, module, &inspected.metadata.routes, on_end).map_err(|refused| refused.of(path))
}

/// What stands for the file of a plugin that has none.
const LINKED: &str = "(linked into the program)";

/// Binds a root module, and asks what it says of itself.
fn begin(
    mapping: Arc<Mapping>,
    module: PluginModuleRef,
    routes: &[RouteRecord],
    on_end: OnEnd,
) -> Result<Generation, Refused> {
    threads::enter(&mapping);
    // SAFETY: the first call; the mapping is valid for good.
    let bound = unsafe { (module.bind())(mapping.raw_host()) };
    if let Some(error) = bound.into_option() {
        mapping.let_go();
        return Err(Refused::ByModule(Failure::from(error).message));
    }
    let leases = Leases::new(mapping, module, on_end);
    let lease = Lease::new(leases, LeaseKind::Host);
    let description = describe(module, routes).map_err(Refused::ByDescription)?;
    Ok(Generation { lease, description })
}

/// Why a root module does not serve, without its file.
enum Refused {
    ByModule(String),
    ByDescription(String),
}

impl Refused {
    fn of(self, path: &Path) -> LoadError {
        let path = path.to_owned();
        match self {
            Self::ByModule(reason) => LoadError::RootModule { path, reason },
            Self::ByDescription(reason) => LoadError::Description { path, reason },
        }
    }
}

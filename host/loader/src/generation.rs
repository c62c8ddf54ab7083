//! One loading of one file's content: opened, checked, bound to its host.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use agentsys_abi::bridge::{Failure, Payload};
use agentsys_abi::module::PluginModuleRef;
use bytes::Bytes;

use crate::attribution::{About, Activity, Attribution, Tag};
use crate::closing::{End, OnEnd};
use crate::copies::PrivateCopy;
use crate::description::{ConfigIssue, Description, describe};
use crate::error::LoadError;
use crate::inspect::Inspected;
use crate::lease::{Lease, LeaseKind, LeaseWatch, Leases};
use crate::library;
use crate::linked::Linked;
use crate::mapping::{Mapping, Opened};
use crate::metadata::{Metadata, RouteRecord};
use crate::services::Services;

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
    /// The account of who runs what.
    pub attribution: &'a Attribution,
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
        attribution: &Attribution,
        services: Arc<dyn Services>,
        on_end: impl Fn(End) + Send + Sync + 'static,
    ) -> Result<Self, LoadError> {
        let path = Path::new(LINKED);
        let tag = register(attribution, path, linked.metadata(), None, &plugin, number)?;
        let mapping = Mapping::new(None, plugin, number, services, tag);
        let routes = &linked.metadata().routes;
        begin(mapping, linked.module, routes, Box::new(on_end)).map_err(|refused| refused.of(path))
    }

    /// Whether a config fits, before an instance is made of it: a JSON object.
    ///
    /// # Errors
    /// All that does not fit.
    pub fn check_config(&self, config: Bytes) -> Result<(), Vec<ConfigIssue>> {
        let mut config = Payload::new(config, "application/json").into_raw();
        let check = self.lease.leases().module.check_config();
        let issues = self.lease.leases().run(Activity::Describing, || {
            // SAFETY: the library is bound, and this lease keeps it open; the config is handed over.
            let issues = unsafe { check(&mut config) };
            issues.as_str().to_owned()
        });
        if issues.is_empty() {
            return Ok(());
        }
        Err(serde_json::from_str(&issues).unwrap_or_else(|_| {
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
            // SAFETY: the library is bound, and this lease keeps it open.
            self.lease
                .leases()
                .run(Activity::Describing, || unsafe { set(level) });
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
        attribution,
    } = source;
    let (metadata, hash) = (&inspected.metadata, inspected.content_hash.to_string());
    let tag = register(attribution, path, metadata, Some(hash), &plugin, number)?;
    let name = &metadata.plugin.name;
    let opened = tag.run(Activity::Opening, || library::open(copy.path(), path, name));
    let (library, module) = opened?;
    let mapping = Mapping::new(
        Some(Opened { library, copy }),
        plugin,
        number,
        services,
        tag,
    );
    begin(mapping, module, &inspected.metadata.routes, on_end).map_err(|refused| refused.of(path))
}

/// Takes a generation into the account, before any of its code runs.
fn register(
    attribution: &Attribution,
    path: &Path,
    metadata: &Metadata,
    content_hash: Option<String>,
    plugin: &Arc<str>,
    generation: u64,
) -> Result<Tag, LoadError> {
    let about = About {
        plugin: plugin.to_string(),
        version: metadata.plugin.version.to_string(),
        generation,
        content_hash,
        path: path.to_owned(),
        routes: Vec::new(),
    };
    Ok(attribution.register(about)?)
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
    let bound = mapping.run(Activity::Opening, || {
        // SAFETY: the first call; the mapping holds itself as long as the library is in memory.
        let bound = unsafe { (module.bind())(mapping.raw_host()) };
        bound
            .into_option()
            .map(|error| Failure::from(error).message)
    });
    if let Some(error) = bound {
        mapping.let_go();
        return Err(Refused::ByModule(error));
    }
    let leases = Leases::new(mapping, module, on_end);
    let lease = Lease::new(leases, LeaseKind::Host);
    let described = lease
        .leases()
        .run(Activity::Describing, || describe(module, routes));
    let description = described.map_err(Refused::ByDescription)?;
    let handlers = description.handlers.iter();
    let names = handlers.map(|handler| handler.route.clone()).collect();
    let tag = lease.mapping().tag();
    if let Some(Err(error)) = tag.map(|tag| tag.name_routes(names)) {
        tracing::warn!("should this plugin end the host, its route will not be known: {error}");
    }
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

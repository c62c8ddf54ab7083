//! The probe's own side: open the copy as the host would, say what it offers, end.

use std::fmt::Display;
use std::path::Path;
use std::sync::{Arc, Weak};

use agentsys_abi::bridge::{Failure, describe_panic};
use agentsys_abi::error::kind;

use super::processes;
use super::verdict::{Stage, Verdict};
use super::word::{Errand, Word};
use crate::attribution::{About, Activity, Attribution};
use crate::description::{Description, describe};
use crate::error::LoadError;
use crate::inspect::inspect;
use crate::instance::Instance;
use crate::library;
use crate::mapping::Mapping;
use crate::output::Data;
use crate::services::{
    AddedRoute, AgentAnswers, LogLine, MetricKind, MetricUpdate, Routed, SendOptions, Services,
    StorageOperation, Stored, Target,
};
use crate::stream::DataStream;
use crate::task::Task;

/// Does the errand, and ends the process.
pub(super) fn run(errand: &Errand) -> ! {
    if !processes::settle(errand.host) {
        processes::leave(1);
    }
    let probe = Probe {
        errand,
        process: std::process::id(),
    };
    probe.say(&Word::At(Stage::Opening));
    let verdict = apart(&probe).unwrap_or_else(|refused| refused.verdict());
    if processes::started_processes() {
        probe.say(&Word::Forked);
    } else {
        probe.say(&Word::Said(verdict));
    }
    processes::leave(0)
}

struct Probe<'a> {
    errand: &'a Errand,
    process: u32,
}

impl Probe<'_> {
    fn say(&self, word: &Word) {
        // A constructor that forked may come back twice. The parent alone reports.
        if std::process::id() != self.process {
            processes::leave(1);
        }
        if let Err(error) = self.errand.say(word) {
            // The host reads this too, and tells it.
            eprintln!("the probe cannot report: {error}");
            processes::leave(1);
        }
    }
}

/// On a thread that ends with the opening, as in the host: what a constructor needs of its stack, and leaves on its thread, is found
/// out here.
fn apart(probe: &Probe<'_>) -> Result<Verdict, Refused> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("probe".to_owned());
        let looking = thread
            .spawn_scoped(scope, || look(probe).map(Verdict::Serves))
            .map_err(|error| Refused::now(&error))?;
        looking
            .join()
            .unwrap_or_else(|panic| Err(Refused::now(&describe_panic(panic))))
    })
}

fn look(probe: &Probe<'_>) -> Result<Description, Refused> {
    let copy = &*probe.errand.copy;
    let metadata = inspect(copy)
        .map_err(|error| Refused::for_good(&error.fault))?
        .metadata;
    let name = &*metadata.plugin.name;
    // Never closed: the process ends.
    let (_library, module) =
        library::open(copy, copy, name).map_err(|error| Refused::by_loading(&error, copy))?;
    probe.say(&Word::At(Stage::Describing));
    let about = About {
        plugin: name.to_owned(),
        version: metadata.plugin.version.to_string(),
        generation: 0,
        content_hash: None,
        path: copy.to_owned(),
        routes: Vec::new(),
    };
    let tag = Attribution::in_memory().register(about);
    let tag = tag.map_err(|error| Refused::now(&error))?;
    let mapping = Mapping::new(None, name.into(), 0, Arc::new(Nothing), tag);
    // SAFETY: the layout was checked, this is the first call, and the mapping is valid for good.
    let bind = || unsafe { (module.bind())(mapping.raw_host()) };
    let bound = mapping.run(Activity::Opening, bind);
    if let Some(error) = bound.into_option() {
        let reason = Failure::from(error).message;
        return Err(Refused::by_loading(
            &LoadError::RootModule {
                path: copy.to_owned(),
                reason,
            },
            copy,
        ));
    }
    describe(module, &metadata.routes).map_err(|reason| {
        Refused::by_loading(
            &LoadError::Description {
                path: copy.to_owned(),
                reason,
            },
            copy,
        )
    })
}

struct Refused {
    reason: String,
    report: Option<String>,
    lasting: bool,
}

impl Refused {
    fn for_good(reason: &impl Display) -> Self {
        Self {
            reason: reason.to_string(),
            report: None,
            lasting: true,
        }
    }

    fn now(reason: &impl Display) -> Self {
        Self {
            lasting: false,
            ..Self::for_good(reason)
        }
    }

    /// What the host's loader would say, without the copy's path: the host knows the operator's.
    fn by_loading(error: &LoadError, copy: &Path) -> Self {
        let text = error.to_string();
        let path = format!("{}: ", copy.display());
        Self {
            reason: text.strip_prefix(&path).unwrap_or(&text).to_owned(),
            report: error.report().map(str::to_owned),
            lasting: matches!(
                error,
                LoadError::NoRootModule { .. }
                    | LoadError::AbiStable { .. }
                    | LoadError::Interface { .. }
                    | LoadError::Layout { .. }
                    | LoadError::Description { .. }
            ),
        }
    }

    fn verdict(self) -> Verdict {
        Verdict::Refused {
            reason: self.reason,
            report: self.report,
            lasting: self.lasting,
        }
    }
}

/// A host that offers nothing. A plugin may ask before it has an instance; it gets the answers of a host that is going.
struct Nothing;

fn refusal() -> Failure {
    Failure::new(kind::UNAVAILABLE, "a probe offers nothing")
}

impl Services for Nothing {
    fn max_log_level(&self) -> u32 {
        0
    }

    fn log(&self, _: LogLine<'_>) {}

    fn send(&self, _: Option<&dyn Task>, _: Target, _: &str, _: Data, _: SendOptions) -> Routed {
        Box::pin(async { Err(refusal()) })
    }

    fn stream(
        &self,
        _: Option<&dyn Task>,
        _: Target,
        _: &str,
        _: Data,
        _: SendOptions,
        _: Option<DataStream>,
    ) -> Result<DataStream, Failure> {
        Err(refusal())
    }

    fn broadcast(
        &self,
        _: Option<&dyn Task>,
        _: &str,
        _: Data,
        _: SendOptions,
    ) -> Result<AgentAnswers, Failure> {
        Err(refusal())
    }

    fn add_route(&self, _: &Weak<Instance>, _: AddedRoute) -> Result<(), Failure> {
        Err(refusal())
    }

    fn remove_route(&self, _: &Weak<Instance>, _: u32) -> bool {
        false
    }

    fn storage(&self, _: StorageOperation) -> Stored {
        Box::pin(async { Err(refusal()) })
    }

    fn register_metric(&self, _: MetricKind, _: &str) -> u64 {
        0
    }

    fn update_metric(&self, _: u64, _: MetricUpdate) {}
}

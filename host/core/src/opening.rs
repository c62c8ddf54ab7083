//! From a file, or a plugin that is linked into the program, to an open generation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentsys_loader::{
    Candidate, CopyStore, End, Generation, Linked, Metadata, RouteRecord, Source as FileSource,
    read_and_inspect,
};
use tokio::sync::watch;

use crate::error::PluginError;
use crate::ground::Ground;
use crate::options::PluginOptions;
use crate::runtimes::within;
use crate::services::PluginServices;

/// Where a plugin's code comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(Candidate),
    Linked(Linked),
}

impl Source {
    pub(crate) fn metadata(&self) -> &Metadata {
        match self {
            Self::File(candidate) => &candidate.inspected.metadata,
            Self::Linked(linked) => linked.metadata(),
        }
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(candidate) => Some(&candidate.path),
            Self::Linked(_) => None,
        }
    }
}

/// An open generation, before it has instances.
pub(crate) struct Opened {
    pub(crate) generation: Arc<Generation>,
    pub(crate) routes: Vec<RouteRecord>,
    /// Whether the plugin has a `process` of its own.
    pub(crate) has_process: bool,
    pub(crate) services: Arc<PluginServices>,
    /// Tells how the generation ended, once it does.
    pub(crate) end: watch::Receiver<Option<End>>,
}

/// Opens a plugin as a generation of that number.
pub(crate) async fn open(
    ground: &Ground,
    name: &Arc<str>,
    source: &Source,
    number: u64,
    options: &PluginOptions,
) -> Result<Opened, PluginError> {
    let services = Arc::new(PluginServices::new(ground, name));
    let (on_end, end) = watch::channel(None);
    let opening = {
        let (source, name, copies) = (source.clone(), Arc::clone(name), ground.copies.clone());
        let services = Arc::clone(&services);
        let work = move || open_source(&source, copies.as_deref(), name, number, services, on_end);
        ground.runtimes.workers().spawn_blocking(work)
    };
    let limit = options.initialize_timeout;
    let opened = within(ground.runtimes.control(), limit, opening).await;
    let opened = opened.ok_or_else(|| PluginError::LoadTimeout {
        path: source
            .path()
            .map_or_else(|| PathBuf::from(&**name), Path::to_owned),
        within: limit,
    })?;
    let (generation, metadata) =
        opened.map_err(|error| PluginError::Internal(error.to_string()))??;
    Ok(Opened {
        generation: Arc::new(generation),
        has_process: metadata
            .plugin
            .capabilities
            .iter()
            .any(|it| it == "process"),
        routes: metadata.routes,
        services,
        end,
    })
}

fn open_source(
    source: &Source,
    copies: Option<&CopyStore>,
    plugin: Arc<str>,
    number: u64,
    services: Arc<PluginServices>,
    on_end: watch::Sender<Option<End>>,
) -> Result<(Generation, Metadata), PluginError> {
    let on_end = move |end| drop(on_end.send_replace(Some(end)));
    let candidate = match source {
        Source::File(candidate) => candidate,
        Source::Linked(linked) => {
            let generation = Generation::link(linked, plugin, number, services, on_end)?;
            return Ok((generation, linked.metadata().clone()));
        }
    };
    let path = &candidate.path;
    // Read again, and copied from these very bytes: what is opened is what was inspected.
    let (inspected, bytes) = read_and_inspect(path)?;
    let (before, now) = (
        &candidate.inspected.metadata.plugin.name,
        &inspected.metadata.plugin.name,
    );
    if before != now {
        let reason = format!("it held plugin {before} a moment ago, and now {now}");
        return Err(PluginError::Changed {
            path: path.clone(),
            reason,
        });
    }
    let copies =
        copies.ok_or_else(|| PluginError::Internal("there is no state directory".to_owned()))?;
    let copy = copies.copy(&bytes, &inspected.content_hash)?;
    let source = FileSource {
        path,
        inspected: &inspected,
        copy: Arc::new(copy),
        plugin,
        number,
    };
    let generation = Generation::open(source, services, on_end)?;
    Ok((generation, inspected.metadata))
}

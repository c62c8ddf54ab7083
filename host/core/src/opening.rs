//! From a file, or a plugin that is linked into the program, to an open generation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentsys_loader::{
    Candidate, ContentHash, CopyStore, End, Generation, Inspected, Linked, Metadata, PrivateCopy,
    Source as FileSource, read_and_inspect,
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
    /// What a file held before: from the copy that was kept of it.
    Kept(Content),
    Linked(Linked),
}

/// What one file held when a generation was opened from it.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    /// The operator's file.
    pub(crate) path: PathBuf,
    pub(crate) inspected: Inspected,
    /// The private copy: it is there as long as somebody keeps this.
    copy: Arc<PrivateCopy>,
}

impl Source {
    pub(crate) fn metadata(&self) -> &Metadata {
        match self {
            Self::File(candidate) => &candidate.inspected.metadata,
            Self::Kept(content) => &content.inspected.metadata,
            Self::Linked(linked) => linked.metadata(),
        }
    }

    /// The hash of its content; none for what is linked.
    pub(crate) fn content_hash(&self) -> Option<ContentHash> {
        match self {
            Self::File(candidate) => Some(candidate.inspected.content_hash),
            Self::Kept(content) => Some(content.inspected.content_hash),
            Self::Linked(_) => None,
        }
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(candidate) => Some(&candidate.path),
            Self::Kept(content) => Some(&content.path),
            Self::Linked(_) => None,
        }
    }
}

/// An open generation, before it has instances.
pub(crate) struct Opened {
    pub(crate) generation: Arc<Generation>,
    /// What it was opened from; none for a linked plugin.
    pub(crate) content: Option<Content>,
    pub(crate) metadata: Metadata,
    /// Whether the plugin has a `process` of its own.
    pub(crate) has_process: bool,
    /// Whether its instances have a state to hand over.
    pub(crate) hands_over: bool,
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
    let (generation, metadata, content) =
        opened.map_err(|error| PluginError::Internal(error.to_string()))??;
    let has = |capability: &str| {
        metadata
            .plugin
            .capabilities
            .iter()
            .any(|it| it == capability)
    };
    Ok(Opened {
        generation: Arc::new(generation),
        content,
        has_process: has("process"),
        hands_over: has("state"),
        metadata,
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
) -> Result<(Generation, Metadata, Option<Content>), PluginError> {
    let on_end = move |end| drop(on_end.send_replace(Some(end)));
    // Read again, and copied from these very bytes: what is opened is what was inspected.
    let (path, before, (inspected, bytes)) = match source {
        Source::File(candidate) => {
            let path = &candidate.path;
            (path, &candidate.inspected, read_and_inspect(path)?)
        }
        Source::Kept(content) => {
            let copy = read_and_inspect(content.copy.path())?;
            (&content.path, &content.inspected, copy)
        }
        Source::Linked(linked) => {
            let generation = Generation::link(linked, plugin, number, services, on_end)?;
            return Ok((generation, linked.metadata().clone(), None));
        }
    };
    let (before, now) = (
        &before.metadata.plugin.name,
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
    let copy = Arc::new(copies.copy(&bytes, &inspected.content_hash)?);
    let source = FileSource {
        path,
        inspected: &inspected,
        copy: Arc::clone(&copy),
        plugin,
        number,
    };
    let generation = Generation::open(source, services, on_end)?;
    let metadata = inspected.metadata.clone();
    let content = Content {
        path: path.clone(),
        inspected,
        copy,
    };
    Ok((generation, metadata, Some(content)))
}

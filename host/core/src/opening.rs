//! From a file, or a plugin that is linked into the program, to an open generation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentsys_loader::{
    Attribution, Candidate, ContentHash, End, Generation, Inspected, Linked, Metadata, PrivateCopy,
    Source as FileSource, may_block, read_and_inspect,
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
    let workers = ground.runtimes.workers();
    // Bounded by the time that a probe has.
    let admitted = {
        let (source, ground) = (source.clone(), ground.clone());
        let admitting = workers.spawn_blocking(move || admit(&source, &ground));
        admitting.await
    };
    let admitted = admitted.map_err(|error| PluginError::Internal(error.to_string()))??;
    let opening = {
        let (name, services) = (Arc::clone(name), Arc::clone(&services));
        let attribution = Arc::clone(&ground.attribution);
        let on_end = move |end| drop(on_end.send_replace(Some(end)));
        workers.spawn_blocking(move || {
            let _may_block = may_block();
            open_admitted(admitted, name, number, &attribution, services, on_end)
        })
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

/// What may be opened.
enum Admitted {
    Content(Content),
    Linked(Linked),
}

/// Copies a content and looks whether it may be opened.
fn admit(source: &Source, ground: &Ground) -> Result<Admitted, PluginError> {
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
        Source::Linked(linked) => return Ok(Admitted::Linked(linked.clone())),
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
    let files = ground
        .files
        .as_ref()
        .ok_or_else(|| PluginError::Internal("there is no state directory".to_owned()))?;
    let copy = files.copies.copy(&bytes, &inspected.content_hash)?;
    drop(bytes);
    files.admission.admit(path, &inspected, &copy)?;
    Ok(Admitted::Content(Content {
        path: path.clone(),
        inspected,
        copy: Arc::new(copy),
    }))
}

fn open_admitted(
    admitted: Admitted,
    plugin: Arc<str>,
    number: u64,
    attribution: &Attribution,
    services: Arc<PluginServices>,
    on_end: impl Fn(End) + Send + Sync + 'static,
) -> Result<(Generation, Metadata, Option<Content>), PluginError> {
    let content = match admitted {
        Admitted::Content(content) => content,
        Admitted::Linked(linked) => {
            let generation =
                Generation::link(&linked, plugin, number, attribution, services, on_end)?;
            return Ok((generation, linked.metadata().clone(), None));
        }
    };
    let source = FileSource {
        path: &content.path,
        inspected: &content.inspected,
        copy: Arc::clone(&content.copy),
        plugin,
        number,
        attribution,
    };
    let generation = Generation::open(source, services, on_end)?;
    let metadata = content.inspected.metadata.clone();
    Ok((generation, metadata, Some(content)))
}

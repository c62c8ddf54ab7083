//! Whether a content may be opened in the host: not what is quarantined, and not what fails in a process of its own before.

use std::path::Path;
use std::time::Duration;

use agentsys_loader::{
    ContentHash, Crash, Inspected, PrivateCopy, ProbeFault, Prober, VerdictCache,
};

use crate::config::HostConfig;
use crate::error::{HostError, PluginError};
use crate::quarantine::{Content, Quarantine, QuarantineKind};

/// Who decides what is opened.
#[derive(Debug)]
pub(crate) struct Admission {
    prober: Option<Prober>,
    timeout: Duration,
    verdicts: VerdictCache,
    quarantine: Quarantine,
}

impl Admission {
    pub(crate) fn open(config: &HostConfig) -> Result<Self, HostError> {
        let prober = match Prober::choose(config.probe_helper.as_deref()) {
            Ok(prober) => Some(prober),
            Err(none) => {
                tracing::warn!("{none}");
                None
            }
        };
        Ok(Self {
            prober,
            timeout: config.probe_timeout,
            verdicts: VerdictCache::new(&config.state_dir),
            quarantine: Quarantine::open(&config.state_dir)?,
        })
    }

    /// Says why a content is not opened, if it is not. Blocks: new content is tried in a child process. `path` is the operator's file.
    pub(crate) fn admit(
        &self,
        path: &Path,
        inspected: &Inspected,
        copy: &PrivateCopy,
    ) -> Result<(), PluginError> {
        let hash = &inspected.content_hash;
        if let Some(quarantined) = self.quarantine.get(hash) {
            return Err(PluginError::Quarantined {
                path: path.to_owned(),
                quarantined: Box::new(quarantined),
            });
        }
        let Some(prober) = &self.prober else {
            return Ok(());
        };
        if let Some(verdict) = self.verdicts.get(hash, path) {
            return verdict
                .map(drop)
                .map_err(|error| PluginError::Probe(Box::new(error)));
        }
        let outcome = prober.probe(copy.path(), path, self.timeout);
        self.verdicts.put(hash, &outcome);
        let plugin = &inspected.metadata.plugin;
        let printed = match &outcome {
            Ok(report) => report.printed.as_deref(),
            Err(error) => error.printed.as_deref(),
        };
        if let Some(printed) = printed {
            let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
            tracing::warn!(plugin = %plugin.name, "{}: it prints while it is opened, which is not its place: {printed:?}", path.display());
        }
        let error = match outcome {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        // A refusal says that the two do not fit, which another host may see otherwise.
        if error.fault.is_of_content() && !matches!(error.fault, ProbeFault::Refused { .. }) {
            self.quarantine(
                path,
                inspected,
                QuarantineKind::Probe,
                &error.fault.to_string(),
            );
        }
        Err(PluginError::Probe(Box::new(error)))
    }

    /// A content ended a host that lived before this one; the second time it is quarantined.
    pub(crate) fn crashed(&self, crash: &Crash) {
        let about = &crash.doing.about;
        tracing::error!(plugin = %about.plugin, "{crash}");
        let hash = about.content_hash.as_deref();
        let Some(hash) = hash.and_then(|hash| hash.parse::<ContentHash>().ok()) else {
            return;
        };
        let content = Content {
            hash: &hash,
            plugin: &about.plugin,
            version: &about.version,
            path: &about.path,
        };
        let cause = format!("it ended the host: {}, {}", crash.doing, crash.how);
        if let Err(error) = self.quarantine.record_crash(&content, &cause) {
            tracing::error!(plugin = %about.plugin, "{error}");
        }
    }

    /// Keeps a content from being opened again.
    pub(crate) fn quarantine(
        &self,
        path: &Path,
        inspected: &Inspected,
        kind: QuarantineKind,
        cause: &str,
    ) {
        let plugin = &inspected.metadata.plugin;
        let content = Content {
            hash: &inspected.content_hash,
            plugin: &plugin.name,
            version: &plugin.version.to_string(),
            path,
        };
        if let Err(error) = self.quarantine.add(&content, kind, cause) {
            tracing::error!(plugin = %plugin.name, "{error}");
        }
    }
}

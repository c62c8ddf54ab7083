//! What the host knows of one plugin.

use std::path::PathBuf;
use std::sync::Arc;

use agentsys_loader::End;
use agentsys_router::AgentId;
use tokio::sync::watch;

use super::PluginState;
use super::machine::Event;
use super::needs::Node;
use crate::events::PluginEvent;
use crate::opening::{Opened, Source};
use crate::options::PluginOptions;
use crate::serving::Serving;
use crate::status::PluginStatus;

/// A plugin: a named, configured use of a library.
pub(crate) struct Entry {
    pub(crate) name: Arc<str>,
    pub(crate) options: PluginOptions,
    pub(crate) origin: Origin,
    pub(crate) node: Node,
    /// The generation that is open; it waits here for its instances.
    pub(crate) opened: Option<Opened>,
    pub(crate) running: Option<Running>,
    /// Whether a job is under way for it.
    pub(crate) busy: bool,
    /// Whether it is to be tried again by itself.
    pub(crate) retry_due: bool,
    /// How many times in a row it failed.
    pub(crate) failures: u32,
    /// The number of its latest generation; 0 before the first.
    pub(crate) generation: u64,
    /// The reason to wait that the log has.
    pub(crate) told: Option<String>,
    routes: Vec<String>,
}

/// Where a plugin's code is.
pub(crate) enum Origin {
    Found(Box<Source>),
    /// Nowhere, for this reason.
    Missing(String),
}

/// What serves.
pub(crate) struct Running {
    pub(crate) serving: Arc<Serving>,
    pub(crate) agents: Vec<AgentId>,
    pub(crate) end: watch::Receiver<Option<End>>,
    /// When it began, counted by plugin.
    pub(crate) turn: u64,
}

impl Entry {
    pub(crate) fn new(name: &str, options: PluginOptions, origin: Origin) -> Self {
        let library = options.library.clone().unwrap_or_else(|| name.to_owned());
        let metadata = match &origin {
            Origin::Found(source) => Some(source.metadata()),
            Origin::Missing(_) => None,
        };
        let plugin = metadata.map(|metadata| &metadata.plugin);
        let routes =
            metadata.map(|metadata| metadata.routes.iter().map(|route| route.name.clone()));
        let node = Node {
            library,
            version: plugin.map(|plugin| plugin.version.clone()),
            needs: plugin
                .map(|plugin| plugin.dependencies.clone())
                .unwrap_or_default(),
            state: PluginState::Discovered,
            reason: None,
            lazy: options.lazy,
        };
        Self {
            name: name.into(),
            routes: routes.map(Iterator::collect).unwrap_or_default(),
            options,
            origin,
            node,
            opened: None,
            running: None,
            busy: false,
            retry_due: false,
            failures: 0,
            generation: 0,
            told: None,
        }
    }

    /// As others that need it see it: a lazy one serves as soon as its routes are there.
    pub(crate) fn node(&self) -> Node {
        Node {
            lazy: self.node.lazy && self.running.is_some(),
            ..self.node.clone()
        }
    }

    /// As others that need it see it once it serves, if it can.
    pub(crate) fn node_that_serves(&self) -> Node {
        let state = match (&self.origin, self.options.enabled) {
            (_, false) => PluginState::Disabled,
            (Origin::Missing(_), _) => PluginState::Failed,
            (Origin::Found(_), _) => PluginState::Running,
        };
        let reason = match &self.origin {
            Origin::Missing(reason) => Some(reason.clone()),
            Origin::Found(_) => None,
        };
        Node {
            state,
            reason,
            ..self.node.clone()
        }
    }

    /// Whether the plugin's records name such a route.
    pub(crate) fn has_route(&self, route: &str) -> bool {
        self.routes.iter().any(|name| name == route)
    }

    pub(crate) fn routes(&self) -> &[String] {
        &self.routes
    }

    pub(crate) fn state(&self) -> PluginState {
        self.node.state
    }

    /// Takes a step; what came too late takes none.
    pub(crate) fn step(&mut self, event: Event, reason: Option<String>) -> Option<PluginEvent> {
        let from = self.node.state;
        let to = from.after(event)?;
        self.node.state = to;
        self.node.reason.clone_from(&reason);
        Some(self.event(Some(from), reason))
    }

    /// The event of having come to where it is.
    pub(crate) fn event(&self, from: Option<PluginState>, reason: Option<String>) -> PluginEvent {
        PluginEvent {
            at: std::time::SystemTime::now(),
            plugin: self.name.to_string(),
            version: self.node.version.as_ref().map(ToString::to_string),
            generation: (self.generation > 0).then_some(self.generation),
            from,
            to: self.node.state,
            reason,
        }
    }

    pub(crate) fn status(&self) -> PluginStatus {
        let path: Option<PathBuf> = match &self.origin {
            Origin::Found(source) => source.path().map(ToOwned::to_owned),
            Origin::Missing(_) => None,
        };
        // One of several places may be without an instance while the others serve.
        let trouble = self
            .running
            .as_ref()
            .and_then(|running| running.serving.trouble());
        PluginStatus {
            name: self.name.to_string(),
            library: Some(self.node.library.clone()),
            version: self.node.version.as_ref().map(ToString::to_string),
            state: self.node.state,
            generation: (self.generation > 0).then_some(self.generation),
            path,
            reason: self
                .node
                .reason
                .clone()
                .or(trouble.map(|(reason, _)| reason)),
            routes: if self.running.is_some() {
                self.routes.clone()
            } else {
                Vec::new()
            },
            failures: self.failures,
            lazy: self.node.lazy,
        }
    }
}

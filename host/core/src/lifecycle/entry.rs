//! What the host knows of one plugin.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use agentsys_loader::{ContentHash, End, Metadata};
use agentsys_router::AgentId;
use tokio::sync::{oneshot, watch};

use super::PluginState;
use super::machine::Event;
use super::needs::Node;
use crate::events::PluginEvent;
use crate::history::{GenerationRecord, History};
use crate::opening::{Content, Opened, Source};
use crate::options::PluginOptions;
use crate::serving::Serving;
use crate::status::PluginStatus;

/// A plugin: a named, configured use of a library.
pub(crate) struct Entry {
    pub(crate) name: Arc<str>,
    /// What the config says of it.
    pub(crate) section: PluginOptions,
    /// The same with what was asked for since.
    pub(crate) options: PluginOptions,
    pub(crate) origin: Origin,
    pub(crate) node: Node,
    /// The generation that is open; it waits here for its instances.
    pub(crate) opened: Option<Opened>,
    pub(crate) running: Option<Running>,
    /// What is to take the place of what serves.
    pub(crate) wanted: Option<Wanted>,
    /// Why what serves is not the newest that there is.
    pub(crate) held_back: Option<String>,
    /// The content and the options that were last tried in the place of what serves: they are tried once.
    pub(crate) tried: Option<(Option<ContentHash>, PluginOptions)>,
    /// Whether the file of what serves is there, and holds what cannot be loaded.
    pub(crate) broken: bool,
    /// What it is to be started from next, in place of its file.
    pub(crate) instead: Option<Source>,
    /// Whether the program started it for a while, whatever the plugin directories hold.
    pub(crate) scoped: bool,
    /// Whether it is being ended, since the directories or the config say so.
    pub(crate) going: bool,
    /// What its generations before were made of, the latest first, as many as are kept.
    pub(crate) previous: VecDeque<Content>,
    pub(crate) history: History,
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
    /// The generation's number.
    pub(crate) number: u64,
    /// When it began, counted by plugin.
    pub(crate) turn: u64,
    /// What it is made of; none for a linked plugin.
    pub(crate) content: Option<Content>,
    pub(crate) metadata: Metadata,
    /// Whether its instances have a state to hand over.
    pub(crate) hands_over: bool,
}

impl Running {
    pub(crate) fn new(
        opened: Opened,
        serving: Arc<Serving>,
        agents: Vec<AgentId>,
        number: u64,
    ) -> Self {
        Self {
            serving,
            agents,
            end: opened.end,
            number,
            turn: 0,
            content: opened.content,
            metadata: opened.metadata,
            hands_over: opened.hands_over,
        }
    }

    /// Its agents, those on added routes included, in the router's numbers.
    pub(crate) fn all_agents(&self) -> Vec<AgentId> {
        let mut agents = self.serving.close_added();
        agents.extend(&self.agents);
        agents
    }

    pub(crate) fn version(&self) -> String {
        self.metadata.plugin.version.to_string()
    }

    /// The hash of its content; none for a linked plugin.
    pub(crate) fn content_hash(&self) -> Option<ContentHash> {
        let content = self.content.as_ref()?;
        Some(content.inspected.content_hash)
    }
}

/// A replacement that is to be made.
pub(crate) struct Wanted {
    pub(crate) source: Source,
    pub(crate) options: PluginOptions,
    /// Why, for who asks what became of it.
    pub(crate) why: String,
    /// Hears the number of the new generation, or why there is none.
    pub(crate) done: Option<oneshot::Sender<Result<u64, String>>>,
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
            section: options.clone(),
            routes: routes.map(Iterator::collect).unwrap_or_default(),
            options,
            origin,
            node,
            opened: None,
            running: None,
            wanted: None,
            held_back: None,
            tried: None,
            broken: false,
            instead: None,
            scoped: false,
            going: false,
            previous: VecDeque::new(),
            history: History::default(),
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

    /// The next generation begins to be opened; its number.
    pub(crate) fn begin_generation(&mut self) -> u64 {
        self.generation += 1;
        self.history.begin(GenerationRecord::new(self.generation));
        self.generation
    }

    /// What its library says of itself.
    pub(crate) fn describe(&mut self, metadata: &Metadata) {
        let plugin = &metadata.plugin;
        self.node.version = Some(plugin.version.clone());
        self.node.needs.clone_from(&plugin.dependencies);
        let routes = metadata.routes.iter();
        self.routes = routes.map(|route| route.name.clone()).collect();
    }

    /// From here on that is what serves.
    pub(crate) fn serve(&mut self, running: Running) {
        self.describe(&running.metadata);
        self.running = Some(running);
    }

    /// Keeps what a generation was made of, for a way back.
    pub(crate) fn keep(&mut self, content: Option<Content>, most: usize) {
        if let Some(content) = content {
            self.previous.push_front(content);
        }
        self.previous.truncate(most);
    }

    /// Why what serves is not what its file holds and its config says; none where it is.
    pub(crate) fn outdated(&self) -> Option<&'static str> {
        let running = self.running.as_ref()?;
        if running.content_hash() != self.file_hash() {
            return Some("its file holds another build");
        }
        (running.serving.options != self.options).then_some("its config changed")
    }

    /// What is to take the place of what serves by itself: what its file holds and its config says, unless that was tried.
    pub(crate) fn newer(&self) -> Option<Wanted> {
        let why = self.outdated()?;
        let is_new = self.changed_since_tried();
        match &self.origin {
            Origin::Found(source) if self.options.enabled && !self.broken && is_new => {
                Some(self.want((**source).clone(), why, None))
            }
            _ => None,
        }
    }

    /// A replacement of what serves by that.
    pub(crate) fn want(
        &self,
        source: Source,
        why: &str,
        done: Option<oneshot::Sender<Result<u64, String>>>,
    ) -> Wanted {
        Wanted {
            source,
            options: self.options.clone(),
            why: why.to_owned(),
            done,
        }
    }

    /// Its file was read once more, after it was found with what is in `before`; whether it holds something else.
    pub(crate) fn reads(&mut self, before: &Source, opened: &Opened) -> bool {
        if let (Origin::Found(found), Some(content)) = (&mut self.origin, &opened.content)
            && let Source::File(file) = &mut **found
            && Some(file.inspected.content_hash) == before.content_hash()
            && file.path == content.path
            && file.inspected.content_hash != content.inspected.content_hash
        {
            file.inspected.clone_from(&content.inspected);
            return true;
        }
        false
    }

    /// Whether its file or its config is another by now than what was tried last.
    pub(crate) fn changed_since_tried(&self) -> bool {
        let tried = self.tried.as_ref();
        !tried.is_some_and(|(hash, options)| *hash == self.file_hash() && *options == self.options)
    }

    /// From here on what its file holds and its config says is as good as tried, whatever is taken.
    pub(crate) fn tries(&mut self) {
        self.tried = Some((self.file_hash(), self.options.clone()));
    }

    /// The content of its file, whether or not it was tried.
    pub(crate) fn file_hash(&self) -> Option<ContentHash> {
        match &self.origin {
            Origin::Found(source) => source.content_hash(),
            Origin::Missing(_) => None,
        }
    }

    /// Why it has no code, if it has none.
    fn missing(&self) -> Option<&str> {
        match &self.origin {
            Origin::Missing(reason) if self.running.is_none() => Some(reason),
            _ => None,
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
            generation: self.current_generation(),
            from,
            to: self.node.state,
            reason,
        }
    }

    /// The number of the generation that serves, or was there last.
    pub(crate) fn current_generation(&self) -> Option<u64> {
        let running = self.running.as_ref().map(|running| running.number);
        running.or((self.generation > 0).then_some(self.generation))
    }

    pub(crate) fn status(&self) -> PluginStatus {
        let served = self
            .running
            .as_ref()
            .and_then(|running| running.content.as_ref());
        let path: Option<PathBuf> = match (&self.origin, served) {
            (_, Some(content)) => Some(content.path.clone()),
            (Origin::Found(source), None) => source.path().map(ToOwned::to_owned),
            (Origin::Missing(_), None) => None,
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
            generation: self.current_generation(),
            content_hash: self
                .running
                .as_ref()
                .and_then(|running| running.content.as_ref())
                .map(|content| content.inspected.content_hash.to_string()),
            path,
            reason: self
                .node
                .reason
                .clone()
                .or(trouble.map(|(reason, _)| reason))
                .or_else(|| self.missing().map(str::to_owned)),
            routes: if self.running.is_some() {
                self.routes.clone()
            } else {
                Vec::new()
            },
            failures: self.failures,
            lazy: self.node.lazy,
            held_back: self.held_back.clone(),
            history: self.history.records(),
            retired: Vec::new(),
        }
    }
}

//! What an operator is told of plugins and routes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::history::GenerationRecord;
use crate::lifecycle::PluginState;

/// What became of one plugin, or of one file that is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PluginStatus {
    /// Its name; for a file whose name cannot be read, the file's.
    pub name: String,
    /// Its version, where that could be read.
    pub version: Option<String>,
    /// Where it stands.
    pub state: PluginState,
    /// The name that its library gives itself, where that could be read.
    pub library: Option<String>,
    /// The number of the generation that serves; none if none ever did.
    pub generation: Option<u64>,
    /// The hash of what serves, in hexadecimal; none for a plugin that is linked into the program, or does not serve.
    pub content_hash: Option<String>,
    /// Its file; none for a plugin that is linked into the program, or whose file was not found.
    pub path: Option<PathBuf>,
    /// Why it stands there, in one line, unless it runs.
    pub reason: Option<String>,
    /// Its routes' names, without those that it added while it ran.
    pub routes: Vec<String>,
    /// How many times in a row it failed and was, or will be, started again.
    pub failures: u32,
    /// Whether it is initialized only by its first call.
    pub lazy: bool,
    /// Why what serves is not the newest that there is, in one line.
    pub held_back: Option<String>,
    /// Its generations, the latest first.
    pub history: Vec<GenerationRecord>,
    /// Its earlier generations that have not ended yet.
    pub retired: Vec<RetiredStatus>,
}

/// A generation that serves no more, and is still in memory.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RetiredStatus {
    /// Its number.
    pub number: u64,
    /// The version of its library.
    pub version: String,
    /// What keeps it in memory, if that is why it is still there; none while it drains, cleans up and is closed.
    pub pinned: Option<String>,
}

impl PluginStatus {
    /// Whether its routes answer: it runs, or is lazy and initialized by its first call.
    #[must_use]
    pub fn serves(&self) -> bool {
        match self.state {
            PluginState::Running => true,
            PluginState::Loaded => self.lazy,
            _ => false,
        }
    }
}

/// A route, and who serves it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RouteStatus {
    /// Its name.
    pub name: String,
    /// What it does, in the words of its first agent.
    pub description: String,
    /// Its agents.
    pub agents: Vec<AgentStatus>,
    /// The JSON schema of its input, where an agent has one.
    pub input_schema: Option<Value>,
    /// The JSON schema of its output, where an agent has one.
    pub output_schema: Option<Value>,
    /// How long a task may take, in seconds.
    pub timeout: f64,
    /// How many times a task that failed is tried again.
    pub retry_count: u32,
    /// How many tries there were beyond the first of each task.
    pub retries: u64,
    /// How many tasks run at once.
    pub max_concurrent: usize,
    /// How an agent is chosen.
    pub strategy: String,
}

/// An agent of a route.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AgentStatus {
    /// Its number, unique in its host.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The plugin that it belongs to; none for an embedder's own.
    pub plugin: Option<String>,
    /// How many tasks it has under way.
    pub in_flight: usize,
    /// Its share of the route's tasks, beside the others'.
    pub weight: u32,
    /// How many tasks it works on at a time; none: as many as the route allows.
    pub max_concurrent: Option<usize>,
    /// Whether its tasks may be done twice without harm.
    pub idempotent: bool,
    /// What strategies may go by.
    pub labels: BTreeMap<String, String>,
}

impl From<agentsys_router::RouteInfo> for RouteStatus {
    fn from(route: agentsys_router::RouteInfo) -> Self {
        let schema = |text: Option<&std::sync::Arc<str>>| {
            text.and_then(|text| serde_json::from_str(text).ok())
        };
        let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        let infos = || route.agents.iter().map(|agent| &agent.info);
        Self {
            input_schema: schema(infos().find_map(|info| info.input_schema.as_ref())),
            output_schema: schema(infos().find_map(|info| info.output_schema.as_ref())),
            name: route.name.to_string(),
            description: route.description.to_string(),
            timeout: route.policy.timeout.as_secs_f64(),
            retry_count: route.policy.retry_count,
            retries: route.retries,
            max_concurrent: route.policy.max_concurrent,
            strategy: route.policy.strategy.as_str().to_owned(),
            agents: route
                .agents
                .iter()
                .map(|agent| AgentStatus {
                    id: agent.id.to_string(),
                    name: agent.info.name.to_string(),
                    description: agent.info.description.to_string(),
                    plugin: agent.info.owner.as_ref().map(ToString::to_string),
                    in_flight: agent.in_flight,
                    weight: agent.info.weight,
                    max_concurrent: agent.info.max_concurrent,
                    idempotent: agent.info.idempotent,
                    labels: agent.info.labels.iter().map(owned).collect(),
                })
                .collect(),
        }
    }
}

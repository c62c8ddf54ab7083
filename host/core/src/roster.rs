//! The agents of a generation that serves: one for each handler and instance.

use std::sync::Arc;

use agentsys_loader::{HANDLER_PROCESS, Mode, RouteOptions};
use agentsys_router::{Agent, AgentInfo, Labels};

use crate::agent::PluginAgent;
use crate::blocking::BlockingPool;
use crate::opening::Opened;
use crate::serving::{PROCESS, Serving};
use crate::slot::Slot;

/// How many blocking handlers run at once where neither plugin nor config says.
const BLOCKING_THREADS: usize = 32;

impl Serving {
    /// An agent for each handler and place, by route.
    pub(crate) fn agents(self: &Arc<Self>, opened: &Opened) -> Vec<(String, Arc<dyn Agent>)> {
        let asked = self
            .options
            .blocking_threads
            .or_else(|| self.generation.blocking_threads());
        let workers = self.ground.runtimes.workers().clone();
        let pool = Arc::new(BlockingPool::new(
            asked.unwrap_or(BLOCKING_THREADS),
            workers,
        ));
        let mut handlers = Vec::new();
        for (number, described) in (0..).zip(&self.generation.description().handlers) {
            let record = opened
                .metadata
                .routes
                .iter()
                .find(|record| record.name == described.route);
            let mut info = match record {
                Some(record) => described_by(&record.options, self.info(&record.description)),
                None => self.info(""),
            };
            if let Some(schema) = &described.input_schema {
                info = info.input_schema(schema.to_string());
            }
            if let Some(schema) = &described.output_schema {
                info = info.output_schema(schema.to_string());
            }
            let blocks = record.is_some_and(|record| record.mode == Mode::Blocking);
            handlers.push((described.route.clone(), number, info, blocks));
        }
        if opened.has_process {
            let route = format!("{PROCESS}{}", self.name);
            handlers.push((
                route,
                HANDLER_PROCESS,
                self.info("The plugin's own `process`.").gives_way(),
                false,
            ));
        }
        let meters = self.ground.metrics.plugin(&self.name);
        let agent =
            |handler: u32, info: &AgentInfo, blocks: bool, slot: &Arc<Slot>| -> Arc<dyn Agent> {
                Arc::new(PluginAgent {
                    info: info.clone(),
                    handler,
                    blocking: blocks.then(|| Arc::clone(&pool)),
                    slot: Arc::clone(slot),
                    meters: Arc::clone(&meters),
                    serving: Arc::downgrade(self),
                })
            };
        handlers
            .iter()
            .flat_map(|(route, handler, info, blocks)| {
                let agent = &agent;
                self.slots
                    .iter()
                    .map(move |slot| (route.clone(), agent(*handler, info, *blocks, slot)))
            })
            .collect()
    }

    /// What an agent of this plugin says of itself.
    pub(crate) fn info(&self, description: &str) -> AgentInfo {
        AgentInfo::new(&*self.name, description).owner(Arc::clone(&self.name))
    }
}

/// What an agent says of itself, with what its route's options say of it.
pub(crate) fn described_by(options: &RouteOptions, mut info: AgentInfo) -> AgentInfo {
    // Beyond the numbers of this machine is as good as without a limit.
    let most = options.max_concurrent.map(usize::try_from);
    info.labels = options
        .labels
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect::<Labels>();
    info.weight(options.weight)
        .max_concurrent(most.and_then(Result::ok))
        .idempotent(options.idempotent)
}

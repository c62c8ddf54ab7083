//! The strategies that a config may name: the router's, the embedder's own, and those of plugins.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use agentsys_router::{Candidate, RoutingStrategy, Selection, Strategy, Task};
use arc_swap::ArcSwapOption;

use crate::config::OF_PLUGIN;

/// The strategies that a config may name.
#[derive(Default)]
pub(crate) struct Strategies {
    own: Vec<Arc<dyn RoutingStrategy>>,
    /// Those of plugins that somebody named, by plugin. They stay: a route keeps its strategy through the plugin's generations, and through configs.
    of_plugins: Mutex<BTreeMap<String, Arc<PluginStrategy>>>,
}

impl Strategies {
    pub(crate) fn add(&mut self, strategy: Arc<dyn RoutingStrategy>) {
        self.own.push(strategy);
    }

    /// The names of the embedder's own.
    pub(crate) fn names(&self) -> Vec<String> {
        self.own.iter().map(|own| own.name().to_owned()).collect()
    }

    /// The config was checked: a name that is none's is a built-in one's.
    pub(crate) fn named(&self, name: &str) -> Strategy {
        if let Some(own) = self.own.iter().find(|own| own.name() == name) {
            return Strategy::Custom(Arc::clone(own));
        }
        match name.strip_prefix(OF_PLUGIN) {
            Some(plugin) => Strategy::Custom(self.of_plugin(plugin)),
            None => name.parse().unwrap_or_default(),
        }
    }

    /// The strategy of a plugin, which need not be there: for routes to name, and for the plugin to serve.
    pub(crate) fn of_plugin(&self, plugin: &str) -> Arc<PluginStrategy> {
        let mut all = self
            .of_plugins
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(PluginStrategy::new(plugin));
        Arc::clone(all.entry(plugin.to_owned()).or_insert_with(new))
    }
}

impl std::fmt::Debug for Strategies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// The strategy of a plugin, whichever generation serves: while none does, it fails, and the router takes the next agent in turn.
pub(crate) struct PluginStrategy {
    /// As a config writes it.
    name: String,
    plugin: String,
    serves: ArcSwapOption<Arc<dyn RoutingStrategy>>,
}

impl PluginStrategy {
    fn new(plugin: &str) -> Self {
        Self {
            name: format!("{OF_PLUGIN}{plugin}"),
            plugin: plugin.to_owned(),
            serves: ArcSwapOption::empty(),
        }
    }

    /// Has another generation's choose, or none.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "no plugin offers a strategy yet")
    )]
    pub(crate) fn serve(&self, strategy: Option<Arc<dyn RoutingStrategy>>) {
        self.serves.store(strategy.map(Arc::new));
    }
}

impl RoutingStrategy for PluginStrategy {
    fn name(&self) -> &str {
        &self.name
    }

    fn select_agent(&self, agents: &[Candidate<'_>], task: &Task) -> Selection {
        match &*self.serves.load() {
            Some(strategy) => strategy.select_agent(agents, task),
            None => Selection::Failed(format!("no plugin {} serves as a strategy", self.plugin)),
        }
    }
}

#[cfg(test)]
mod tests {
    use agentsys_router::{RoutePolicy, Router, RouterConfig, TaskError, agent_fn_sync};

    use super::*;

    /// Gives each task to the second agent.
    struct Second;

    impl RoutingStrategy for Second {
        fn name(&self) -> &str {
            "second"
        }

        fn select_agent(&self, _: &[Candidate<'_>], _: &Task) -> Selection {
            1.into()
        }
    }

    #[tokio::test]
    async fn a_plugins_strategy_chooses_while_it_serves_and_agents_take_turns_while_none_does() {
        let strategies = Strategies::default();
        let named = strategies.named("plugin:second");
        assert_eq!(
            named,
            strategies.named("plugin:second"),
            "it stays the same"
        );
        assert_eq!(named.as_str(), "plugin:second");
        let policy = RoutePolicy::default().strategy(named.clone());
        let router = Router::new(RouterConfig::default().default_policy(policy));
        for name in ["a", "b"] {
            let answer = move |_: &Task, _| Ok::<_, TaskError>(name);
            let agent = Arc::new(agent_fn_sync(name, "", answer));
            router
                .register_agents(vec![("r".to_owned(), agent)])
                .unwrap();
        }
        router.start();
        let answers = async || {
            let mut answers = Vec::new();
            for _ in 0..4 {
                let answer = router.route_task("r", "").await.unwrap();
                answers.push(answer.to_str().unwrap().to_owned());
            }
            answers.sort();
            answers.concat()
        };
        assert_eq!(answers().await, "aabb");
        assert_eq!(named.fallbacks(), 4);
        strategies.of_plugin("second").serve(Some(Arc::new(Second)));
        assert_eq!(answers().await, "bbbb");
        strategies.of_plugin("second").serve(None);
        assert_eq!(answers().await, "aabb");
    }
}

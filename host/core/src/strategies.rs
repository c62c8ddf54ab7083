//! The strategies that a config may name: the router's, the embedder's own, and those of plugins.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use agentsys_loader::{AgentView, Agents, Selected};
use agentsys_router::{AgentId, Candidate, RoutingStrategy, Selection, Strategy, Task};

use crate::config::OF_PLUGIN;
use crate::posts::{Post, Posts};
use crate::task::BorrowedTask;

/// The strategies that a config may name.
#[derive(Default)]
pub(crate) struct Strategies {
    own: Vec<Arc<dyn RoutingStrategy>>,
    /// Those of plugins that somebody named, by plugin. They stay: a route keeps its strategy through configs.
    of_plugins: Mutex<BTreeMap<String, Arc<PluginStrategy>>>,
    posts: Posts,
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

    /// The plugins that are named somewhere.
    pub(crate) fn posts(&self) -> &Posts {
        &self.posts
    }

    /// The strategy of a plugin, which need not be there.
    fn of_plugin(&self, plugin: &str) -> Arc<PluginStrategy> {
        let mut all = self
            .of_plugins
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(PluginStrategy {
                name: format!("{OF_PLUGIN}{plugin}"),
                plugin: plugin.to_owned(),
                post: self.posts.of(plugin),
            })
        };
        Arc::clone(all.entry(plugin.to_owned()).or_insert_with(new))
    }
}

impl std::fmt::Debug for Strategies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// The strategy of a plugin, whichever generation serves: while none does, it fails, and the router takes the next agent in turn.
struct PluginStrategy {
    /// As a config writes it.
    name: String,
    plugin: String,
    post: Arc<Post>,
}

impl RoutingStrategy for PluginStrategy {
    fn name(&self) -> &str {
        &self.name
    }

    fn select_agent(&self, agents: &[Candidate<'_>], task: &Task) -> Selection {
        let Some(stand) = self.post.now() else {
            let plugin = &self.plugin;
            return Selection::Failed(format!("no plugin {plugin} serves as a strategy"));
        };
        let (shown, candidates) = (BorrowedTask(task), Candidates(agents));
        let instance = &stand.instance;
        match instance.select_agent(&shown, task.route(), &candidates, None) {
            Selected::Now(place) => Selection::Now(place),
            Selected::Failed(failure) => {
                stand.failed(task.id(), &failure);
                Selection::Failed(failure.message)
            }
            Selected::Later(selecting) => {
                let task = task.id();
                Selection::later(async move {
                    match selecting.await {
                        Ok(Some(agent)) => Ok(AgentId::from_number(agent)),
                        Ok(None) => Err("it named no agent".to_owned()),
                        Err(failure) => {
                            stand.failed(task, &failure);
                            Err(failure.message)
                        }
                    }
                })
            }
        }
    }
}

/// The router's candidates, as the loader shows them to a plugin.
struct Candidates<'a>(&'a [Candidate<'a>]);

impl Agents for Candidates<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn at(&self, place: usize) -> AgentView<'_> {
        let candidate = &self.0[place];
        let info = candidate.info();
        AgentView {
            id: candidate.id().get(),
            name: &info.name,
            weight: info.weight,
            in_flight: candidate.in_flight(),
            latency: candidate.latency(),
        }
    }

    fn label(&self, place: usize, name: &str) -> Option<&str> {
        self.0.get(place)?.info().labels.get(name)
    }

    fn label_at(&self, place: usize, label: usize) -> Option<(&str, &str)> {
        self.0.get(place)?.info().labels.iter().nth(label)
    }
}

#[cfg(test)]
mod tests {
    use agentsys_router::{RoutePolicy, Router, RouterConfig, TaskError, agent_fn_sync};

    use super::*;

    #[tokio::test]
    async fn agents_take_turns_while_the_plugin_does_not_serve_whose_strategy_is_named() {
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
    }
}

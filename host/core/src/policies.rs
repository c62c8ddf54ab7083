//! Which policy holds for a route: what the program set, else the route's section, then that of the plugin that serves it, then `[router]`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use agentsys_router::{RoutePolicy, RouterConfig, RoutingStrategy, Strategy};

use crate::config::{Config, RouteSection};
use crate::options::PluginOptions;

#[derive(Debug, Clone)]
pub(crate) struct Policies {
    default: RoutePolicy,
    sections: BTreeMap<String, RouteSection>,
    /// What the embedder's program set, whatever the config says.
    code: Arc<InCode>,
}

/// What the embedder's program set.
#[derive(Debug, Default)]
pub(crate) struct InCode {
    pub(crate) default: Option<RoutePolicy>,
    /// The policies of routes, each as a whole.
    pub(crate) routes: HashMap<String, RoutePolicy>,
    pub(crate) strategies: Strategies,
}

/// The strategies that a config may name.
#[derive(Default)]
pub(crate) struct Strategies(Vec<Arc<dyn RoutingStrategy>>);

impl Strategies {
    pub(crate) fn add(&mut self, strategy: Arc<dyn RoutingStrategy>) {
        self.0.push(strategy);
    }

    /// The names of the embedder's own.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|own| own.name().to_owned()).collect()
    }

    /// The config was checked: a name that is none's is a built-in one's.
    fn named(&self, name: &str) -> Strategy {
        let own = self.0.iter().find(|own| own.name() == name);
        own.map_or_else(
            || name.parse().unwrap_or_default(),
            |own| Strategy::Custom(Arc::clone(own)),
        )
    }
}

impl std::fmt::Debug for Strategies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Policies {
    pub(crate) fn new(config: &Config, code: Arc<InCode>) -> Self {
        let router = &config.router;
        let from_config = || {
            RoutePolicy::default()
                .timeout(router.timeout)
                .max_concurrent(router.max_concurrent)
                .retry_count(router.retry_count)
                .strategy(code.strategies.named(&router.strategy))
        };
        Self {
            default: code.default.clone().unwrap_or_else(from_config),
            sections: router.routes.clone(),
            code,
        }
    }

    /// The same of another config.
    pub(crate) fn of_config(&self, config: &Config) -> Self {
        Self::new(config, Arc::clone(&self.code))
    }

    /// The names of the embedder's strategies.
    pub(crate) fn strategies(&self) -> Vec<String> {
        self.code.strategies.names()
    }

    /// The policy of routes that nobody says anything of.
    pub(crate) fn default(&self) -> &RoutePolicy {
        &self.default
    }

    /// The routes of which somebody says something.
    pub(crate) fn named(&self) -> impl Iterator<Item = &String> {
        self.sections.keys().chain(self.code.routes.keys())
    }

    /// What the router begins with: plugins come later.
    pub(crate) fn router_config(&self, max_hops: u32) -> RouterConfig {
        let config = RouterConfig::default()
            .default_policy(self.default.clone())
            .max_hops(max_hops);
        self.named().fold(config, |config, route| {
            config.route(route, self.of(route, &PluginOptions::default()))
        })
    }

    /// The policy of a route that a plugin of these options serves.
    pub(crate) fn of(&self, route: &str, plugin: &PluginOptions) -> RoutePolicy {
        if let Some(set) = self.code.routes.get(route) {
            return set.clone();
        }
        let mut policy = self.default.clone();
        let none = RouteSection::default();
        let section = self.sections.get(route).unwrap_or(&none);
        if let Some(timeout) = section.timeout.or(plugin.timeout) {
            policy = policy.timeout(timeout);
        }
        if let Some(count) = section.retry_count.or(plugin.retry_count) {
            policy = policy.retry_count(count);
        }
        if let Some(most) = section.max_concurrent {
            policy = policy.max_concurrent(most);
        }
        if let Some(name) = &section.strategy {
            policy = policy.strategy(self.code.strategies.named(name));
        }
        policy
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_route_takes_what_it_says_then_its_plugins_then_the_routers() {
        let mut config = Config::default();
        config.router.timeout = Duration::from_secs(1);
        config.router.retry_count = 1;
        config.router.max_concurrent = 4;
        let section = RouteSection {
            timeout: Some(Duration::from_secs(3)),
            ..RouteSection::default()
        };
        config.router.routes.insert("a".to_owned(), section);
        let set = HashMap::from([("set".to_owned(), RoutePolicy::default())]);
        let code = InCode {
            routes: set,
            ..InCode::default()
        };
        let policies = Policies::new(&config, Arc::new(code));

        let plugin = PluginOptions::default()
            .timeout(Duration::from_secs(2))
            .retry_count(2);
        let of = |route| {
            let policy = policies.of(route, &plugin);
            (
                policy.timeout.as_secs(),
                policy.retry_count,
                policy.max_concurrent,
            )
        };
        assert_eq!(of("a"), (3, 2, 4));
        assert_eq!(of("b"), (2, 2, 4));
        assert_eq!(of("set"), (30, 3, 10));
        let alone = policies.of("b", &PluginOptions::default());
        assert_eq!((alone.timeout.as_secs(), alone.retry_count), (1, 1));
    }
}

//! Which policy holds for a route: what the program set, else the route's section, then that of the plugin that serves it, then `[router]`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use agentsys_router::{Fallback, Interceptors, Payload, RoutePolicy, RouterConfig};

use crate::config::{Config, FallbackSection, InterceptorSection, RouteSection};
use crate::interceptors::PluginInterceptor;
use crate::options::PluginOptions;
use crate::posts::Posts;
use crate::strategies::Strategies;

#[derive(Debug, Clone)]
pub(crate) struct Policies {
    default: RoutePolicy,
    sections: BTreeMap<String, RouteSection>,
    intercepting: Vec<InterceptorSection>,
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
    /// What stands round every task, before what the config names.
    pub(crate) interceptors: Interceptors,
}

impl Policies {
    pub(crate) fn new(config: &Config, code: Arc<InCode>) -> Self {
        let router = &config.router;
        let from_config = || {
            let policy = RoutePolicy::default();
            applied(policy, &router.of_routes(), &code.strategies)
        };
        Self {
            default: code.default.clone().unwrap_or_else(from_config),
            sections: router.routes.clone(),
            intercepting: router.interceptors.clone(),
            code,
        }
    }

    /// The same of another config.
    pub(crate) fn of_config(&self, config: &Config) -> Self {
        Self::new(config, Arc::clone(&self.code))
    }

    /// The plugins that are named in place of routes.
    pub(crate) fn posts(&self) -> &Posts {
        self.code.strategies.posts()
    }

    /// What stands round every task: the program's own, then the plugins that the config names.
    pub(crate) fn interceptors(&self) -> Interceptors {
        let own = self.code.interceptors.clone();
        self.intercepting.iter().fold(own, |all, section| {
            let post = self.posts().of(&section.plugin);
            all.with(Arc::new(PluginInterceptor::new(section, post)))
        })
    }

    /// Whether the config names the plugin as an interceptor.
    pub(crate) fn intercepts(&self, plugin: &str) -> bool {
        self.intercepting
            .iter()
            .any(|section| section.plugin == plugin)
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
            .max_hops(max_hops)
            .interceptors(self.interceptors());
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
        // What holds for every route may be another one, which would fall back on itself.
        if matches!(&policy.fallback, Some(Fallback::Route(other)) if **other == *route) {
            policy.fallback = None;
        }
        let of_plugin = RouteSection {
            timeout: plugin.timeout,
            retry_count: plugin.retry_count,
            ..RouteSection::default()
        };
        let strategies = &self.code.strategies;
        policy = applied(policy, &of_plugin, strategies);
        match self.sections.get(route) {
            Some(section) => applied(policy, section, strategies),
            None => policy,
        }
    }
}

/// The policy with what the section says.
fn applied(
    mut policy: RoutePolicy,
    section: &RouteSection,
    strategies: &Strategies,
) -> RoutePolicy {
    fn set<T: Clone>(to: &mut T, value: &Option<T>) {
        if let Some(value) = value {
            to.clone_from(value);
        }
    }
    fn set_some<T: Clone>(to: &mut Option<T>, value: &Option<T>) {
        if value.is_some() {
            to.clone_from(value);
        }
    }
    set(&mut policy.timeout, &section.timeout);
    set_some(&mut policy.deadline, &section.deadline);
    set_some(&mut policy.item_timeout, &section.item_timeout);
    set(&mut policy.max_concurrent, &section.max_concurrent);
    set_some(
        &mut policy.max_concurrent_per_agent,
        &section.max_concurrent_per_agent,
    );
    set(&mut policy.max_queue, &section.max_queue);
    set(&mut policy.retry_count, &section.retry_count);
    set(&mut policy.retry_budget.ratio, &section.retry_budget);
    set(
        &mut policy.retry_budget.min_per_second,
        &section.retry_min_per_second,
    );
    set(&mut policy.backoff.first, &section.backoff);
    set(&mut policy.backoff.longest, &section.backoff_max);
    set(&mut policy.idempotent, &section.idempotent);
    set(&mut policy.ejection.after, &section.eject_after);
    set(&mut policy.ejection.base, &section.eject_time);
    set(&mut policy.ejection.longest, &section.eject_time_max);
    if let Some(name) = &section.strategy {
        policy.strategy = strategies.named(name);
    }
    if let Some(fallback) = &section.fallback {
        policy.fallback = Some(fallback_of(fallback));
    }
    policy
}

/// Text as text, and all else as JSON.
fn fallback_of(section: &FallbackSection) -> Fallback {
    match section {
        FallbackSection::Route(route) => Fallback::Route(route.as_str().into()),
        FallbackSection::Answer(serde_json::Value::String(text)) => {
            Fallback::Answer(text.clone().into())
        }
        FallbackSection::Answer(value) => Fallback::Answer(Payload::json(value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use agentsys_router::{Backoff, Ejection, RetryBudget, Strategy};

    use super::*;
    use crate::config::Sources;

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

    #[test]
    fn every_key_of_a_route_has_its_effect_and_what_is_absent_is_the_routers() {
        let text = r#"
            [router]
            deadline = 60
            fallback = { route = "spare" }
            [router.routes.all]
            timeout = 1
            deadline = 2
            item_timeout = 3
            max_concurrent = 4
            max_concurrent_per_agent = 5
            max_queue = 6
            retry_count = 7
            retry_budget = 0.5
            retry_min_per_second = 8
            backoff = 0.25
            backoff_max = 9
            idempotent = true
            eject_after = 10
            eject_time = 11
            eject_time_max = 12
            strategy = "sticky"
            fallback = { answer = { rows = [] } }
            [router.routes.text]
            fallback = { answer = "later" }
        "#;
        let loaded = Sources::new().text("agentsys.toml", text).load().unwrap();
        let policies = Policies::new(&loaded.config, Arc::default());
        let of = |route| policies.of(route, &PluginOptions::default());
        let seconds = Duration::from_secs;
        let all = RoutePolicy::default()
            .timeout(seconds(1))
            .deadline(seconds(2))
            .item_timeout(seconds(3))
            .max_concurrent(4)
            .max_concurrent_per_agent(5)
            .max_queue(6)
            .retry_count(7)
            .retry_budget(RetryBudget::new(0.5, 8))
            .backoff(Backoff::new(Duration::from_millis(250), seconds(9)))
            .idempotent(true)
            .ejection(Ejection::new(10, seconds(11), seconds(12)))
            .strategy(Strategy::Sticky)
            .fallback(Fallback::Answer(Payload::json("{\"rows\":[]}")));
        assert_eq!(of("all"), all);
        let plain = RoutePolicy::default().deadline(seconds(60));
        let spare = Fallback::Route("spare".into());
        assert_eq!(of("other"), plain.clone().fallback(spare));
        let text = Fallback::Answer(Payload::text("later"));
        assert_eq!(of("text"), plain.clone().fallback(text));
        assert_eq!(of("spare"), plain, "a route does not fall back on itself");
    }

    #[test]
    fn a_default_config_is_the_routers_default() {
        let policies = Policies::new(&Config::default(), Arc::default());
        assert_eq!(*policies.default(), RoutePolicy::default());
    }
}

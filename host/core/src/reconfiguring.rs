//! Another config for a host that runs: what changed of a plugin's part re-initializes that plugin and no other, and policies hold from then on.

use std::collections::BTreeSet;
use std::sync::Arc;

use agentsys_router::RoutePolicy;

use crate::config::{Config, Loaded};
use crate::error::HostError;
use crate::ground::Settings;
use crate::host::{Host, Inner};
use crate::options::PluginOptions;
use crate::policies::Policies;

impl Host {
    /// Takes another config. Exactly the plugins whose part changed are re-initialized: each by a fresh generation that takes the old one's place under traffic, as in
    /// [`reload`](Self::reload). Policies of routes hold for tasks that begin from then on. Gives what takes effect at the next start only, a line each.
    ///
    /// # Errors
    /// Where the config does not fit; then nothing is changed.
    pub fn reconfigure(&self, loaded: Loaded) -> Result<Vec<String>, HostError> {
        self.0.reconfigure(loaded)
    }
}

impl Inner {
    pub(crate) fn reconfigure(&self, loaded: Loaded) -> Result<Vec<String>, HostError> {
        let loaded = loaded.absolute();
        let (before, policies) = (self.ground.loaded(), self.ground.policies());
        if loaded.config == before.config {
            return Ok(Vec::new());
        }
        loaded.validate(&policies.strategies())?;
        let later = at_the_next_start(&before.config, &loaded.config);
        let policies = Arc::new(policies.of_config(&loaded.config));
        self.ground.exchange_settings(Settings {
            loaded: Arc::new(loaded),
            policies: Arc::clone(&policies),
        });
        self.set_policies(&policies);
        self.driver.look(None);
        Ok(later)
    }

    /// Has every route follow the policy that holds for it now.
    fn set_policies(&self, policies: &Policies) {
        let router = &self.ground.router;
        router.set_default_policy(policies.default().clone());
        router.set_interceptors(policies.interceptors());
        let routes = router.routes();
        let there: BTreeSet<&str> = routes.iter().map(|route| &*route.name).collect();
        let set = |name: &str, policy: RoutePolicy, now: Option<&RoutePolicy>| {
            if now != Some(&policy) {
                router.set_policy(name, policy);
            }
        };
        for route in &routes {
            let owner = route
                .agents
                .iter()
                .find_map(|agent| agent.info.owner.as_ref());
            let options = owner.and_then(|owner| self.driver.options_of(owner));
            let policy = policies.of(&route.name, &options.unwrap_or_default());
            set(&route.name, policy, Some(&route.policy));
        }
        for name in policies
            .named()
            .filter(|name| !there.contains(name.as_str()))
        {
            set(name, policies.of(name, &PluginOptions::default()), None);
        }
    }
}

/// What differs between two configs and is looked at only when a host starts.
fn at_the_next_start(before: &Config, now: &Config) -> Vec<String> {
    let differs = [
        (
            "host.plugin_dirs",
            before.host.plugin_dirs != now.host.plugin_dirs,
        ),
        (
            "host.state_dir",
            before.host.state_dir != now.host.state_dir,
        ),
        (
            "host.shutdown_timeout",
            before.host.shutdown_timeout != now.host.shutdown_timeout,
        ),
        (
            "host.error_history",
            before.host.error_history != now.host.error_history,
        ),
        (
            "router.max_hops",
            before.router.max_hops != now.router.max_hops,
        ),
        ("storage", before.storage != now.storage),
    ];
    let changed = differs.into_iter().filter(|(_, differs)| *differs);
    changed
        .map(|(key, _)| format!("{key} changed: that takes effect when the host is started again"))
        .collect()
}

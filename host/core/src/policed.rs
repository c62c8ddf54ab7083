//! The routes whose policy comes from the options of the plugin that serves them.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use crate::options::PluginOptions;
use crate::serving::Serving;

impl Serving {
    /// The plugin's options are defaults for its routes.
    pub(crate) fn set_policy(&self, route: &str) {
        let options = &self.options;
        if options.timeout.is_some() || options.retry_count.is_some() {
            let policy = self.ground.policies().of(route, options);
            self.ground.router.set_policy(route, policy);
            self.lock_policed().insert(route.to_owned());
        }
    }

    /// Where the generation before had options for a route, and this one has none, what else holds for it does again.
    pub(crate) fn take_over_policies(&self, before: &Self) {
        let own = self.lock_policed().clone();
        let before = before.lock_policed().clone();
        let router = &self.ground.router;
        for route in before
            .difference(&own)
            .filter(|route| router.policy(route).is_some())
        {
            let policy = self.ground.policies().of(route, &self.options);
            router.set_policy(route, policy);
        }
    }

    /// Whoever serves such a route after this plugin does not inherit its options.
    pub(crate) fn forget_policies(&self) {
        let router = &self.ground.router;
        let routes = std::mem::take(&mut *self.lock_policed());
        for route in routes.iter().filter(|route| router.policy(route).is_none()) {
            let policy = self.ground.policies().of(route, &PluginOptions::default());
            router.set_policy(route, policy);
        }
    }

    fn lock_policed(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.policed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

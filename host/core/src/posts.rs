//! Plugins that are called by their names and not as agents of a route: as a strategy, as an interceptor. Whoever names one keeps its post, through the plugin's generations and through
//! configs; the generation that serves stands at it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use agentsys_loader::{Failure, Instance};
use arc_swap::ArcSwapOption;

use crate::serving::Serving;
use crate::slot::Slot;

/// The posts of all plugins that are named somewhere.
#[derive(Default)]
pub(crate) struct Posts(Mutex<BTreeMap<String, Arc<Post>>>);

impl Posts {
    /// The post of a plugin, which need not be there.
    pub(crate) fn of(&self, plugin: &str) -> Arc<Post> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(plugin.to_owned()).or_default())
    }
}

/// Who stands in for a plugin. One that has ended has no instances, and so needs not be taken away.
#[derive(Default)]
pub(crate) struct Post(ArcSwapOption<Weak<Serving>>);

impl Post {
    /// Another generation serves from now on.
    pub(crate) fn take(&self, serving: &Arc<Serving>) {
        self.0.store(Some(Arc::new(Arc::downgrade(serving))));
    }

    /// An instance to call, if there is one now. A lazy plugin's first is made, for later.
    pub(crate) fn now(&self) -> Option<Stand> {
        let serving = self.serving()?;
        if let Some((slot, instance)) = serving.another() {
            return Some(Stand {
                instance,
                slot,
                serving,
            });
        }
        want(&serving);
        None
    }

    /// An instance to call, as soon as there is one that is being made.
    pub(crate) async fn soon(&self) -> Option<Stand> {
        if let Some(stand) = self.now() {
            return Some(stand);
        }
        let serving = self.serving()?;
        let slot = Arc::clone(serving.slots.first()?);
        let instance = slot.wait().await.ok()?;
        Some(Stand {
            instance,
            slot,
            serving,
        })
    }

    fn serving(&self) -> Option<Arc<Serving>> {
        self.0.load().as_ref()?.upgrade()
    }
}

/// Has the first place of a lazy plugin filled, if nobody does so already.
#[cold]
fn want(serving: &Arc<Serving>) {
    if let Some(slot) = serving.slots.iter().find(|slot| slot.claim_first()) {
        serving.fill_first(Arc::clone(slot));
    }
}

/// Who stands at a post: an instance, and where it is.
pub(crate) struct Stand {
    pub(crate) instance: Arc<Instance>,
    slot: Arc<Slot>,
    pub(crate) serving: Arc<Serving>,
}

impl Stand {
    /// Has an instance that panicked over a task replaced, as it is where it does so as an agent.
    pub(crate) fn failed(&self, task: u64, failure: &Failure) {
        if failure.poisoned {
            self.serving
                .poisoned(&self.slot, &self.instance, task, failure);
        }
    }
}

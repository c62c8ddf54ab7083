//! Plugins that are called by their names and not as agents of a route: as a strategy, as an interceptor. Whoever names one keeps its post, through the plugin's generations and through
//! configs; the generation that serves stands at it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use agentsys_loader::{Failure, Instance};
use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

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
        let before = self.0.swap(Some(Arc::new(Arc::downgrade(serving))));
        // Who waits for the one before looks here again.
        if let Some(before) = before.and_then(|before| before.upgrade()) {
            before.stands.tell();
        }
    }

    /// An instance to call, if there is one now. A lazy plugin's first is made, for later.
    pub(crate) fn now(&self) -> Option<Stand> {
        loop {
            let serving = self.serving()?;
            if let Some(standing) = Stands::enter(&serving.stands) {
                if let Some((slot, instance)) = serving.another() {
                    return Some(Stand {
                        instance,
                        slot,
                        serving,
                        _standing: standing,
                    });
                }
                want(&serving);
            }
            if self.still_has(&serving) {
                return None;
            }
        }
    }

    /// An instance to call, as soon as there is one that is being made, or another generation has taken the place of one that must not be called now.
    pub(crate) async fn soon(&self) -> Option<Stand> {
        loop {
            let serving = self.serving()?;
            let stands = Arc::clone(&serving.stands);
            let change = stands.changed.notified();
            let Some(standing) = Stands::enter(&stands) else {
                // In this order: what is closed for another generation has left its post before.
                if !stands.are_closed() {
                    drop(serving);
                    change.await;
                } else if self.still_has(&serving) {
                    return None;
                }
                continue;
            };
            let there = match serving.another() {
                Some(other) => Some(other),
                None => {
                    want(&serving);
                    let slot = Arc::clone(serving.slots.first()?);
                    let instance = slot.wait().await;
                    instance.ok().map(|instance| (slot, instance))
                }
            };
            match there {
                Some((slot, instance)) => {
                    return Some(Stand {
                        instance,
                        slot,
                        serving,
                        _standing: standing,
                    });
                }
                // Its end had begun when it was looked for.
                None if !self.still_has(&serving) => {}
                None => return None,
            }
        }
    }

    fn still_has(&self, serving: &Arc<Serving>) -> bool {
        self.serving().is_some_and(|now| Arc::ptr_eq(&now, serving))
    }

    fn serving(&self) -> Option<Arc<Serving>> {
        loop {
            let there = self.0.load_full()?;
            if let Some(serving) = there.upgrade() {
                return Some(serving);
            }
            // It may have gone between the two looks, since another has come.
            let now = self.0.load();
            if now.as_ref().is_some_and(|now| Arc::ptr_eq(now, &there)) {
                return None;
            }
        }
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
    /// The last: what it waits for is that the others are gone.
    _standing: Standing,
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

/// How many call a generation through its post: the router does not count those, and a cleanup or a hand-over has to wait for them too.
#[derive(Default)]
pub(crate) struct Stands {
    count: AtomicUsize,
    state: AtomicU8,
    /// Tells callers who wait to look again.
    changed: Notify,
    /// Tells whoever waits for callers that one is gone.
    gone: Notify,
}

const OPEN: u8 = 0;
/// Callers wait.
const HELD: u8 = 1;
/// Callers go without it.
const CLOSED: u8 = 2;

impl Stands {
    /// Counts first and then looks; who closes looks at the count after that.
    fn enter(this: &Arc<Self>) -> Option<Standing> {
        this.count.fetch_add(1, Ordering::SeqCst);
        let standing = Standing(Arc::clone(this));
        (this.state.load(Ordering::SeqCst) == OPEN).then_some(standing)
    }

    fn are_closed(&self) -> bool {
        self.state.load(Ordering::SeqCst) == CLOSED
    }

    /// Has callers wait, until the guard is dropped or another generation stands there.
    pub(crate) fn hold(this: &Arc<Self>) -> Held {
        this.state.store(HELD, Ordering::SeqCst);
        Held(Arc::clone(this))
    }

    /// Has callers go without it, but those that wait for another generation.
    pub(crate) fn close(&self) {
        let _ = self
            .state
            .compare_exchange(OPEN, CLOSED, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Ends when nobody calls.
    pub(crate) async fn idle(&self) {
        loop {
            let gone = self.gone.notified();
            if self.count() == 0 {
                return;
            }
            gone.await;
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Has who waits look again.
    pub(crate) fn tell(&self) {
        self.changed.notify_waiters();
    }
}

/// One that is counted.
struct Standing(Arc<Stands>);

impl Drop for Standing {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
        if self.0.state.load(Ordering::SeqCst) != OPEN {
            self.0.gone.notify_waiters();
        }
    }
}

/// Callers wait until this is dropped.
pub(crate) struct Held(Arc<Stands>);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self
            .0
            .state
            .compare_exchange(HELD, OPEN, Ordering::SeqCst, Ordering::SeqCst);
        self.0.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn callers_are_counted_and_waited_for() {
        let stands = Arc::<Stands>::default();
        let (one, other) = (Stands::enter(&stands), Stands::enter(&stands));
        assert_eq!(stands.count(), 2);
        let held = Stands::hold(&stands);
        assert!(Stands::enter(&stands).is_none());
        let mut idle = Box::pin(stands.idle());
        assert!(futures_util::poll!(&mut idle).is_pending());
        drop(one);
        assert!(futures_util::poll!(&mut idle).is_pending());
        drop(other);
        idle.await;
        drop(held);
        assert!(Stands::enter(&stands).is_some());
    }

    #[tokio::test]
    async fn who_closes_a_post_that_is_held_leaves_callers_waiting() {
        let stands = Arc::<Stands>::default();
        let held = Stands::hold(&stands);
        stands.close();
        assert!(!stands.are_closed());
        drop(held);
        stands.close();
        assert!(stands.are_closed() && Stands::enter(&stands).is_none());
    }
}

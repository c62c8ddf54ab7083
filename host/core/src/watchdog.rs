//! Names plugins that hold a thread which others wait for, while they hold it.
//!
//! Where plugin code runs, every worker serves many. A handler that computes or blocks there stops them all, and shows nowhere: it neither
//! fails nor is it slow where it is looked at. So the control runtime looks, twice within the time that is allowed, at what each thread is in. What is there
//! at three looks in a row has been there for that time, and what takes half as long again is certain to be seen.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::time::Duration;

use agentsys_loader::{Activity, Attribution, Doing, Running, ThreadName};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Looks at the threads until it is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog(JoinHandle<()>);

impl Watchdog {
    /// Warns of what holds a thread for longer than `limit`, and hands each such call to `on_held`, once. With a limit of zero it looks at nothing.
    pub(crate) fn start(
        control: &Handle,
        attribution: Weak<Attribution>,
        limit: Duration,
        on_held: impl Fn(&Held) + Send + 'static,
    ) -> Self {
        Self(control.spawn(async move {
            let period = limit / 2;
            if period.is_zero() {
                return;
            }
            let mut clock = interval(period);
            // Looks that came late are not made up for: they would see one moment twice.
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut looks = Looks::default();
            loop {
                clock.tick().await;
                let Some(attribution) = attribution.upgrade() else {
                    return;
                };
                for held in looks.look(attribution.running()) {
                    held.log(limit);
                    on_held(&held);
                }
            }
        }))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A thread that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// By whom.
    pub(crate) by: Doing,
    /// Which thread.
    pub(crate) thread: ThreadName,
}

impl Held {
    fn log(&self, limit: Duration) {
        let Self { by, thread } = self;
        let plugin = &by.about.plugin;
        let advice = match by.activity {
            Activity::Handler(_) => {
                "make it `#[route(blocking)]`, or `async` and let it await what it waits for"
            }
            _ => "the plugin should do there no more than it must",
        };
        tracing::warn!(
            %plugin,
            "{plugin}: {by} has held the thread {thread} for over {limit:?}, and other tasks wait for it: {advice}"
        );
    }
}

/// So many looks in a row span the limit.
const LOOKS: u32 = 3;

/// What the looks before this one saw.
#[derive(Debug, Default)]
struct Looks {
    /// By the place of the thread's slot.
    threads: BTreeMap<usize, Seen>,
}

/// What was seen on one thread.
#[derive(Debug)]
struct Seen {
    entry: u64,
    entry_looks: u32,
    call: u64,
    call_looks: u32,
}

impl Looks {
    /// Looks once more. Returns what is held and was not told before.
    fn look(&mut self, running: Vec<Running>) -> Vec<Held> {
        let before = std::mem::take(&mut self.threads);
        let waited_for = running.into_iter().filter(is_waited_for);
        let held = waited_for.filter_map(|it| {
            let seen = Seen::after(before.get(&it.slot), &it);
            // Told once, at just this look.
            let is_held = seen.entry_looks == LOOKS;
            // The same call all the time is to blame; or else what made the many that were seen.
            let by_innermost = seen.call_looks >= LOOKS;
            self.threads.insert(it.slot, seen);
            let by = if by_innermost {
                it.innermost
            } else {
                it.outermost
            };
            let thread = it.thread;
            is_held.then_some(Held { by, thread })
        });
        held.collect()
    }
}

impl Seen {
    fn after(before: Option<&Self>, now: &Running) -> Self {
        let before = before.filter(|before| before.entry == now.entry);
        let same_call = before.filter(|before| before.call == now.call);
        Self {
            entry: now.entry,
            entry_looks: before.map_or(0, |before| before.entry_looks) + 1,
            call: now.call,
            call_looks: same_call.map_or(0, |before| before.call_looks) + 1,
        }
    }
}

/// Whether others wait for the thread: not if it was started for what blocks, by the host or by the plugin.
fn is_waited_for(running: &Running) -> bool {
    !running.may_block && running.outermost.activity != Activity::OwnThread
}

#[cfg(test)]
mod tests;

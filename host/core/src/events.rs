//! What happens to plugins, as a stream: each step from one state to another.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use tokio::sync::Notify;

use crate::lifecycle::PluginState;

/// One step of one plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PluginEvent {
    /// When.
    pub at: SystemTime,
    /// The plugin's name.
    pub plugin: String,
    /// The version of its library, where one is known.
    pub version: Option<String>,
    /// The number of the generation that it happened to; none where none was opened.
    pub generation: Option<u64>,
    /// Where it stood; none for one that is new.
    pub from: Option<PluginState>,
    /// Where it stands.
    pub to: PluginState,
    /// Why, where that is no matter of course.
    pub reason: Option<String>,
}

/// So many events are kept for who asks late or reads slowly.
const KEPT: usize = 4096;

/// All events of a host.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    kept: Mutex<Kept>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<PluginEvent>,
    /// How many were kept and dropped.
    dropped: u64,
    ended: bool,
}

impl EventLog {
    pub(crate) fn push(&self, event: PluginEvent) {
        let mut kept = self.lock();
        if kept.events.len() == KEPT {
            kept.events.pop_front();
            kept.dropped += 1;
        }
        kept.events.push_back(event);
        drop(kept);
        self.more.notify_waiters();
    }

    /// Ends the streams: nothing comes any more.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.more.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The events of a host, from [`Host::events`](crate::Host::events): first those that there were (the last 4096 of them), then each as it comes.
#[derive(Debug)]
pub struct Events {
    log: Arc<EventLog>,
    /// The number of the next one, counted from the host's first.
    next: u64,
}

impl Events {
    pub(crate) fn new(log: &Arc<EventLog>) -> Self {
        Self {
            log: Arc::clone(log),
            next: 0,
        }
    }

    /// The next event; none once the host has ended. A reader that is slower than 4096 events misses the oldest, see
    /// [`missed`](Self::missed).
    pub async fn next(&mut self) -> Option<PluginEvent> {
        loop {
            let log = Arc::clone(&self.log);
            // From here on an event wakes it, also one that comes after the look.
            let more = log.more.notified();
            match self.look() {
                Look::Event(event) => return Some(event),
                Look::Ended => return None,
                Look::NotYet => more.await,
            }
        }
    }

    /// The next event, if it is there.
    pub fn try_next(&mut self) -> Option<PluginEvent> {
        match self.look() {
            Look::Event(event) => Some(event),
            Look::Ended | Look::NotYet => None,
        }
    }

    /// How many events were dropped before this reader came to them.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.log.lock().dropped.saturating_sub(self.next)
    }

    fn look(&mut self) -> Look {
        let kept = self.log.lock();
        self.next = self.next.max(kept.dropped);
        let at = usize::try_from(self.next - kept.dropped).unwrap_or(usize::MAX);
        match kept.events.get(at) {
            Some(event) => {
                self.next += 1;
                Look::Event(event.clone())
            }
            None if kept.ended => Look::Ended,
            None => Look::NotYet,
        }
    }
}

enum Look {
    Event(PluginEvent),
    Ended,
    NotYet,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: usize) -> PluginEvent {
        PluginEvent {
            at: SystemTime::now(),
            plugin: number.to_string(),
            version: None,
            generation: None,
            from: None,
            to: PluginState::Discovered,
            reason: None,
        }
    }

    #[tokio::test]
    async fn a_reader_gets_what_there_was_then_what_comes_then_the_end() {
        let log = Arc::new(EventLog::default());
        log.push(event(1));
        let mut events = Events::new(&log);
        assert_eq!(events.next().await.unwrap().plugin, "1");
        let later = Arc::clone(&log);
        tokio::spawn(async move {
            later.push(event(2));
            later.end();
        });
        assert_eq!(events.next().await.unwrap().plugin, "2");
        assert_eq!(events.next().await, None);
    }

    #[test]
    fn a_slow_reader_misses_the_oldest_and_is_told_how_many() {
        let log = Arc::new(EventLog::default());
        let mut events = Events::new(&log);
        (0..KEPT + 3).for_each(|number| log.push(event(number)));
        assert_eq!(events.missed(), 3);
        assert_eq!(events.try_next().unwrap().plugin, "3");
        assert_eq!(events.missed(), 0);
    }
}

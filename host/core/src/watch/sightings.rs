//! From the thread that looks to the task that acts.
//!
//! A picture is whole, so of several that nobody has taken yet only the newest matters: there is one place for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentsys_loader::Discovery;
use tokio::sync::Notify;

/// What a watch saw.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// What the plugin directories hold now.
    Plugins(Discovery),
    /// A config file changed, was made or was removed.
    Files,
}

/// What a watch saw and nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Sightings(Arc<Slot>);

/// The other end of [`Sightings`], which end when this is dropped.
#[derive(Debug)]
pub(super) struct Teller(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    untaken: Mutex<Untaken>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Untaken {
    plugins: Option<Discovery>,
    files: bool,
    ended: bool,
}

pub(super) fn sightings() -> (Teller, Sightings) {
    let slot = Arc::new(Slot::default());
    (Teller(Arc::clone(&slot)), Sightings(slot))
}

impl Sightings {
    /// The next thing that was seen: config files first, since they say how plugins are used. None once the watch has ended.
    /// May be given up and asked again.
    pub(crate) async fn next(&mut self) -> Option<Seen> {
        loop {
            {
                let mut untaken = self.0.lock();
                if std::mem::take(&mut untaken.files) {
                    return Some(Seen::Files);
                }
                if let Some(found) = untaken.plugins.take() {
                    return Some(Seen::Plugins(found));
                }
                if untaken.ended {
                    return None;
                }
            }
            self.0.more.notified().await;
        }
    }
}

impl Teller {
    pub(super) fn plugins(&self, found: Discovery) {
        self.0.tell(|untaken| untaken.plugins = Some(found));
    }

    pub(super) fn files(&self) {
        self.0.tell(|untaken| untaken.files = true);
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.tell(|untaken| untaken.ended = true);
    }
}

impl Slot {
    fn tell(&self, what: impl FnOnce(&mut Untaken)) {
        what(&mut self.lock());
        // There is one reader, and this is kept for it if it does not wait yet.
        self.more.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Untaken> {
        self.untaken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use agentsys_loader::list_libraries;

    use super::*;

    fn picture(dirs: &[&str]) -> Discovery {
        let dirs: Vec<_> = dirs.iter().map(Into::into).collect();
        let unreadable = list_libraries(&dirs)
            .into_iter()
            .filter_map(Result::err)
            .collect();
        Discovery::of(Vec::new(), Vec::new(), unreadable)
    }

    #[tokio::test]
    async fn a_slow_reader_gets_the_files_the_newest_picture_and_the_end() {
        let (teller, mut sightings) = sightings();
        teller.plugins(picture(&["no/one"]));
        teller.files();
        teller.plugins(picture(&["no/one", "no/two"]));
        teller.files();
        drop(teller);
        assert!(matches!(sightings.next().await, Some(Seen::Files)));
        let Some(Seen::Plugins(found)) = sightings.next().await else {
            panic!("there is a picture");
        };
        assert_eq!(found.unreadable_dirs.len(), 2);
        assert!(sightings.next().await.is_none());
        assert!(sightings.next().await.is_none());
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken() {
        let (teller, mut sightings) = sightings();
        let reading = tokio::spawn(async move { (sightings.next().await, sightings.next().await) });
        tokio::task::yield_now().await;
        teller.files();
        tokio::task::yield_now().await;
        drop(teller);
        let (first, second) = reading.await.unwrap();
        assert!(matches!(first, Some(Seen::Files)) && second.is_none());
    }
}

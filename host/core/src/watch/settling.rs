//! When a change counts: the rules, without a clock and without files.
//!
//! A file that is being written, or replaced in two steps, goes through states that nobody meant. So what was seen last
//! must have stayed the same for a while before it is looked into, and until then what stood before goes on standing.
//! Bad content waits longer than good, since a copy that stalls can look like anything.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a file must have been the same before it is inspected.
pub(super) const SETTLED: Duration = Duration::from_millis(200);

/// How long a file must have been absent to count as removed.
pub(super) const ABSENT: Duration = Duration::from_secs(1);

/// How long a bad file must have been the same before that is told.
pub(super) const BAD: Duration = Duration::from_secs(2);

/// What stands under each key `K`, by a fingerprint `F` that changes with the thing, and its content `C`.
pub(super) struct Settling<K, F, C> {
    things: BTreeMap<K, Thing<F, C>>,
}

struct Thing<F, C> {
    /// What was seen last; none where nothing was there.
    seen: Option<F>,
    /// When that was seen first.
    since: Instant,
    /// What an inspection of `seen` found.
    found: Option<Finding<C>>,
    standing: Option<C>,
}

/// What an inspection found.
pub(super) struct Finding<C> {
    pub(super) content: C,
    /// How long the thing must have been the same before this stands.
    pub(super) patience: Duration,
    /// Whether the next look must inspect again, since another finding may come of the same fingerprint.
    pub(super) passing: bool,
}

impl<K, F, C> Settling<K, F, C>
where
    K: Ord + Clone,
    F: PartialEq + Clone,
    C: PartialEq + Clone,
{
    /// Begins with what stands already. It is inspected all the same, since nobody saw what it has been since.
    pub(super) fn new(now: Instant, standing: impl IntoIterator<Item = (K, C)>) -> Self {
        let thing = |content| Thing {
            seen: None,
            since: now,
            found: None,
            standing: Some(content),
        };
        let things = standing
            .into_iter()
            .map(|(key, content)| (key, thing(content)));
        Self {
            things: things.collect(),
        }
    }

    /// Takes in one look at everything. What is not among `seen` is absent, unless `hidden` says that one could not tell.
    pub(super) fn observe(
        &mut self,
        now: Instant,
        seen: impl IntoIterator<Item = (K, F)>,
        hidden: impl Fn(&K) -> bool,
    ) {
        let mut seen: BTreeMap<K, F> = seen.into_iter().collect();
        for (key, thing) in &mut self.things {
            match seen.remove(key) {
                None if hidden(key) => thing.hide(now),
                fingerprint => thing.observe(now, fingerprint),
            }
        }
        let new = |fingerprint| Thing {
            seen: Some(fingerprint),
            since: now,
            found: None,
            standing: None,
        };
        self.things
            .extend(seen.into_iter().map(|(key, it)| (key, new(it))));
    }

    /// What is to be inspected now, as it was seen last.
    pub(super) fn due(&self, now: Instant) -> Vec<(K, F)> {
        let due = self.things.iter().filter_map(|(key, thing)| {
            let wanted = thing.found.as_ref().is_none_or(|it| it.passing);
            let seen = thing.seen.as_ref()?;
            (wanted && thing.is_older(now, SETTLED)).then(|| (key.clone(), seen.clone()))
        });
        due.collect()
    }

    /// Takes in what an inspection of something due found.
    pub(super) fn inspected(&mut self, key: &K, finding: Finding<C>) {
        if let Some(thing) = self.things.get_mut(key) {
            thing.found = Some(finding);
        }
    }

    /// Lets stand, or go, what has waited long enough. Whether anything differs then.
    pub(super) fn settle(&mut self, now: Instant) -> bool {
        let mut differs = false;
        self.things.retain(|_, thing| {
            if thing.seen.is_none() && thing.is_older(now, ABSENT) {
                differs |= thing.standing.is_some();
                return false;
            }
            if let Some(found) = &thing.found
                && thing.is_older(now, found.patience)
                && thing.standing.as_ref() != Some(&found.content)
            {
                thing.standing = Some(found.content.clone());
                differs = true;
            }
            true
        });
        differs
    }

    /// When to look again at the latest, if nothing changes till then.
    pub(super) fn next(&self) -> Option<Instant> {
        let next = self.things.values().filter_map(|thing| {
            let wait = match (&thing.seen, &thing.found) {
                (None, _) => ABSENT,
                (Some(_), None) => SETTLED,
                (Some(_), Some(found)) if thing.standing.as_ref() != Some(&found.content) => {
                    found.patience
                }
                (Some(_), Some(_)) => return None,
            };
            Some(thing.since + wait)
        });
        next.min()
    }

    /// What stands, in the order of the keys.
    pub(super) fn standing(&self) -> impl Iterator<Item = (&K, &C)> {
        let things = self.things.iter();
        things.filter_map(|(key, thing)| Some((key, thing.standing.as_ref()?)))
    }
}

impl<F: PartialEq, C> Thing<F, C> {
    fn observe(&mut self, now: Instant, seen: Option<F>) {
        if self.seen != seen {
            self.seen = seen;
            self.since = now;
            self.found = None;
        }
    }

    /// Absence counts only while it is seen.
    fn hide(&mut self, now: Instant) {
        if self.seen.is_none() {
            self.since = now;
        }
    }

    fn is_older(&self, now: Instant, age: Duration) -> bool {
        now.saturating_duration_since(self.since) >= age
    }
}

#[cfg(test)]
mod tests;

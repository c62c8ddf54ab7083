//! What a task of the plugin's own is sent with.

use std::time::{Duration, Instant};

use abi_stable::std_types::{ROption, RSlice};
use agentsys_abi::host::{FLAG_IDEMPOTENT, RawLabel, RawTaskOptions};

/// What a task is sent with: nothing, unless said.
///
/// ```
/// use std::time::Duration;
/// use agentsys_plugin::TaskOptions;
///
/// let options = TaskOptions::new()
///     .within(Duration::from_secs(5))
///     .key("customer-7")
///     .label("zone", "a")
///     .idempotent(true);
/// ```
#[derive(Debug, Clone, Default)]
pub struct TaskOptions {
    pub(crate) deadline: Option<Instant>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) idempotent: bool,
    pub(crate) labels: Vec<(String, String)>,
}

impl TaskOptions {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// When the time of the whole task is over, all its attempts included. One that is part of another has never more time than that.
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same, from now on.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        match Instant::now().checked_add(time) {
            Some(deadline) => self.deadline(deadline),
            None => self,
        }
    }

    /// By what tasks of a kind are told apart: a route whose strategy is `sticky` has those of one key done by one agent, as far as it can.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Says that to do the task twice does no harm, so that it may be tried again also where nobody knows whether it was done.
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// A label, which strategies, interceptors and handlers see.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// The same as they cross, for the length of `f`.
    pub(crate) fn with_raw<R>(&self, f: impl FnOnce(&RawTaskOptions<'_>) -> R) -> R {
        let labels = self.labels.iter().map(|(name, value)| RawLabel {
            name: name.as_str().into(),
            value: value.as_str().into(),
        });
        let labels: Vec<RawLabel<'_>> = labels.collect();
        let left = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let key = self.key.as_deref().map(RSlice::from_slice);
        f(&RawTaskOptions {
            remaining: left.map_or(u64::MAX, |left| {
                u64::try_from(left.as_nanos()).unwrap_or(u64::MAX - 1)
            }),
            flags: if self.idempotent { FLAG_IDEMPOTENT } else { 0 },
            key: ROption::from(key),
            labels: RSlice::from_slice(&labels),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_cross_as_they_were_given() {
        let none = TaskOptions::new();
        none.with_raw(|raw| {
            assert_eq!((raw.remaining, raw.flags), (u64::MAX, 0));
            assert!(raw.key.is_none() && raw.labels.is_empty());
        });
        let hour = Duration::from_secs(3600);
        let options = none.within(hour).key("k").idempotent(true).label("a", "b");
        options.with_raw(|raw| {
            assert!(raw.remaining <= 3_600_000_000_000 && raw.remaining > 0);
            assert_eq!(raw.flags, FLAG_IDEMPOTENT);
            assert_eq!(raw.key.unwrap().as_slice(), b"k");
            assert_eq!((&*raw.labels[0].name, &*raw.labels[0].value), ("a", "b"));
        });
    }

    #[test]
    fn a_time_that_is_over_is_no_time_and_not_an_endless_one() {
        let past = TaskOptions::new().deadline(Instant::now());
        past.with_raw(|raw| assert_eq!(raw.remaining, 0));
        let endless = TaskOptions::new().within(Duration::MAX);
        endless.with_raw(|raw| assert_eq!(raw.remaining, u64::MAX));
    }
}

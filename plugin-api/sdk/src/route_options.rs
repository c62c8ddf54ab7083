//! What the host's router is to know of a route that is added.

use abi_stable::std_types::{ROption, RSlice};
use agentsys_abi::host::{FLAG_IDEMPOTENT, RawLabel, RawRouteOptions};

/// What the host's router is to know of a route that an instance adds; [`Router::add_route_with`](crate::Router::add_route_with) takes it. It is what a `#[route]` says behind its name.
///
/// ```
/// use agentsys_plugin::RouteOptions;
///
/// let options = RouteOptions::new()
///     .weight(2)
///     .max_concurrent(4)
///     .idempotent(true)
///     .label("zone", "a");
/// ```
#[derive(Debug, Clone)]
pub struct RouteOptions {
    weight: u32,
    max_concurrent: Option<u32>,
    idempotent: bool,
    labels: Vec<(String, String)>,
}

impl Default for RouteOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl RouteOptions {
    /// Those of a route of which nothing is said.
    #[must_use]
    pub fn new() -> Self {
        Self {
            weight: 1,
            max_concurrent: None,
            idempotent: false,
            labels: Vec::new(),
        }
    }

    /// The handler's share of the route's tasks, 1 to 1000: with 2, twice as many as one with 1.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// How many tasks the handler works on at a time, 1 at least. Unless said, as many as the route allows.
    #[must_use]
    pub fn max_concurrent(mut self, most: u32) -> Self {
        self.max_concurrent = Some(most);
        self
    }

    /// Says that to do a task twice does no harm, so that it may be tried again also where nobody knows whether it was done.
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// A label, for strategies to go by; of two that have the same name, the last holds.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.labels.push((name.into(), text.into()));
        self
    }

    /// The same as they cross, for the length of `f`.
    pub(crate) fn with_raw<R>(&self, f: impl FnOnce(&RawRouteOptions<'_>) -> R) -> R {
        let labels = self.labels.iter().map(|(name, text)| RawLabel {
            name: name.as_str().into(),
            value: text.as_str().into(),
        });
        let labels: Vec<RawLabel<'_>> = labels.collect();
        f(&RawRouteOptions {
            weight: self.weight,
            flags: if self.idempotent { FLAG_IDEMPOTENT } else { 0 },
            max_concurrent: ROption::from(self.max_concurrent),
            labels: RSlice::from_slice(&labels),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_cross_as_they_were_given() {
        RouteOptions::new().with_raw(|raw| {
            assert_eq!((raw.weight, raw.flags), (1, 0));
            assert!(raw.max_concurrent.is_none() && raw.labels.is_empty());
        });
        let options = RouteOptions::new().weight(7).max_concurrent(3);
        options.idempotent(true).label("a", "b").with_raw(|raw| {
            assert_eq!((raw.weight, raw.flags), (7, FLAG_IDEMPOTENT));
            assert_eq!(raw.max_concurrent.into_option(), Some(3));
            assert_eq!((&*raw.labels[0].name, &*raw.labels[0].value), ("a", "b"));
        });
    }
}

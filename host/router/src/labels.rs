//! Texts by name that agents and tasks carry, for strategies and interceptors to go by. Most carry none, and pay nothing.

use std::fmt;
use std::sync::Arc;

/// Texts by name, in the order of the names. A clone shares them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels(Option<Arc<[Label]>>);

type Label = (Arc<str>, Arc<str>);

impl Labels {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// These and one more; it takes the place of one that has the same name.
    #[must_use]
    pub fn with(self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        let (name, value) = (name.into(), value.into());
        let mut labels: Vec<Label> = self.all().to_vec();
        match labels.binary_search_by(|(other, _)| other.cmp(&name)) {
            Ok(at) => labels[at].1 = value,
            Err(at) => labels.insert(at, (name, value)),
        }
        Self(Some(labels.into()))
    }

    /// These and those; of two that have the same name, the one of `more`.
    #[must_use]
    pub fn and(self, more: &Self) -> Self {
        more.all().iter().fold(self, |all, (name, value)| {
            all.with(name.clone(), value.clone())
        })
    }

    /// The text of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let labels = self.all();
        let at = labels.binary_search_by(|(other, _)| (**other).cmp(name));
        at.ok().map(|at| &*labels[at].1)
    }

    /// All of them: names and texts.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.all().iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn all(&self) -> &[Label] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<N: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(labels: I) -> Self {
        labels
            .into_iter()
            .fold(Self::new(), |all, (name, value)| all.with(name, value))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_by_name_and_the_last_of_a_name_holds() {
        let labels = Labels::new()
            .with("zone", "a")
            .with("disk", "fast")
            .with("zone", "b");
        assert_eq!(
            (labels.get("zone"), labels.get("disk"), labels.get("cpu")),
            (Some("b"), Some("fast"), None)
        );
        assert_eq!(
            labels.iter().collect::<Vec<_>>(),
            [("disk", "fast"), ("zone", "b")]
        );
        let more = Labels::from_iter([("zone", "c"), ("cpu", "x")]);
        assert_eq!(
            labels.and(&more).iter().collect::<Vec<_>>(),
            [("cpu", "x"), ("disk", "fast"), ("zone", "c")]
        );
    }

    #[test]
    fn no_labels_cost_no_more_than_a_pointer_to_them() {
        assert!(size_of::<Labels>() <= 2 * size_of::<usize>());
        assert!(Labels::new().is_empty());
        assert_eq!(Labels::new().iter().len(), 0);
    }
}

//! What a scan asks for and what it gives.

use std::ops::Bound;

use bytes::Bytes;

use crate::Value;

/// Asks for entries in the order of their keys' bytes. The default asks for the first 100 of all.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scan {
    /// Only keys that begin so. Empty: all.
    pub prefix: Bytes,
    /// Only keys behind this one, which need not be there. Empty: from the first.
    pub after: Bytes,
    /// How many entries at most. 0 asks only whether there is any.
    pub limit: usize,
}

/// A page of entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries, in the order of their keys' bytes.
    pub entries: Vec<(Bytes, Value)>,
    /// Whether there is more behind them: scan again, after the last key here.
    pub more: bool,
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            prefix: Bytes::new(),
            after: Bytes::new(),
            limit: 100,
        }
    }
}

impl Scan {
    /// Asks for the keys that begin so.
    pub fn prefix(prefix: impl AsRef<[u8]>) -> Self {
        Self {
            prefix: Bytes::copy_from_slice(prefix.as_ref()),
            ..Self::default()
        }
    }

    /// Sets [`after`](Self::after).
    #[must_use]
    pub fn after(mut self, key: impl AsRef<[u8]>) -> Self {
        self.after = Bytes::copy_from_slice(key.as_ref());
        self
    }

    /// Sets [`limit`](Self::limit).
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The keys in question as a range that is valid and may have something in it; none where
    /// nothing can be.
    pub(crate) fn range(&self) -> Option<(Bound<Bytes>, Bound<Bytes>)> {
        let end = successor(&self.prefix);
        if end.as_ref().is_some_and(|end| self.after >= *end) {
            return None;
        }
        let start = if self.after >= self.prefix && !self.after.is_empty() {
            Bound::Excluded(self.after.clone())
        } else {
            Bound::Included(self.prefix.clone())
        };
        Some((start, end.map_or(Bound::Unbounded, Bound::Excluded)))
    }
}

/// The first key behind all that begin with `prefix`; none where there is no such key.
fn successor(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|&byte| byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end.into())
}

/// Fills a page up to its limit, or up to a size that fits into memory whatever the limit.
pub(crate) struct PageFiller {
    page: Page,
    limit: usize,
    bytes: usize,
}

impl PageFiller {
    /// A page ends with the entry that brings it over this many bytes.
    const FULL: usize = 8 * 1024 * 1024;
    /// What an entry takes besides its bytes.
    const ENTRY: usize = 64;

    pub(crate) fn new(limit: usize) -> Self {
        Self {
            page: Page::default(),
            limit,
            bytes: 0,
        }
    }

    /// Whether another entry has room. To be asked once there is one: a full page says then that
    /// there is more.
    pub(crate) fn has_room(&mut self) -> bool {
        self.page.more = self.page.entries.len() >= self.limit || self.bytes > Self::FULL;
        !self.page.more
    }

    pub(crate) fn push(&mut self, key: Bytes, value: Value) {
        self.bytes += Self::ENTRY + key.len() + value.bytes.len();
        self.page.entries.push((key, value));
    }

    pub(crate) fn finish(self) -> Page {
        self.page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_where_the_prefix_does() {
        let range = Scan::prefix([1, 255]).range().expect("there may be keys");
        assert_eq!(range.0, Bound::Included(Bytes::from_static(&[1, 255])));
        assert_eq!(range.1, Bound::Excluded(Bytes::from_static(&[2])));
        let all = Scan::prefix([255, 255]).range().expect("there may be keys");
        assert_eq!(all.1, Bound::Unbounded);
    }

    #[test]
    fn nothing_is_behind_the_end_of_the_prefix() {
        assert!(Scan::prefix("a").after("b").range().is_none());
        assert!(Scan::prefix("a").after("c").range().is_none());
        assert!(Scan::prefix("a").after("az").range().is_some());
    }

    #[test]
    fn a_key_before_the_prefix_does_not_widen_the_range() {
        let range = Scan::prefix("b")
            .after("a")
            .range()
            .expect("there may be keys");
        assert_eq!(range.0, Bound::Included(Bytes::from_static(b"b")));
    }
}

//! Data on the host's side of the seam: as it goes in, and as it comes out.
//!
//! What a plugin answers lies in the plugin's memory. A small answer is copied, which is cheaper than counting it; a large one
//! stays where it is and holds a lease on its generation. What the host itself made, and a plugin handed back, is taken as it is.

use std::borrow::Cow;

use agentsys_abi::bridge::Payload;
use bytes::Bytes;

use crate::attribution::Activity;
use crate::lease::{Lease, LeaseKind};
use crate::mapping::Mapping;

/// Up to this many bytes an answer is copied.
const COPIED: usize = 4096;

/// Bytes with a content type; an empty one says nothing of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// The bytes.
    pub bytes: Bytes,
    /// The content type.
    pub content_type: Cow<'static, str>,
}

impl Data {
    /// As a payload, without a copy of the bytes.
    #[inline]
    #[must_use]
    pub fn into_payload(self) -> Payload {
        match self.content_type {
            Cow::Borrowed(known) => Payload::new(self.bytes, known),
            Cow::Owned(other) => Payload::with_content_type(self.bytes, other.into()),
        }
    }

    /// From a payload that may lie in a plugin's memory. Without a lease it is copied.
    #[inline]
    pub(crate) fn from_payload(payload: Payload, mapping: &Mapping) -> Self {
        match payload.try_into_parts() {
            Ok((bytes, content_type)) => Self {
                bytes,
                content_type,
            },
            Err(theirs) => Self::from_theirs(theirs, mapping),
        }
    }

    fn from_theirs(theirs: Payload, mapping: &Mapping) -> Self {
        let content_type = content_type(theirs.content_type());
        let large = theirs.as_slice().len() > COPIED;
        let bytes = match large.then(|| mapping.lease(LeaseKind::Reply)).flatten() {
            Some(lease) => Bytes::from_owner(Leased {
                payload: Some(theirs),
                lease,
            }),
            None => Bytes::copy_from_slice(theirs.as_slice()),
        };
        Self {
            bytes,
            content_type,
        }
    }
}

/// The plugin's bytes, and what keeps them mapped. The payload is released first.
struct Leased {
    /// None once it was released.
    payload: Option<Payload>,
    lease: Lease,
}

impl Drop for Leased {
    fn drop(&mut self) {
        // The release is the plugin's function.
        let payload = self.payload.take();
        self.lease
            .leases()
            .run(Activity::Releasing, || drop(payload));
    }
}

impl AsRef<[u8]> for Leased {
    fn as_ref(&self) -> &[u8] {
        self.payload.as_ref().map_or(&[], Payload::as_slice)
    }
}

/// The content types that need no allocation.
const KNOWN: [&str; 5] = [
    "application/json",
    "text/plain",
    "application/octet-stream",
    "text/csv",
    "",
];

fn content_type(text: &str) -> Cow<'static, str> {
    match KNOWN.iter().find(|known| **known == text) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(text.to_owned()),
    }
}

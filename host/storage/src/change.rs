//! One step of a batch.

use bytes::Bytes;

use crate::Value;

/// One step of a batch. There is no third kind that a backend could overlook: a new one is a new
/// version of the trait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Puts a value in the place of whatever the key had.
    Put(Bytes, Value),
    /// Takes the key away, if it is there.
    Delete(Bytes),
}

impl Change {
    /// Puts `value` under `key`.
    pub fn put(key: impl AsRef<[u8]>, value: impl Into<Value>) -> Self {
        Self::Put(Bytes::copy_from_slice(key.as_ref()), value.into())
    }

    /// Takes `key` away.
    pub fn delete(key: impl AsRef<[u8]>) -> Self {
        Self::Delete(Bytes::copy_from_slice(key.as_ref()))
    }

    /// The key that changes.
    pub fn key(&self) -> &Bytes {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key,
        }
    }

    /// About how many bytes it writes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Put(key, value) => key.len() + value.bytes.len(),
            Self::Delete(key) => key.len(),
        }
    }
}

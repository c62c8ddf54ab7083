//! What outlives a plugin: its own namespace in the host's storage.

use std::fmt;
use std::future::Future;

use abi_stable::std_types::RSlice;
use agentsys_abi::bridge::Payload;
use agentsys_abi::bridge::entries;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::host::{Host, answer};
use crate::payload::{FromPayload, IntoPayload};

/// The plugin's own namespace: keys with values that it finds again after a restart, where the operator keeps the storage in a file. Cheap to clone.
///
/// Keys are bytes, text for most; values are what a handler can take and answer, and keep their content type. Other plugins see none of it.
#[derive(Clone)]
pub struct Storage(Host);

/// A key of a [`scan`](Storage::scan), with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: Bytes,
    /// The value.
    pub value: Payload,
}

impl Entry {
    /// The key as text, where it is text.
    #[must_use]
    pub fn key_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.key).ok()
    }
}

/// How many entries a [`scan`](Storage::scan) fetches at a time.
const PAGE: u32 = 256;

impl Storage {
    pub(crate) fn new(host: Host) -> Self {
        Self(host)
    }

    /// The value of a key; none where the key is not there.
    ///
    /// # Errors
    /// Where the storage cannot be read.
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Payload>> {
        let host = self.0.raw();
        // SAFETY: the context is valid (`Host::new`'s promise); the reply is fresh.
        let answer = unsafe {
            let get = host.api.storage().get();
            answer(get(host.context, RSlice::from_slice(key.as_ref())))
        };
        match answer.await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The value of a key as a typed value: text, bytes, or what serde reads from JSON.
    ///
    /// # Errors
    /// As [`get`](Self::get); or where the value does not fit the type.
    pub async fn get_as<T: DeserializeOwned + 'static>(
        &self,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<T>> {
        let shown = String::from_utf8_lossy(key.as_ref()).into_owned();
        let Some(value) = self.get(key).await? else {
            return Ok(None);
        };
        T::from_payload(value).map(Some).map_err(|error| {
            error.context(format!("what is stored under `{shown}` is of another type"))
        })
    }

    /// Sets the value of a key. Once this has answered, the value outlives the host's process, where the storage is a file.
    ///
    /// # Errors
    /// Where the storage cannot be written, is full, or the key or the value is too long.
    pub async fn put<Kind>(
        &self,
        key: impl AsRef<[u8]>,
        value: impl IntoPayload<Kind>,
    ) -> Result<()> {
        self.begin_put(key.as_ref(), value.into_payload()?).await?;
        Ok(())
    }

    /// No `async fn`: what is raw must not be held across an await.
    fn begin_put(
        &self,
        key: &[u8],
        value: Payload,
    ) -> impl Future<Output = Result<Payload>> + Send + 'static {
        let host = self.0.raw();
        let mut value = value.into_raw();
        // SAFETY: as in `get`; the value is handed over.
        unsafe {
            let put = host.api.storage().put();
            answer(put(host.context, RSlice::from_slice(key), &mut value))
        }
    }

    /// Removes a key. False where it was not there.
    ///
    /// # Errors
    /// Where the storage cannot be written.
    pub async fn delete(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        let host = self.0.raw();
        // SAFETY: as in `get`.
        let answer = unsafe {
            let delete = host.api.storage().delete();
            answer(delete(host.context, RSlice::from_slice(key.as_ref())))
        };
        let was_there = answer.await?;
        Ok(was_there.as_slice().first().is_some_and(|byte| *byte != 0))
    }

    /// All keys that begin with `prefix`, with their values, in the order of the keys' bytes. What changes meanwhile may be seen or not; for more than
    /// fits into memory there is [`page`](Self::page).
    ///
    /// # Errors
    /// Where the storage cannot be read.
    pub async fn scan(&self, prefix: impl AsRef<[u8]>) -> Result<Vec<Entry>> {
        let prefix = prefix.as_ref().to_owned();
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let after = entries.last().map(|entry| entry.key.clone());
            let (page, more) = self
                .page(&prefix, after.as_deref().unwrap_or_default(), PAGE)
                .await?;
            let ended = page.is_empty();
            entries.extend(page);
            if !more || ended {
                return Ok(entries);
            }
        }
    }

    /// At most `limit` of the keys that begin with `prefix` and come after `after` (empty: from the first), and whether more would follow.
    ///
    /// # Errors
    /// Where the storage cannot be read.
    pub async fn page(
        &self,
        prefix: impl AsRef<[u8]>,
        after: impl AsRef<[u8]>,
        limit: u32,
    ) -> Result<(Vec<Entry>, bool)> {
        let host = self.0.raw();
        // SAFETY: as in `get`.
        let answer = unsafe {
            let scan = host.api.storage().scan();
            let prefix = RSlice::from_slice(prefix.as_ref());
            let after = RSlice::from_slice(after.as_ref());
            answer(scan(host.context, prefix, after, limit))
        };
        let page = answer.await?;
        let (entries, more) = entries::read(page.as_slice()).ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "the host answered a page of the storage that is none",
            )
        })?;
        let entries = entries.into_iter().map(|entry| Entry {
            key: Bytes::copy_from_slice(entry.key),
            value: Payload::with_content_type(
                Bytes::copy_from_slice(entry.value),
                entry.content_type.into(),
            ),
        });
        Ok((entries.collect(), more))
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage(of {})", self.0.plugin_name())
    }
}

//! What keeps the bytes: the trait that a store implements.

use bytes::Bytes;

use crate::{Change, Page, Scan, StorageError, Value};

/// Keeps values by their keys. Implement it with `async fn`, give it to
/// [`Storage::new`](crate::Storage::new), and let [`conformance`](crate::conformance) say whether it
/// does what the others do.
///
/// Keys come with their namespace in front (its name, a zero byte, then the caller's key), so they
/// may be [`MAX_NAMESPACE_BYTES`](crate::MAX_NAMESPACE_BYTES) + 1 longer than
/// [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES). The limits are checked before a backend is asked.
///
/// No operation comes before `connect` or after `disconnect`. Any future may be dropped before it is
/// done; the operation then may have happened or not, and everything can be called again.
pub trait StorageBackend: Send + Sync + 'static {
    /// Makes the store ready. Does nothing to one that is.
    ///
    /// # Errors
    /// Where it cannot be reached or opened; it is tried again at the next operation.
    fn connect(&self) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Lets go of everything that `connect` took. Does nothing to a store that has nothing. What was
    /// acknowledged is there after the next `connect`.
    ///
    /// # Errors
    /// Where it could not be closed cleanly. It counts as closed nevertheless.
    fn disconnect(&self) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// The value of a key; none where there is none.
    ///
    /// # Errors
    /// The store's own.
    fn get(&self, key: &[u8]) -> impl Future<Output = Result<Option<Value>, StorageError>> + Send;

    /// Puts a value in the place of whatever the key had.
    ///
    /// # Errors
    /// The store's own. Refused, the key has what it had before; where the store itself failed, the
    /// old value or the new one.
    fn put(
        &self,
        key: Bytes,
        value: Value,
    ) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Takes a key away. True where it was there; of several that take it at once, one gets true.
    ///
    /// # Errors
    /// The store's own.
    fn delete(&self, key: &[u8]) -> impl Future<Output = Result<bool, StorageError>> + Send;

    /// A page of entries, in the order of their keys' bytes, as of one moment: no half of a batch
    /// is in it. May be shorter than asked for, but says then that there is more; it has one entry
    /// at least, if there is one and the limit is not 0.
    ///
    /// # Errors
    /// The store's own.
    fn scan(&self, scan: Scan) -> impl Future<Output = Result<Page, StorageError>> + Send;

    /// Makes all changes or none, in one step for every reader. A key is in it once at most.
    ///
    /// # Errors
    /// The store's own. Refused, nothing has changed; where the store itself failed, nothing or all.
    fn batch(&self, changes: Vec<Change>) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Brings what was acknowledged as far as the store can bring it: to the disk, for one on a disk.
    ///
    /// # Errors
    /// Where it did not get there.
    fn flush(&self) -> impl Future<Output = Result<(), StorageError>> + Send;
}

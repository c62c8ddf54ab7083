//! Keys and values for plugins and their host: one store, a namespace for each.
//!
//! A [`Storage`] is a handle on one store. It is used through a [`Namespace`], whose keys nobody
//! else sees and which cannot be left. What keeps the bytes is a [`StorageBackend`]: in memory, in
//! files, or an embedder's own. The crate knows no plugin and no interface of one.
//!
//! ```
//! use agentsys_storage::{Scan, Storage, StorageConfig};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), agentsys_storage::StorageError> {
//! let storage = Storage::open(StorageConfig::memory());
//! let notes = storage.namespace("notes")?;
//! notes.put("monday", "rain").await?;
//! notes.put("sunday", "sun").await?;
//!
//! let monday = notes.get("monday").await?.expect("it was put");
//! assert_eq!(monday.bytes, "rain");
//! let page = notes.scan(Scan::prefix("s")).await?;
//! assert_eq!(page.entries[0].0, "sunday");
//!
//! storage.disconnect().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Connecting and disconnecting is in `connection`; the file store is in `file`.

#![forbid(unsafe_code)]

mod backend;
mod change;
mod config;
pub mod conformance;
mod connection;
mod erased;
mod error;
mod file;
mod limits;
mod memory;
mod namespace;
mod scan;
mod storage;
mod value;

pub use backend::StorageBackend;
pub use change::Change;
pub use config::{StorageConfig, StorageType};
pub use error::StorageError;
pub use limits::{MAX_CONTENT_TYPE_BYTES, MAX_KEY_BYTES, MAX_NAMESPACE_BYTES, MAX_VALUE_BYTES};
pub use namespace::Namespace;
pub use scan::{Page, Scan};
pub use storage::Storage;
pub use value::Value;

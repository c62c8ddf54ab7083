//! The store in the files of one directory, on fjall.
//!
//! What blocks, and where. A put of a small value and a get take a few microseconds here, less than
//! handing them to another thread costs, so they run where they are called: a put writes to the
//! system's memory, a get reads from it, or at worst a few kilobytes from the disk. What takes
//! longer goes to the runtime's blocking threads: scans, large writes, and any write while the
//! engine moves what it has collected to its tables, since it may make writers wait then. Opening,
//! syncing and closing are done by one thread of the store's own (`keeper`). While it syncs it holds
//! the *pen*, for which writers wait without blocking a thread.
//!
//! What survives. An acknowledged write is in the system's memory, so the death of the process does
//! not touch it. It is on the disk within the flush interval; where that is zero, before it is
//! acknowledged, and writers that come together share one sync.
//!
//! No runtime is needed beyond the caller's own: what connected the store may be gone.
//!
//! The directory has `owner`, which is locked and says who has the store open, and `data`, which is
//! the engine's.

mod blocking;
mod directory;
mod engine;
mod fault;
mod keeper;
mod owner;
mod record;

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, oneshot};

use self::blocking::blocking;
use self::engine::Engine;
use self::keeper::Message;
use crate::{Change, Page, Scan, StorageBackend, StorageError, Value};

/// Writes of more bytes than this go to a blocking thread.
const INLINE: usize = 64 * 1024;

pub(crate) struct File {
    path: PathBuf,
    flush_interval: Duration,
    /// Read by each operation until its work is done, even where its caller is gone; written to
    /// open and close.
    state: Arc<RwLock<Option<Open>>>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// An open store. The engine is dropped before the sender, whose end tells the keeper to close.
struct Open {
    engine: Arc<Engine>,
    keeper: mpsc::Sender<Message<Closing>>,
}

/// What the keeper gets to close the store with.
struct Closing {
    /// Held until the store is closed, so that whoever opens it again waits.
    state: OwnedRwLockWriteGuard<Option<Open>>,
    done: oneshot::Sender<Result<(), StorageError>>,
}

/// An open store that is not closed while this lives.
type Lease = OwnedRwLockReadGuard<Option<Open>, Open>;

impl File {
    pub(crate) fn new(path: PathBuf, flush_interval: Duration) -> Self {
        Self {
            // Whole in every message, and the same place wherever the process goes.
            path: std::path::absolute(&path).unwrap_or(path),
            flush_interval,
            state: Arc::default(),
            keeper: Mutex::default(),
        }
    }

    async fn lease(&self) -> Result<Lease, StorageError> {
        let state = self.state.clone().read_owned().await;
        OwnedRwLockReadGuard::try_map(state, Option::as_ref).map_err(|_| StorageError::NotConnected)
    }

    /// Makes a change of about `size` bytes, and waits for the disk where it has to.
    async fn write<T: Send + 'static>(
        &self,
        size: usize,
        change: impl FnOnce(&Engine) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let lease = self.lease().await?;
        let pen = lease.engine.pen().await;
        let inline = size <= INLINE && lease.engine.is_calm();
        let timed = !self.flush_interval.is_zero();
        let work = move || {
            let made = change(&lease.engine)?;
            if lease.engine.mark_unsynced() && timed {
                lease.tell(Message::Unsynced);
            }
            drop(pen);
            Ok((made, lease))
        };
        let (made, lease) = if inline {
            work()?
        } else {
            blocking(work).await?
        };
        if !timed {
            lease.sync().await?;
        }
        Ok(made)
    }

    /// Waits for the keeper's thread, which has nothing left to do.
    fn join_keeper(&self) {
        let thread = self.keeper().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(path = %self.path.display(), "the storage's thread panicked");
        }
    }

    fn keeper(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn tell(&self, message: Message<Closing>) {
        // The keeper lives as long as the store is open, unless it panicked; then nobody answers.
        let _ = self.keeper.send(message);
    }

    async fn sync(&self) -> Result<(), StorageError> {
        let (done, synced) = oneshot::channel();
        self.tell(Message::Sync(done));
        synced.await.unwrap_or(Err(StorageError::NotConnected))
    }
}

impl StorageBackend for File {
    async fn connect(&self) -> Result<(), StorageError> {
        let state = self.state.clone().write_owned().await;
        if state.is_some() {
            return Ok(());
        }
        let (done, opened) = oneshot::channel();
        let (path, interval) = (self.path.clone(), self.flush_interval);
        let thread = thread::Builder::new()
            .name("agentsys-storage".to_owned())
            .spawn(move || keep(&path, interval, state, done))
            .map_err(|source| StorageError::Open {
                path: self.path.clone(),
                source: Arc::new(source),
            })?;
        *self.keeper() = Some(thread);
        let opened = opened.await.unwrap_or(Err(StorageError::NotConnected));
        if opened.is_err() {
            self.join_keeper();
        }
        opened
    }

    async fn disconnect(&self) -> Result<(), StorageError> {
        let mut state = self.state.clone().write_owned().await;
        let mut result = Ok(());
        if let Some(Open { engine, keeper }) = state.take() {
            // The keeper has the last one: what is dropped there may take a while.
            drop(engine);
            let (done, closed) = oneshot::channel();
            let closing = Message::Close(Closing { state, done });
            if keeper.send(closing).is_ok() {
                result = closed.await.unwrap_or(Ok(()));
            }
        }
        self.join_keeper();
        result
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Value>, StorageError> {
        self.lease().await?.engine.get(key)
    }

    async fn put(&self, key: Bytes, value: Value) -> Result<(), StorageError> {
        let size = key.len() + value.bytes.len();
        self.write(size, move |engine| engine.put(&key, &value))
            .await
    }

    async fn delete(&self, key: &[u8]) -> Result<bool, StorageError> {
        let key = Bytes::copy_from_slice(key);
        self.write(key.len(), move |engine| engine.delete(&key))
            .await
    }

    async fn scan(&self, scan: Scan) -> Result<Page, StorageError> {
        let lease = self.lease().await?;
        blocking(move || lease.engine.scan(&scan)).await
    }

    async fn batch(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        let size = changes.iter().map(Change::size).sum();
        self.write(size, move |engine| engine.batch(&changes)).await
    }

    async fn flush(&self) -> Result<(), StorageError> {
        self.lease().await?.sync().await
    }
}

/// The keeper's life: opens the store, keeps it, closes it. It goes on if whoever started it does
/// not wait for it any more.
fn keep(
    path: &Path,
    interval: Duration,
    mut state: OwnedRwLockWriteGuard<Option<Open>>,
    done: oneshot::Sender<Result<(), StorageError>>,
) {
    // The engine panics at some of the damage that it may find.
    let opened = catch_unwind(|| Engine::open(path)).unwrap_or_else(|_| {
        Err(StorageError::Damaged {
            path: path.to_owned(),
            reason: "the engine panicked at what it found".to_owned(),
        })
    });
    let engine = match opened {
        Ok(engine) => Arc::new(engine),
        Err(error) => {
            drop(state);
            let _ = done.send(Err(error));
            return;
        }
    };
    let (keeper, messages) = mpsc::channel();
    *state = Some(Open {
        engine: engine.clone(),
        keeper,
    });
    drop(state);
    let _ = done.send(Ok(()));

    let closing = keeper::run(&messages, interval, |gather| engine.sync(gather));
    let synced = engine.close();
    drop(engine);
    match closing {
        Some(Closing { state, done }) => {
            drop(state);
            let _ = done.send(synced);
        }
        None => {
            if let Err(error) = synced {
                tracing::error!(%error, "a storage that nobody has any more closed badly");
            }
        }
    }
}

//! When a backend is connected: by itself at the first operation, once however many come at once,
//! and not any more after a disconnect, which waits for the operations that are under way.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::StorageError;
use crate::erased::ErasedBackend;

pub(crate) struct Connection {
    backend: Box<dyn ErasedBackend>,
    /// Read by an operation as long as it is under way; written to connect and to disconnect.
    state: RwLock<State>,
    /// How many connects have failed. Whoever sees it grow while waiting has waited for one of them.
    failures: AtomicU64,
}

struct State {
    phase: Phase,
    failure: Option<StorageError>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Connects at the next operation.
    Idle,
    Connected,
    /// A disconnect has begun, and may have been dropped.
    Closing,
    Closed,
}

/// A connected backend, which stays connected while this lives.
pub(crate) struct Ready<'a> {
    backend: &'a (dyn ErasedBackend + 'static),
    _under_way: RwLockReadGuard<'a, State>,
}

impl Deref for Ready<'_> {
    type Target = dyn ErasedBackend;

    fn deref(&self) -> &Self::Target {
        self.backend
    }
}

impl Connection {
    pub(crate) fn new(backend: Box<dyn ErasedBackend>) -> Self {
        Self {
            backend,
            state: RwLock::new(State {
                phase: Phase::Idle,
                failure: None,
            }),
            failures: AtomicU64::new(0),
        }
    }

    /// The backend for one operation.
    pub(crate) async fn ready(&self) -> Result<Ready<'_>, StorageError> {
        let failures = self.failures.load(Ordering::Acquire);
        let state = self.state.read().await;
        let state = match state.phase {
            Phase::Connected => state,
            Phase::Closing | Phase::Closed => return Err(StorageError::NotConnected),
            Phase::Idle => {
                drop(state);
                let state = self.state.write().await;
                if matches!(state.phase, Phase::Closing | Phase::Closed) {
                    return Err(StorageError::NotConnected);
                }
                self.establish(state, failures).await?
            }
        };
        Ok(Ready {
            backend: &*self.backend,
            _under_way: state,
        })
    }

    pub(crate) async fn connect(&self) -> Result<(), StorageError> {
        let failures = self.failures.load(Ordering::Acquire);
        let mut state = self.state.write().await;
        if matches!(state.phase, Phase::Closing | Phase::Closed) {
            state.phase = Phase::Idle;
        }
        self.establish(state, failures).await.map(drop)
    }

    pub(crate) async fn disconnect(&self) -> Result<(), StorageError> {
        let mut state = self.state.write().await;
        let flushed = match state.phase {
            Phase::Closed => return Ok(()),
            Phase::Connected => self.backend.flush().await,
            Phase::Idle | Phase::Closing => Ok(()),
        };
        // A connect that was dropped half way may have left something behind: idle ones close too.
        state.phase = Phase::Closing;
        let closed = self.backend.disconnect().await;
        state.phase = Phase::Closed;
        flushed.and(closed)
    }

    async fn establish<'a>(
        &'a self,
        mut state: RwLockWriteGuard<'a, State>,
        failures: u64,
    ) -> Result<RwLockReadGuard<'a, State>, StorageError> {
        if state.phase == Phase::Idle {
            if self.failures.load(Ordering::Acquire) != failures
                && let Some(failure) = &state.failure
            {
                return Err(failure.clone());
            }
            if let Err(failure) = self.backend.connect().await {
                state.failure = Some(failure.clone());
                self.failures.fetch_add(1, Ordering::Release);
                return Err(failure);
            }
            state.phase = Phase::Connected;
            state.failure = None;
        }
        Ok(state.downgrade())
    }
}

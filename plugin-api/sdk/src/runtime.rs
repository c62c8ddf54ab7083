//! The plugin's own tokio.
//!
//! A plugin has its own copy of tokio, in which the host's runtime does not exist. So async code of the author runs inside one small runtime of the plugin's:
//! started by the first such code, entered round every poll, ended with the generation.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, ErrorKind, Result};

/// Enough that one busy task does not keep the timers and sockets of the others waiting.
const WORKERS: usize = 2;

static HANDLE: OnceLock<Handle> = OnceLock::new();
static RUNTIME: Mutex<State> = Mutex::new(State::Unstarted);

enum State {
    Unstarted,
    Running(Runtime),
    Ended,
}

/// Whether [`end`] was called: what is spawned after it would be dropped in silence.
static ENDED: AtomicBool = AtomicBool::new(false);

/// The runtime, started if need be.
pub(crate) fn handle() -> Result<&'static Handle> {
    match HANDLE.get() {
        Some(handle) if !ENDED.load(Ordering::Relaxed) => Ok(handle),
        _ => start(),
    }
}

/// Ends the runtime: drops its tasks and waits for its threads.
pub(crate) fn end() {
    ENDED.store(true, Ordering::Relaxed);
    let state = {
        let mut state = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *state, State::Ended)
    };
    // Outside the lock: the tasks' own drops may ask for the runtime.
    drop(state);
}

fn start() -> Result<&'static Handle> {
    let mut state = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    match &*state {
        State::Running(runtime) => Ok(HANDLE.get_or_init(|| runtime.handle().clone())),
        State::Ended => {
            let message = "the plugin is being unloaded and its runtime has ended";
            Err(Error::new(ErrorKind::Unavailable, message))
        }
        State::Unstarted => {
            let runtime = Builder::new_multi_thread()
                .worker_threads(WORKERS)
                .thread_name("plugin-tokio")
                .enable_all()
                .build()
                .map_err(|error| Error::from(error).context("the plugin's runtime cannot start"))?;
            let handle = HANDLE.get_or_init(|| runtime.handle().clone());
            *state = State::Running(runtime);
            Ok(handle)
        }
    }
}

/// A future that is polled, and dropped, inside the runtime.
pub(crate) struct InRuntime<F> {
    future: Option<F>,
    handle: &'static Handle,
}

impl<F> InRuntime<F> {
    pub(crate) fn new(future: F) -> Result<Self> {
        Ok(Self {
            future: Some(future),
            handle: handle()?,
        })
    }
}

impl<F: Future> Future for InRuntime<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = self.handle.enter();
        // SAFETY: `future` is pinned with `self`: it is never moved out, only dropped in place by `set(None)`.
        let mut future = unsafe { self.map_unchecked_mut(|this| &mut this.future) };
        let polled = match future.as_mut().as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        };
        if polled.is_ready() {
            // Now, since the runtime is entered anyway.
            future.set(None);
        }
        polled
    }
}

impl<F> Drop for InRuntime<F> {
    fn drop(&mut self) {
        if self.future.is_none() {
            return;
        }
        let _entered = self.handle.enter();
        // Assigning drops the old value in place, so a pinned future does not move.
        self.future = None;
    }
}

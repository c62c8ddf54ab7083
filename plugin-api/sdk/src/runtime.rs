//! The plugin's own tokio.
//!
//! A plugin has its own copy of tokio, in which the host's runtime does not exist. So async code of the author runs inside one small runtime of the plugin's:
//! started by the first such code, entered round every poll, ended with the generation.
//!
//! A plugin that is linked into a program shares the program's tokio, and runs in the runtime that it is polled in, so that a test may pause its time; where it
//! is polled outside of any, one runtime for all linked plugins stands in.

use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

use crate::error::{Error, ErrorKind, Result};
use crate::generation::is_linked;

/// Enough that one busy task does not keep the timers and sockets of the others waiting.
const WORKERS: usize = 2;

/// The runtime, for calls: null before there is one, and after it has ended. Not a `OnceLock`, since a handle keeps files of the runtime's open, and a
/// library's statics are never dropped.
static HANDLE: AtomicPtr<Handle> = AtomicPtr::new(ptr::null_mut());
static RUNTIME: Mutex<State> = Mutex::new(State::Unstarted);

enum State {
    Unstarted,
    Running(Runtime),
    Ended,
}

/// Where background work runs.
pub(crate) fn current() -> Result<Handle> {
    match Handle::try_current() {
        Ok(handle) if is_linked() => Ok(handle),
        _ => started(&mut lock()).map(|runtime| runtime.handle().clone()),
    }
}

/// The plugin's own runtime, started if need be: for a call, which holds the generation open, and [`end`] off, as long as it uses this.
fn own() -> Result<&'static Handle> {
    let mut handle = HANDLE.load(Ordering::Acquire);
    if handle.is_null() {
        let mut state = lock();
        started(&mut state)?;
        handle = HANDLE.load(Ordering::Acquire);
    }
    // SAFETY: not null, since the runtime runs; freed by `end` alone, which comes after the last call.
    Ok(unsafe { &*handle })
}

/// Ends the runtime: drops its tasks and waits for its threads. No call of the plugin is under way any more.
pub(crate) fn end() {
    let state = std::mem::replace(&mut *lock(), State::Ended);
    // Outside the lock: the tasks' own drops may ask for the runtime.
    drop(state);
    let handle = HANDLE.swap(ptr::null_mut(), Ordering::AcqRel);
    if !handle.is_null() {
        // SAFETY: `started` made it of a box; nobody else takes it out, and no call is left that uses it.
        drop(unsafe { Box::from_raw(handle) });
    }
}

fn lock() -> MutexGuard<'static, State> {
    RUNTIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn started(state: &mut State) -> Result<&Runtime> {
    if matches!(state, State::Unstarted) {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("plugin-tokio")
            .enable_all()
            .build()
            .map_err(|error| Error::from(error).context("the plugin's runtime cannot start"))?;
        let handle = Box::into_raw(Box::new(runtime.handle().clone()));
        HANDLE.store(handle, Ordering::Release);
        *state = State::Running(runtime);
    }
    match state {
        State::Running(runtime) => Ok(runtime),
        State::Unstarted | State::Ended => {
            let message = "the plugin is being unloaded and its runtime has ended";
            Err(Error::new(ErrorKind::Unavailable, message))
        }
    }
}

/// A future or a stream that is polled, and dropped, inside the runtime.
pub(crate) struct InRuntime<F> {
    future: Option<F>,
    /// None: in the one that it is polled in, if there is one.
    handle: Option<&'static Handle>,
}

impl<F> InRuntime<F> {
    pub(crate) fn new(future: F) -> Result<Self> {
        let linked = is_linked() && Handle::try_current().is_ok();
        let handle = if linked { None } else { Some(own()?) };
        Ok(Self {
            future: Some(future),
            handle,
        })
    }

    fn enter(&self) -> Option<EnterGuard<'static>> {
        match self.handle {
            Some(handle) => Some(handle.enter()),
            None if Handle::try_current().is_ok() => None,
            None => own().ok().map(Handle::enter),
        }
    }
}

impl<F: Future> Future for InRuntime<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = self.enter();
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

impl<S: Stream> Stream for InRuntime<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let _entered = self.enter();
        // SAFETY: as for a future.
        let mut stream = unsafe { self.map_unchecked_mut(|this| &mut this.future) };
        let polled = match stream.as_mut().as_pin_mut() {
            Some(stream) => stream.poll_next(cx),
            None => Poll::Ready(None),
        };
        if matches!(polled, Poll::Ready(None)) {
            stream.set(None);
        }
        polled
    }
}

impl<F> Drop for InRuntime<F> {
    fn drop(&mut self) {
        if self.future.is_none() {
            return;
        }
        let _entered = self.enter();
        // Assigning drops the old value in place, so a pinned future does not move.
        self.future = None;
    }
}

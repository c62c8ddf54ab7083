//! The locks, atomics and threads that the end of a generation stands on: the standard library's, and the model checker's where `model` checks in which order that comes.

#[cfg(not(all(test, agentsys_model)))]
pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard, RwLock, atomic},
    thread, thread_local,
};
#[cfg(all(test, agentsys_model))]
pub(crate) use {
    crate::model::thread,
    shuttle::sync::{Condvar, Mutex, MutexGuard, RwLock, atomic},
    shuttle::thread_local,
};

//! The lock and the atomics that the orders between a call, a swap and a drain stand on: the standard library's, and the model checker's where `model` checks those orders.

#[cfg(all(test, agentsys_model))]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(all(test, agentsys_model)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

//! Handlers that an instance adds while it lives.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use agentsys_abi::bridge::Payload;
use agentsys_abi::call::{HANDLER_ADDED, HANDLER_PROCESS};

use crate::context::Context;
use crate::error::Result;

/// A handler, whatever closure it was made of.
pub(crate) type Handler = Arc<dyn Fn(Context, Payload) -> Answer + Send + Sync>;

type Answer = Pin<Box<dyn Future<Output = Result<Payload>> + Send>>;

/// The handlers of one instance, by number.
#[derive(Default)]
pub(crate) struct Added(RwLock<Table>);

#[derive(Default)]
struct Table {
    handlers: HashMap<u32, (Arc<str>, Handler)>,
    /// How many there ever were: no number is given twice while one of its calls may be under way.
    count: u32,
}

impl Added {
    pub(crate) fn put<F, Fut>(&self, route: &str, handler: F) -> u32
    where
        F: Fn(Context, Payload) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Payload>> + Send + 'static,
    {
        let handler: Handler =
            Arc::new(move |context, payload| Box::pin(handler(context, payload)));
        let mut table = self.write();
        let mut number = HANDLER_ADDED + table.count % (HANDLER_PROCESS - HANDLER_ADDED);
        while table.handlers.contains_key(&number) || number == HANDLER_PROCESS {
            table.count = table.count.wrapping_add(1);
            number = HANDLER_ADDED + table.count % (HANDLER_PROCESS - HANDLER_ADDED);
        }
        table.count = table.count.wrapping_add(1);
        table.handlers.insert(number, (route.into(), handler));
        number
    }

    pub(crate) fn get(&self, number: u32) -> Option<(Arc<str>, Handler)> {
        self.read().handlers.get(&number).cloned()
    }

    pub(crate) fn remove(&self, number: u32) {
        let removed = self.write().handlers.remove(&number);
        // Outside of the lock: the author's `Drop`.
        drop(removed);
    }

    pub(crate) fn clear(&self) {
        let handlers = std::mem::take(&mut self.write().handlers);
        drop(handlers);
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A route that was added, to be removed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedRoute {
    name: String,
    number: u32,
}

impl AddedRoute {
    pub(crate) fn new(name: &str, number: u32) -> Self {
        Self {
            name: name.to_owned(),
            number,
        }
    }

    /// The route's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}

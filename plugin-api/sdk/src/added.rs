//! Handlers that an instance adds while it lives.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use abi_stable::std_types::RStr;
use agentsys_abi::bridge::Payload;
use agentsys_abi::call::{HANDLER_ADDED, HANDLER_PROCESS};

use crate::asking::too_old;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::payload::{FromPayload, IntoPayload};
use crate::route_options::RouteOptions;
use crate::router::Router;

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

impl Router<'_> {
    /// Puts a handler of this instance's on a route. It serves as soon as the instance does, and until it is removed or the instance ends; a route
    /// that is there already gets one more agent.
    ///
    /// The handler takes what a `#[route]` takes, with the context by value, and is `async`.
    ///
    /// # Errors
    /// Where the name cannot be a route's.
    pub fn add_route<F, Fut, In, Out, InKind, OutKind>(
        self,
        name: &str,
        description: &str,
        handler: F,
    ) -> Result<AddedRoute>
    where
        F: Fn(Context, In) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Out>> + Send + 'static,
        In: FromPayload<InKind>,
        Out: IntoPayload<OutKind>,
    {
        self.put_route(name, description, None, handler)
    }

    /// As [`add_route`](Self::add_route), with options: what a `#[route]` says behind its name.
    ///
    /// # Errors
    /// As there, and where an option cannot be; `Unavailable` on a host that is older than these options.
    pub fn add_route_with<F, Fut, In, Out, InKind, OutKind>(
        self,
        name: &str,
        description: &str,
        options: RouteOptions,
        handler: F,
    ) -> Result<AddedRoute>
    where
        F: Fn(Context, In) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Out>> + Send + 'static,
        In: FromPayload<InKind>,
        Out: IntoPayload<OutKind>,
    {
        self.put_route(name, description, Some(&options), handler)
    }

    fn put_route<F, Fut, In, Out, InKind, OutKind>(
        self,
        name: &str,
        description: &str,
        options: Option<&RouteOptions>,
        handler: F,
    ) -> Result<AddedRoute>
    where
        F: Fn(Context, In) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Out>> + Send + 'static,
        In: FromPayload<InKind>,
        Out: IntoPayload<OutKind>,
    {
        let handler = move |context: Context, payload: Payload| {
            // The input first: the future need not be `Send` for it.
            let begun = In::from_payload(payload).map(|input| handler(context, input));
            async move { begun?.await?.into_payload() }
        };
        let number = self.host.added().put(name, handler);
        let added = self.tell_of(name, description, options, number);
        if let Err(error) = added {
            self.host.added().remove(number);
            return Err(error);
        }
        Ok(AddedRoute::new(name, number))
    }

    /// Tells the host of a handler.
    fn tell_of(
        self,
        name: &str,
        description: &str,
        options: Option<&RouteOptions>,
        number: u32,
    ) -> Result<()> {
        let (host, instance) = (self.host.raw(), self.host.instance());
        let (name, description) = (RStr::from(name), RStr::from(description));
        let router = host.api.router();
        let refused = match options {
            // SAFETY: the context is valid (`Host::new`'s promise); a host looks the instance up and does not follow the pointer.
            None => unsafe {
                (router.add_route())(host.context, instance, name, description, number)
            },
            Some(options) => {
                let add = router.add_route_with().ok_or_else(too_old)?;
                // SAFETY: as above; the options are valid until this returns.
                options.with_raw(|options| unsafe {
                    add(host.context, instance, name, description, number, options)
                })
            }
        };
        let error = refused.into_option();
        error.map_or(Ok(()), |error| Err(Error::from_failure(error.into())))
    }

    /// Takes a handler that was added away again. Calls under way go on. False where it is gone already.
    pub fn remove_route(self, route: &AddedRoute) -> bool {
        let host = self.host.raw();
        // SAFETY: as in `tell_of`.
        let removed = unsafe {
            (host.api.router().remove_route())(host.context, self.host.instance(), route.number())
        };
        self.host.added().remove(route.number());
        removed != 0
    }
}

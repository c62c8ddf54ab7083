//! How tasks of the plugin's own cross to the host, and their answers back.

use std::future::Future;
use std::ptr;

use abi_stable::std_types::RStr;
use agentsys_abi::bridge::{ForeignStream, Payload};
use agentsys_abi::call::{RawReply, RawStream};
use agentsys_abi::host::target;
use agentsys_abi::payload::RawPayload;

use crate::error::{Error, ErrorKind, Result};
use crate::host::answer;
use crate::items::Items;
use crate::options::TaskOptions;
use crate::router::Router;

impl Router<'_> {
    pub(crate) fn ask(
        self,
        target: u32,
        name: &str,
        payload: Payload,
    ) -> impl Future<Output = Result<Payload>> + Send + 'static {
        let mut raw = payload.into_raw();
        let host = self.host.raw();
        // SAFETY: the context is valid (`Host::new`'s promise), the task is null or valid (`new`'s), the payload is handed over, and the
        // reply is fresh.
        unsafe {
            let send = host.api.router().send();
            answer(send(
                host.context,
                self.task,
                target,
                RStr::from(name),
                &mut raw,
            ))
        }
    }

    pub(crate) fn ask_with(
        self,
        target: u32,
        name: &str,
        payload: Payload,
        options: &TaskOptions,
    ) -> impl Future<Output = Result<Payload>> + Send + 'static {
        let mut raw = payload.into_raw();
        let host = self.host.raw();
        let reply = match host.api.router().send_with() {
            // SAFETY: as in `ask`; the options are valid until this returns.
            Some(send) => Ok(options.with_raw(|options| unsafe {
                send(
                    host.context,
                    self.task,
                    target,
                    RStr::from(name),
                    &mut raw,
                    options,
                )
            })),
            None => Err(older_host(raw)),
        };
        // SAFETY: the reply is fresh.
        let answer = reply.map(|reply| unsafe { answer(reply) });
        async move { answer?.await }
    }

    pub(crate) fn open(
        self,
        name: &str,
        payload: Payload,
        mut items: Option<RawStream>,
        options: &TaskOptions,
    ) -> Result<Items<Payload>> {
        let mut raw = payload.into_raw();
        let host = self.host.raw();
        let items = items.as_mut().map_or(std::ptr::null_mut(), ptr::from_mut);
        let Some(open) = host.api.router().open_stream() else {
            // SAFETY: null, or a fresh stream of ours that nobody has.
            drop(unsafe { ForeignStream::taken(items) });
            return Err(older_host(raw));
        };
        // SAFETY: as in `ask`; the options are valid until this returns, and the items are null or handed over.
        let reply = options.with_raw(|options| unsafe {
            open(
                host.context,
                self.task,
                target::ROUTE,
                RStr::from(name),
                &mut raw,
                options,
                items,
            )
        });
        // SAFETY: the reply is fresh.
        unsafe { stream_of(reply) }
    }

    /// Sends a task to all agents of a route.
    pub(crate) fn ask_all(
        self,
        name: &str,
        payload: Payload,
        options: &TaskOptions,
    ) -> Result<Items<Payload>> {
        let mut raw = payload.into_raw();
        let host = self.host.raw();
        let Some(broadcast) = host.api.router().broadcast() else {
            return Err(older_host(raw));
        };
        // SAFETY: as in `ask`; the options are valid until this returns.
        let reply = options.with_raw(|options| unsafe {
            let name = RStr::from(name);
            broadcast(host.context, self.task, name, &mut raw, options)
        });
        // SAFETY: the reply is fresh.
        unsafe { stream_of(reply) }
    }
}

/// A host that lacks a function, which leaves us with what it would have been given.
#[cold]
fn older_host(unsent: RawPayload) -> Error {
    // SAFETY: a payload of ours that was not handed over.
    drop(unsafe { Payload::from_raw(unsent) });
    too_old()
}

/// A host that lacks a function.
#[cold]
pub(crate) fn too_old() -> Error {
    let message = "this host is older than what the plugin asks of its router: update the host";
    Error::new(ErrorKind::Unavailable, message)
}

/// The items that the host answered.
///
/// # Safety
/// `reply` must come fresh from a function of the host's.
unsafe fn stream_of(reply: RawReply) -> Result<Items<Payload>> {
    match reply {
        // SAFETY: a fresh stream, ours alone; a host is never unloaded.
        RawReply::Stream(raw) => Ok(Items::new(Some(unsafe { ForeignStream::from_raw(raw) }))),
        RawReply::Err(error) => Err(Error::from_failure(error.into())),
        other => {
            // SAFETY: as above.
            drop(unsafe { answer(other) });
            let message = "the host answered once where a stream was asked for";
            Err(Error::new(ErrorKind::Internal, message))
        }
    }
}

//! The functions that plugins call: the seam's vtables on one side, [`Services`](crate::Services) on the other.
//!
//! No function here unwinds into a plugin.

mod metrics;
mod router;
mod routes;
mod storage;
mod task;

use std::sync::Arc;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{RStr, RString};
use agentsys_abi::bridge::{Answer, Failure, catch};
use agentsys_abi::call::{RawFuture, RawReply};
use agentsys_abi::error::kind;
use agentsys_abi::host::{HostApi, HostApiRef, LogApi, LogApiRef};
use agentsys_abi::threads::{ThreadApi, ThreadApiRef};

use crate::mapping::Mapping;
use crate::services::{LogLine, Routed, Services};
use crate::stream::{DataStream, hand_over};
use crate::threads;
use crate::waker::Revocable;

pub(crate) const API: HostApiRef = HostApiRef(
    const {
        &WithMetadata::new(HostApi {
            log: LOG,
            task: task::API,
            router: router::API,
            threads: THREADS,
            storage: storage::API,
            metrics: metrics::API,
            plugin_name,
        })
    }
    .static_as_prefix(),
);

const LOG: LogApiRef =
    LogApiRef(const { &WithMetadata::new(LogApi { max_level, write }) }.static_as_prefix());

const THREADS: ThreadApiRef = ThreadApiRef(
    const {
        &WithMetadata::new(ThreadApi {
            at_exit: threads::at_exit,
            key_created: threads::key_created,
            key_deleted: threads::key_deleted,
            start: threads::start,
            value_set: threads::value_set,
            signal_handled: threads::signal_handled,
            reports: threads::reports,
        })
    }
    .static_as_prefix(),
);

unsafe extern "C" fn plugin_name(context: *const ()) -> RString {
    // SAFETY: the seam: `context` is ours.
    unsafe { Mapping::of(context) }.plugin.as_ref().into()
}

unsafe extern "C" fn max_level(context: *const ()) -> u32 {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::of(context) };
    let level = catch(|| mapping.services().map(|services| services.max_log_level()));
    level.ok().flatten().unwrap_or(0)
}

unsafe extern "C" fn write(
    context: *const (),
    level: u32,
    target: RStr<'_>,
    message: RStr<'_>,
    fields: RStr<'_>,
) {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::of(context) };
    let _ = catch(|| {
        let Some(services) = mapping.services() else {
            return;
        };
        services.log(LogLine {
            plugin: &mapping.plugin,
            generation: mapping.number,
            level,
            target: target.as_str(),
            message: message.as_str(),
            fields: fields.as_str(),
        });
    });
}

/// What a service answers, handed to the plugin: as a future whose wakers can be taken back.
fn answer_later(
    mapping: Arc<Mapping>,
    what: &str,
    ask: impl FnOnce(&dyn Services) -> Routed,
) -> RawReply {
    let asked = catch(|| mapping.services().map(|services| ask(&*services)));
    match asked {
        Ok(Some(answer)) => {
            RawReply::Pending(RawFuture::new(Box::pin(Revocable::new(answer, mapping))))
        }
        Ok(None) => answer_now(Err(closed(what))),
        Err(message) => answer_now(Err(panicked(what, &message))),
    }
}

/// The same for a stream.
fn stream_later(
    mapping: Arc<Mapping>,
    what: &str,
    ask: impl FnOnce(&dyn Services) -> Result<DataStream, Failure>,
) -> RawReply {
    let asked = catch(|| mapping.services().map(|services| ask(&*services)));
    match asked {
        Ok(Some(Ok(items))) => RawReply::Stream(hand_over(items, &mapping)),
        Ok(Some(Err(failure))) => answer_now(Err(failure)),
        Ok(None) => answer_now(Err(closed(what))),
        Err(message) => answer_now(Err(panicked(what, &message))),
    }
}

#[cold]
fn closed(what: &str) -> Failure {
    let message = format!("the plugin is closed, and the host's {what} serves it no more");
    Failure::new(kind::UNAVAILABLE, message)
}

#[cold]
fn panicked(what: &str, message: &str) -> Failure {
    Failure::panicked(&format!("the host's {what}"), message)
}

fn answer_now(answer: Answer) -> RawReply {
    RawReply::ready(answer)
}

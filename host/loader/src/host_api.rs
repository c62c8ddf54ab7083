//! The functions that plugins call: the seam's vtables on one side, [`Services`](crate::Services) on the other.
//!
//! No function here unwinds into a plugin.

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{RStr, RString};
use agentsys_abi::bridge::{Failure, Handed, catch};
use agentsys_abi::call::{RawFuture, RawReply};
use agentsys_abi::error::kind;
use agentsys_abi::host::{
    HostApi, HostApiRef, LogApi, LogApiRef, RouterApi, RouterApiRef, TaskApi, TaskApiRef,
};
use agentsys_abi::payload::RawPayload;
use agentsys_abi::threads::{ThreadApi, ThreadApiRef};
use agentsys_abi::waker::RawWaker;

use crate::mapping::Mapping;
use crate::output::Data;
use crate::services::LogLine;
use crate::task::Slot;
use crate::threads;
use crate::waker::Revocable;

pub(crate) const API: HostApiRef = HostApiRef(
    const {
        &WithMetadata::new(HostApi {
            log: LOG,
            task: TASK,
            router: ROUTER,
            threads: THREADS,
            plugin_name,
        })
    }
    .static_as_prefix(),
);

const LOG: LogApiRef =
    LogApiRef(const { &WithMetadata::new(LogApi { max_level, write }) }.static_as_prefix());

const TASK: TaskApiRef = TaskApiRef(
    const {
        &WithMetadata::new(TaskApi {
            claim,
            release,
            remaining,
            is_cancelled,
        })
    }
    .static_as_prefix(),
);

const ROUTER: RouterApiRef =
    RouterApiRef(const { &WithMetadata::new(RouterApi { route_task }) }.static_as_prefix());

const THREADS: ThreadApiRef = ThreadApiRef(
    const {
        &WithMetadata::new(ThreadApi {
            at_exit: threads::at_exit,
            key_created: threads::key_created,
            key_deleted: threads::key_deleted,
            start: threads::start,
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

unsafe extern "C" fn claim(task: *const ()) -> *const () {
    // SAFETY: the seam: the task of a call that has not returned, or a claim.
    unsafe { Slot::claim(task) }
}

unsafe extern "C" fn release(task: *const ()) {
    // SAFETY: the seam: a claim, given up once.
    let _ = catch(|| unsafe { Slot::release(task) });
}

unsafe extern "C" fn remaining(task: *const ()) -> u64 {
    // SAFETY: the seam: the task of a call that has not returned, or a claim.
    let task = unsafe { Slot::task(task) };
    let remaining = catch(|| task.remaining()).ok().flatten();
    remaining.map_or(u64::MAX, |left| {
        u64::try_from(left.as_nanos()).unwrap_or(u64::MAX - 1)
    })
}

unsafe extern "C" fn is_cancelled(task: *const ()) -> u32 {
    // SAFETY: as for `remaining`.
    let task = unsafe { Slot::task(task) };
    catch(|| task.is_cancelled()).map_or(1, u32::from)
}

unsafe extern "C" fn route_task(
    context: *const (),
    parent: *const (),
    name: RStr<'_>,
    payload: *mut RawPayload,
    _waker: *const RawWaker,
) -> RawReply {
    // SAFETY: the seam: `context` is ours, the payload is handed over, and the parent is null or a valid task.
    let (mapping, payload, parent) = unsafe {
        let parent = (!parent.is_null()).then(|| Slot::task(parent));
        (
            Mapping::claim(context),
            Handed::new(&*payload).take(),
            parent,
        )
    };
    let routed = catch(|| {
        let services = mapping.services()?;
        let data = Data::from_payload(payload, &mapping);
        Some(services.route_task(&mapping.plugin, parent, name.as_str(), data))
    });
    match routed {
        Ok(None) => {
            let message = "the plugin is closed, and routes no more tasks";
            RawReply::ready(Err(Failure::new(kind::UNAVAILABLE, message)))
        }
        Ok(Some(routed)) => {
            RawReply::Pending(RawFuture::new(Box::pin(Revocable::new(routed, mapping))))
        }
        Err(message) => RawReply::ready(Err(Failure::panicked("the host's router", &message))),
    }
}

//! The router, as plugins call it.

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RStr};
use agentsys_abi::bridge::{Failure, Handed, catch};
use agentsys_abi::call::RawReply;
use agentsys_abi::error::{RawError, kind};
use agentsys_abi::host::{RouterApi, RouterApiRef, target};
use agentsys_abi::payload::RawPayload;

use super::{answer_later, answer_now};
use crate::mapping::Mapping;
use crate::output::Data;
use crate::services::{AddedRoute, Target};
use crate::task::Slot;

pub(super) const API: RouterApiRef = RouterApiRef(
    const {
        &WithMetadata::new(RouterApi {
            send,
            add_route,
            remove_route,
        })
    }
    .static_as_prefix(),
);

unsafe extern "C" fn send(
    context: *const (),
    parent: *const (),
    target: u32,
    name: RStr<'_>,
    payload: *mut RawPayload,
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
    let target = match target {
        target::ROUTE => Target::Route,
        target::AGENT => Target::Agent,
        target::PLUGIN => Target::Plugin,
        other => {
            let message = format!("this host knows no target {other} of a task: update it");
            return answer_now(Err(Failure::new(kind::INVALID_INPUT, message)));
        }
    };
    let data = Data::from_payload(payload, &mapping);
    answer_later(mapping, "router", |services| {
        services.send(parent, target, name.as_str(), data)
    })
}

unsafe extern "C" fn add_route(
    context: *const (),
    instance: *const (),
    name: RStr<'_>,
    description: RStr<'_>,
    handler: u32,
) -> ROption<RawError> {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::of(context) };
    let added = catch(|| {
        let gone = || {
            let message = "the instance is gone: it can add no routes";
            Failure::new(kind::UNAVAILABLE, message)
        };
        let services = mapping.services().ok_or_else(gone)?;
        let instance = mapping.instance(instance).ok_or_else(gone)?;
        let route = AddedRoute {
            name: name.as_str().to_owned(),
            description: description.as_str().to_owned(),
            handler,
        };
        services.add_route(&instance, route)
    });
    match added {
        Ok(Ok(())) => ROption::RNone,
        Ok(Err(failure)) => ROption::RSome(failure.into()),
        Err(message) => ROption::RSome(Failure::panicked("the host's router", &message).into()),
    }
}

unsafe extern "C" fn remove_route(context: *const (), instance: *const (), handler: u32) -> u32 {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::of(context) };
    let removed = catch(|| {
        let services = mapping.services()?;
        let instance = mapping.instance(instance)?;
        Some(services.remove_route(&instance, handler))
    });
    removed.ok().flatten().unwrap_or(false).into()
}

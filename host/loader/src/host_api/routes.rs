//! Routes that an instance adds and removes: a part of the router, as plugins call it.

use abi_stable::std_types::{ROption, RStr};
use agentsys_abi::bridge::{Failure, catch};
use agentsys_abi::error::{RawError, kind};
use agentsys_abi::host::{FLAG_IDEMPOTENT, RawRouteOptions};

use crate::mapping::Mapping;
use crate::metadata::RouteOptions;
use crate::services::AddedRoute;

pub(super) unsafe extern "C" fn add_route(
    context: *const (),
    instance: *const (),
    name: RStr<'_>,
    description: RStr<'_>,
    handler: u32,
) -> ROption<RawError> {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::of(context) };
    let options = RouteOptions::default;
    add(mapping, instance, name, description, handler, options)
}

pub(super) unsafe extern "C" fn add_route_with(
    context: *const (),
    instance: *const (),
    name: RStr<'_>,
    description: RStr<'_>,
    handler: u32,
    options: *const RawRouteOptions<'_>,
) -> ROption<RawError> {
    // SAFETY: the seam: `context` is ours, and the options are valid.
    let (mapping, options) = unsafe { (Mapping::of(context), &*options) };
    let options = || read(options);
    add(mapping, instance, name, description, handler, options)
}

fn add(
    mapping: &Mapping,
    instance: *const (),
    name: RStr<'_>,
    description: RStr<'_>,
    handler: u32,
    options: impl FnOnce() -> RouteOptions,
) -> ROption<RawError> {
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
            options: options(),
        };
        services.add_route(&instance, route)
    });
    match added {
        Ok(Ok(())) => ROption::RNone,
        Ok(Err(failure)) => ROption::RSome(failure.into()),
        Err(message) => ROption::RSome(Failure::panicked("the host's router", &message).into()),
    }
}

fn read(options: &RawRouteOptions<'_>) -> RouteOptions {
    let labels = options.labels.iter();
    RouteOptions {
        weight: options.weight,
        max_concurrent: options.max_concurrent.into_option(),
        idempotent: options.flags & FLAG_IDEMPOTENT != 0,
        labels: labels
            .map(|label| (label.name.to_string(), label.value.to_string()))
            .collect(),
    }
}

pub(super) unsafe extern "C" fn remove_route(
    context: *const (),
    instance: *const (),
    handler: u32,
) -> u32 {
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::of(context) };
    let removed = catch(|| {
        let services = mapping.services()?;
        let instance = mapping.instance(instance)?;
        Some(services.remove_route(&instance, handler))
    });
    removed.ok().flatten().unwrap_or(false).into()
}

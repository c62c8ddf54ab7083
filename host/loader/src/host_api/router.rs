//! The router, as plugins call it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::RStr;
use agentsys_abi::bridge::{Failure, ForeignStream, Handed, answers};
use agentsys_abi::call::{RawReply, RawStream};
use agentsys_abi::error::kind;
use agentsys_abi::host::{FLAG_IDEMPOTENT, RawTaskOptions, RouterApi, RouterApiRef, target};
use agentsys_abi::payload::RawPayload;
use bytes::Bytes;
use futures_core::Stream;

use super::routes::{add_route, add_route_with, remove_route};
use super::{answer_later, answer_now, closed, stream_later};
use crate::instance::Outcome;
use crate::mapping::Mapping;
use crate::output::Data;
use crate::services::{AgentAnswer, AgentAnswers, SendOptions, Target};
use crate::stream::{DataStream, SentItems};
use crate::task::{Slot, Task};

pub(super) const API: RouterApiRef = RouterApiRef(
    const {
        &WithMetadata::new(RouterApi {
            send,
            add_route,
            remove_route,
            send_with,
            open_stream,
            broadcast,
            add_route_with,
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
    let (asked, parent) = unsafe { (Asked::new(context, payload), parent_of(parent)) };
    asked.send(parent, target, name, SendOptions::default())
}

unsafe extern "C" fn send_with(
    context: *const (),
    parent: *const (),
    target: u32,
    name: RStr<'_>,
    payload: *mut RawPayload,
    options: *const RawTaskOptions<'_>,
) -> RawReply {
    // SAFETY: as in `send`, and the options are valid.
    let (asked, parent, options) = unsafe {
        (
            Asked::new(context, payload),
            parent_of(parent),
            read(&*options),
        )
    };
    asked.send(parent, target, name, options)
}

unsafe extern "C" fn open_stream(
    context: *const (),
    parent: *const (),
    target: u32,
    name: RStr<'_>,
    payload: *mut RawPayload,
    options: *const RawTaskOptions<'_>,
    items: *mut RawStream,
) -> RawReply {
    // SAFETY: as in `send_with`, and the items are null or handed over; their maker stays loaded as long as `SentItems` has its lease.
    let (asked, parent, options, items) = unsafe {
        (
            Asked::new(context, payload),
            parent_of(parent),
            read(&*options),
            ForeignStream::taken(items),
        )
    };
    let items = match items.map(|items| SentItems::new(items, &asked.mapping)) {
        None => None,
        Some(Some(items)) => Some(Box::pin(items) as DataStream),
        Some(None) => return answer_now(Err(closed("router"))),
    };
    let target = match known(target) {
        Ok(target) => target,
        Err(failure) => return answer_now(Err(failure)),
    };
    let Asked { mapping, data } = asked;
    stream_later(mapping, "router", |services| {
        services.stream(parent, target, name.as_str(), data, options, items)
    })
}

unsafe extern "C" fn broadcast(
    context: *const (),
    parent: *const (),
    name: RStr<'_>,
    payload: *mut RawPayload,
    options: *const RawTaskOptions<'_>,
) -> RawReply {
    // SAFETY: as in `send_with`.
    let (asked, parent, options) = unsafe {
        (
            Asked::new(context, payload),
            parent_of(parent),
            read(&*options),
        )
    };
    let Asked { mapping, data } = asked;
    stream_later(mapping, "router", |services| {
        let answers = services.broadcast(parent, name.as_str(), data, options)?;
        Ok(Box::pin(Paired {
            answers,
            next: None,
        }))
    })
}

/// A task that a plugin asks for.
struct Asked {
    mapping: Arc<Mapping>,
    data: Data,
}

impl Asked {
    /// # Safety
    /// `context` must be ours, and the payload handed over.
    unsafe fn new(context: *const (), payload: *mut RawPayload) -> Self {
        // SAFETY: the caller's promise.
        let (mapping, payload) =
            unsafe { (Mapping::claim(context), Handed::new(&*payload).take()) };
        let data = Data::from_payload(payload, &mapping);
        Self { mapping, data }
    }

    fn send(
        self,
        parent: Option<&dyn Task>,
        target: u32,
        name: RStr<'_>,
        options: SendOptions,
    ) -> RawReply {
        let target = match known(target) {
            Ok(target) => target,
            Err(failure) => return answer_now(Err(failure)),
        };
        let Self { mapping, data } = self;
        answer_later(mapping, "router", |services| {
            services.send(parent, target, name.as_str(), data, options)
        })
    }
}

/// # Safety
/// `parent` must be null, or the task of a call that has not returned, or a claim.
unsafe fn parent_of<'a>(parent: *const ()) -> Option<&'a dyn Task> {
    // SAFETY: the caller's promise.
    (!parent.is_null()).then(|| unsafe { Slot::task(parent) })
}

fn known(target: u32) -> Result<Target, Failure> {
    match target {
        target::ROUTE => Ok(Target::Route),
        target::AGENT => Ok(Target::Agent),
        target::PLUGIN => Ok(Target::Plugin),
        other => {
            let message = format!("this host knows no target {other} of a task: update it");
            Err(Failure::new(kind::INVALID_INPUT, message))
        }
    }
}

fn read(options: &RawTaskOptions<'_>) -> SendOptions {
    let limited = options.remaining != u64::MAX;
    let key = options.key.as_ref().into_option();
    let labels = options.labels.iter();
    SendOptions {
        time: limited.then(|| Duration::from_nanos(options.remaining)),
        idempotent: options.flags & FLAG_IDEMPOTENT != 0,
        key: key.map(|key| Bytes::copy_from_slice(key.as_slice())),
        labels: labels
            .map(|label| (label.name.to_string(), label.value.to_string()))
            .collect(),
    }
}

/// Each answer as two items: who, and what.
struct Paired {
    answers: AgentAnswers,
    /// What was answered by whom was named last.
    next: Option<Outcome>,
}

impl Stream for Paired {
    type Item = Outcome;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        if let Some(answer) = self.next.take() {
            return Poll::Ready(Some(answer));
        }
        let answer = std::task::ready!(self.answers.as_mut().poll_next(cx));
        Poll::Ready(answer.map(
            |AgentAnswer {
                 agent,
                 name,
                 answer,
             }| {
                self.next = Some(answer);
                Ok(Data {
                    bytes: answers::write(agent, &name).into(),
                    content_type: "".into(),
                })
            },
        ))
    }
}

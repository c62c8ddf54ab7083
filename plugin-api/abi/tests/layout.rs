//! The seam's types in memory, in numbers: what a compiled plugin relies on, and so may never change after a release.
//!
//! A test that fails here says that plugins compiled before no longer fit; the numbers are not to be adjusted to the code,
//! but for a field appended to a prefix type. Each list names all fields of its type, or it does not compile.

#![cfg(all(
    target_pointer_width = "64",
    not(any(feature = "seam-older", feature = "seam-newer"))
))]

use std::mem::offset_of;

use abi_stable::std_types::{ROption, RStr, RString, RVec};
use agentsys_abi::bridge::{Failure, Payload};
use agentsys_abi::call::{
    FutureOps, FutureOpsRef, HANDLER_ADDED, HANDLER_PROCESS, RawCall, RawFuture, RawNext, RawPoll,
    RawReply, RawStream, StreamOps, StreamOpsRef,
};
use agentsys_abi::error::{FLAG_POISONED, FLAG_RETRYABLE, RawError, kind};
use agentsys_abi::host::{
    FLAG_IDEMPOTENT, HostApi, HostApiRef, LogApi, LogApiRef, MetricsApi, MetricsApiRef, RawHost,
    RawLabel, RawRouteOptions, RawTaskOptions, RouterApi, RouterApiRef, StorageApi, StorageApiRef,
    TaskApi, TaskApiRef, metric, target,
};
use agentsys_abi::module::{PluginModule, PluginModuleRef};
use agentsys_abi::payload::{OWNER_WORDS, PayloadOps, PayloadOpsRef, RawPayload};
use agentsys_abi::routing::{
    AgentsOps, AgentsOpsRef, RawAgent, RawAgents, RawOutcome, RawSeenError, RawSelection, RawTask,
    RawVerdict, outcome, verdict,
};
use agentsys_abi::threads::{Destructor, ThreadApi, ThreadApiRef, ThreadBody};
use agentsys_abi::waker::{RawWaker, WakerOps, WakerOpsRef};

/// The size and alignment of a type, and the offset of each of its fields.
macro_rules! layout {
    ($type:ident$(<$lifetime:lifetime>)?, size $size:literal, align $align:literal, $($field:ident at $offset:literal),+) => {{
        let _all_fields = |it: $type$(<$lifetime>)?| {
            let $type { $($field: _),+ } = it;
        };
        type It = $type$(<$lifetime>)?;
        let name = stringify!($type);
        assert_eq!((size_of::<It>(), align_of::<It>()), ($size, $align), "{name}");
        $(assert_eq!(offset_of!(It, $field), $offset, "{name}.{}", stringify!($field));)+
    }};
}

/// The size and alignment of a type without fields to see.
macro_rules! whole {
    ($($type:ty, size $size:literal, align $align:literal);+) => {
        $(assert_eq!((size_of::<$type>(), align_of::<$type>()), ($size, $align), stringify!($type));)+
    };
}

#[test]
fn structs_that_cross_by_value_are_frozen() {
    layout!(RawCall, size 120, align 8, task at 0, task_id at 8, hops at 16, handler at 20, payload at 24, items at 112);
    layout!(RawFuture, size 16, align 8, data at 0, ops at 8);
    layout!(RawStream, size 16, align 8, data at 0, ops at 8);
    layout!(RawError, size 72, align 8, kind at 0, flags at 4, message at 8, causes at 40);
    layout!(RawHost, size 16, align 8, context at 0, api at 8);
    layout!(
        RawPayload, size 88, align 8,
        data at 0, len at 8, content_type at 16, content_type_len at 24, owner at 32, ops at 80
    );
    layout!(
        RawTaskOptions<'static>, size 56, align 8,
        remaining at 0, flags at 8, key at 16, labels at 40
    );
    layout!(
        RawRouteOptions<'static>, size 32, align 8,
        weight at 0, flags at 4, max_concurrent at 8, labels at 16
    );
    layout!(RawLabel<'static>, size 32, align 8, name at 0, value at 16);
    layout!(RawWaker, size 16, align 8, data at 0, ops at 8);
    layout!(RawTask<'static>, size 40, align 8, task at 0, task_id at 8, hops at 16, route at 24);
    layout!(RawAgents, size 24, align 8, data at 0, count at 8, ops at 16);
    layout!(
        RawAgent<'static>, size 48, align 8,
        id at 0, in_flight at 8, latency at 16, weight at 24, name at 32
    );
    layout!(
        RawOutcome<'static>, size 48, align 8,
        code at 0, attempts at 4, duration at 8, agent at 16, payload at 32, error at 40
    );
    layout!(
        RawSeenError<'static>, size 40, align 8,
        kind at 0, flags at 4, message at 8, causes at 24
    );
    assert_eq!(OWNER_WORDS, 6);
    whole!(Destructor, size 8, align 8; ThreadBody, size 8, align 8);
}

#[test]
fn enums_that_cross_by_value_are_a_tag_of_one_byte_and_then_the_content() {
    whole!(RawReply, size 96, align 8; RawPoll, size 96, align 8; RawNext, size 96, align 8);
    let payload = || Payload::new(bytes::Bytes::from_static(b"x"), "").into_raw();
    let failure = || RawError::from(Failure::new(kind::FAILED, "x"));

    let reply = RawReply::Ok(payload());
    let RawReply::Ok(content) = &reply else {
        unreachable!()
    };
    assert_eq!((tag(&reply), apart(&reply, content)), (0, 8));
    let reply = RawReply::Err(failure());
    let RawReply::Err(content) = &reply else {
        unreachable!()
    };
    assert_eq!((tag(&reply), apart(&reply, content)), (1, 8));
    let reply = RawReply::Pending(RawFuture::new(Box::pin(std::future::pending())));
    let RawReply::Pending(content) = &reply else {
        unreachable!()
    };
    assert_eq!((tag(&reply), apart(&reply, content)), (2, 8));
    let reply = RawReply::Stream(RawStream::new(Ended));
    let RawReply::Stream(content) = &reply else {
        unreachable!()
    };
    assert_eq!((tag(&reply), apart(&reply, content)), (3, 8));

    assert_eq!(tag(&RawPoll::Pending), 0);
    let poll = RawPoll::Ok(payload());
    let RawPoll::Ok(content) = &poll else {
        unreachable!()
    };
    assert_eq!((tag(&poll), apart(&poll, content)), (1, 8));
    let poll = RawPoll::Err(failure());
    let RawPoll::Err(content) = &poll else {
        unreachable!()
    };
    assert_eq!((tag(&poll), apart(&poll, content)), (2, 8));

    whole!(RawSelection, size 80, align 8; RawVerdict, size 96, align 8);
    let future = || RawFuture::new(Box::pin(std::future::pending()));
    let selection = RawSelection::Agent(7);
    let RawSelection::Agent(content) = &selection else {
        unreachable!()
    };
    assert_eq!((tag(&selection), apart(&selection, content)), (0, 8));
    assert_eq!(tag(&RawSelection::Nobody), 1);
    let selection = RawSelection::Later(future());
    let RawSelection::Later(content) = &selection else {
        unreachable!()
    };
    assert_eq!((tag(&selection), apart(&selection, content)), (2, 8));
    let selection = RawSelection::Err(failure());
    let RawSelection::Err(content) = &selection else {
        unreachable!()
    };
    assert_eq!((tag(&selection), apart(&selection, content)), (3, 8));

    assert_eq!(tag(&RawVerdict::Continue), 0);
    for (number, verdict) in [
        (1, RawVerdict::Annotate(payload())),
        (2, RawVerdict::Answer(payload())),
        (3, RawVerdict::Refuse(failure())),
        (4, RawVerdict::Later(future())),
    ] {
        let content = match &verdict {
            RawVerdict::Annotate(it) | RawVerdict::Answer(it) => apart(&verdict, it),
            RawVerdict::Refuse(it) => apart(&verdict, it),
            RawVerdict::Later(it) => apart(&verdict, it),
            RawVerdict::Continue => unreachable!(),
        };
        assert_eq!((tag(&verdict), content), (number, 8));
    }

    assert_eq!((tag(&RawNext::Pending), tag(&RawNext::End)), (0, 3));
    let next = RawNext::Item(payload());
    let RawNext::Item(content) = &next else {
        unreachable!()
    };
    assert_eq!((tag(&next), apart(&next, content)), (1, 8));
    let next = RawNext::Err(failure());
    let RawNext::Err(content) = &next else {
        unreachable!()
    };
    assert_eq!((tag(&next), apart(&next, content)), (2, 8));
}

struct Ended;

impl futures_core::Stream for Ended {
    type Item = agentsys_abi::bridge::Answer;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(None)
    }
}

#[test]
fn vtables_grow_only_at_their_end() {
    layout!(FutureOps, size 24, align 8, poll at 0, release at 8, code at 16);
    layout!(AgentsOps, size 24, align 8, at at 0, label at 8, label_at at 16);
    layout!(StreamOps, size 16, align 8, poll_next at 0, release at 8);
    layout!(PayloadOps, size 16, align 8, claim at 0, release at 8);
    layout!(WakerOps, size 32, align 8, claim at 0, wake at 8, wake_by_ref at 16, release at 24);
    layout!(
        HostApi, size 56, align 8,
        log at 0, task at 8, router at 16, threads at 24, storage at 32, metrics at 40, plugin_name at 48
    );
    layout!(LogApi, size 16, align 8, max_level at 0, write at 8);
    layout!(
        TaskApi, size 64, align 8,
        claim at 0, release at 8, remaining at 16, is_cancelled at 24, key at 32, label at 40, label_at at 48, traceparent at 56
    );
    layout!(
        RouterApi, size 56, align 8,
        send at 0, add_route at 8, remove_route at 16, send_with at 24, open_stream at 32, broadcast at 40, add_route_with at 48
    );
    layout!(StorageApi, size 32, align 8, get at 0, put at 8, delete at 16, scan at 24);
    layout!(MetricsApi, size 16, align 8, register at 0, update at 8);
    layout!(
        ThreadApi, size 56, align 8,
        at_exit at 0, key_created at 8, key_deleted at 16, start at 24, value_set at 32, signal_handled at 40, reports at 48
    );
    layout!(
        PluginModule, size 128, align 8,
        bind at 0, describe at 8, check_config at 16, create at 24, initialize at 32, invoke at 40, cleanup at 48,
        destroy at 56, close at 64, set_log_level at 72, blocking_threads at 80, save_state at 88, restore_state at 96,
        select_agent at 104, before_task at 112, after_task at 120
    );
}

#[test]
fn vtables_are_handed_over_as_one_pointer() {
    whole!(
        FutureOpsRef, size 8, align 8;
        AgentsOpsRef, size 8, align 8;
        StreamOpsRef, size 8, align 8;
        PayloadOpsRef, size 8, align 8;
        WakerOpsRef, size 8, align 8;
        HostApiRef, size 8, align 8;
        LogApiRef, size 8, align 8;
        TaskApiRef, size 8, align 8;
        RouterApiRef, size 8, align 8;
        ThreadApiRef, size 8, align 8;
        StorageApiRef, size 8, align 8;
        MetricsApiRef, size 8, align 8;
        PluginModuleRef, size 8, align 8
    );
}

#[test]
fn abi_stables_own_types_are_those_that_the_seam_was_built_on() {
    whole!(
        RStr<'_>, size 16, align 8;
        RString, size 32, align 8;
        RVec<RString>, size 32, align 8;
        ROption<RawError>, size 80, align 8;
        ROption<Destructor>, size 16, align 8
    );
}

#[test]
fn codes_keep_their_numbers() {
    assert_eq!(
        [
            kind::FAILED,
            kind::INVALID_INPUT,
            kind::NOT_FOUND,
            kind::TIMEOUT,
            kind::UNAVAILABLE,
            kind::OVERLOADED,
            kind::CANCELLED,
            kind::PANICKED,
            kind::NOT_RUNNING,
            kind::INTERNAL,
            kind::LOOP_DETECTED,
        ],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    );
    assert_eq!((FLAG_RETRYABLE, FLAG_POISONED, FLAG_IDEMPOTENT), (1, 2, 1));
    assert_eq!(
        [verdict::CONTINUE, verdict::ANNOTATE, verdict::ANSWER],
        [0, 1, 2]
    );
    assert_eq!(
        [outcome::ANSWERED, outcome::FAILED, outcome::STREAMED],
        [0, 1, 2]
    );
    assert_eq!([HANDLER_ADDED, HANDLER_PROCESS], [0x8000_0000, 0xffff_ffff]);
    assert_eq!([target::ROUTE, target::AGENT, target::PLUGIN], [0, 1, 2]);
    assert_eq!(
        [metric::COUNTER, metric::GAUGE, metric::HISTOGRAM],
        [0, 1, 2]
    );
    assert_eq!([metric::ADD, metric::SET, metric::RECORD], [0, 1, 2]);
}

/// The first byte of an enum.
fn tag<T>(of: &T) -> u8 {
    // SAFETY: the seam's enums are `repr(u8)`: their first byte is the tag, and initialized.
    unsafe { *std::ptr::from_ref(of).cast::<u8>() }
}

/// How many bytes after the enum's its content begins.
fn apart<T, C>(of: &T, content: &C) -> usize {
    std::ptr::from_ref(content).addr() - std::ptr::from_ref(of).addr()
}

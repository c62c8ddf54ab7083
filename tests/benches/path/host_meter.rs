//! The host's own counter of calls, from its very source, since the host shows no other way to it.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "of the source, a part is used here"
)]

use std::collections::BTreeMap;

#[path = "../../../host/core/src/metrics/calls.rs"]
pub(crate) mod calls;

#[derive(Debug)]
pub(crate) struct CallMetrics {
    pub(crate) calls: u64,
    pub(crate) errors: BTreeMap<&'static str, u64>,
    pub(crate) latency: agentsys_router::Summary,
}

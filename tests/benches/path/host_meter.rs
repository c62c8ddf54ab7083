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
#[path = "../../../host/core/src/metrics/sketch.rs"]
mod sketch;

#[derive(Debug)]
pub(crate) struct CallMetrics {
    pub(crate) calls: u64,
    pub(crate) errors: BTreeMap<&'static str, u64>,
    pub(crate) latency: Summary,
}

#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) min: Option<f64>,
    pub(crate) p50: Option<f64>,
    pub(crate) p90: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) p999: Option<f64>,
    pub(crate) max: Option<f64>,
}

//! What plugins count and measure, as they call it.

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::RStr;
use agentsys_abi::bridge::catch;
use agentsys_abi::host::{MetricsApi, MetricsApiRef, metric};

use crate::mapping::Mapping;
use crate::services::{MetricKind, MetricUpdate};

pub(super) const API: MetricsApiRef =
    MetricsApiRef(const { &WithMetadata::new(MetricsApi { register, update }) }.static_as_prefix());

unsafe extern "C" fn register(context: *const (), kind: u32, name: RStr<'_>) -> u64 {
    let kind = match kind {
        metric::COUNTER => MetricKind::Counter,
        metric::GAUGE => MetricKind::Gauge,
        metric::HISTOGRAM => MetricKind::Histogram,
        _ => return 0,
    };
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::of(context) };
    let number = catch(|| {
        let services = mapping.services()?;
        Some(services.register_metric(kind, name.as_str()))
    });
    number.ok().flatten().unwrap_or(0)
}

unsafe extern "C" fn update(context: *const (), metric: u64, operation: u32, value: f64) {
    let update = match operation {
        metric::ADD => MetricUpdate::Add(value),
        metric::SET => MetricUpdate::Set(value),
        metric::RECORD => MetricUpdate::Record(value),
        _ => return,
    };
    // SAFETY: the seam: `context` is ours.
    let mapping = unsafe { Mapping::of(context) };
    let _ = catch(|| {
        if let Some(services) = mapping.services() {
            services.update_metric(metric, update);
        }
    });
}

//! What a plugin counts and measures. The host keeps the figures, beside those that it counts of each plugin by itself: calls, errors by kind, latency.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use abi_stable::std_types::RStr;
use agentsys_abi::host::metric;

use crate::host::Host;

/// The plugin's metrics. The same name is the same metric, in every instance.
///
/// A name is 1 to 64 of `a` to `z`, `0` to `9` and `_`; one of another form, or taken by another kind, is measured nowhere, and the host's log says so
/// once.
#[derive(Clone, Copy)]
pub struct Metrics<'a>(&'a Host);

/// The numbers that the host gave, so that it is asked once for each name.
#[derive(Default)]
pub(crate) struct Registered(Mutex<HashMap<(u32, String), u64>>);

impl<'a> Metrics<'a> {
    pub(crate) fn new(host: &'a Host) -> Self {
        Self(host)
    }

    /// A number that only grows.
    #[must_use]
    pub fn counter(&self, name: &str) -> Counter {
        Counter(self.metric(metric::COUNTER, name))
    }

    /// A number that goes up and down.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Gauge {
        Gauge(self.metric(metric::GAUGE, name))
    }

    /// Many values, whose spread matters.
    #[must_use]
    pub fn histogram(&self, name: &str) -> Histogram {
        Histogram(self.metric(metric::HISTOGRAM, name))
    }

    /// Measures how long something takes, until the guard is dropped: in seconds, into the histogram of that name.
    #[must_use = "what is measured ends when this is dropped"]
    pub fn measure(&self, name: &str) -> Measured {
        Measured {
            histogram: self.histogram(name),
            began: Instant::now(),
        }
    }

    fn metric(&self, kind: u32, name: &str) -> Metric {
        let mut numbers = (self.0.registered().0)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let number = match numbers.get(&(kind, name.to_owned())) {
            Some(number) => *number,
            None => {
                let raw = self.0.raw();
                // SAFETY: the context is valid (`Host::new`'s promise).
                let number =
                    unsafe { (raw.api.metrics().register())(raw.context, kind, RStr::from(name)) };
                numbers.insert((kind, name.to_owned()), number);
                number
            }
        };
        Metric {
            host: self.0.clone(),
            number,
        }
    }
}

impl fmt::Debug for Metrics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metrics(of {})", self.0.plugin_name())
    }
}

#[derive(Clone)]
struct Metric {
    host: Host,
    number: u64,
}

impl Metric {
    fn update(&self, operation: u32, value: f64) {
        let raw = self.host.raw();
        // SAFETY: the context is valid (`Host::new`'s promise).
        unsafe { (raw.api.metrics().update())(raw.context, self.number, operation, value) }
    }
}

/// A number that only grows. Cheap to keep and to clone.
#[derive(Clone)]
pub struct Counter(Metric);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        #[allow(clippy::cast_precision_loss, reason = "nobody adds 2^53 at once")]
        self.0.update(metric::ADD, more as f64);
    }
}

/// A number that goes up and down. Cheap to keep and to clone.
#[derive(Clone)]
pub struct Gauge(Metric);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.0.update(metric::SET, value);
    }

    /// Adds to it; what is negative takes away.
    pub fn add(&self, more: f64) {
        self.0.update(metric::ADD, more);
    }
}

/// Many values, whose spread matters. Cheap to keep and to clone.
#[derive(Clone)]
pub struct Histogram(Metric);

impl Histogram {
    /// One more value.
    pub fn record(&self, value: f64) {
        self.0.update(metric::RECORD, value);
    }

    /// One more time, in seconds.
    pub fn record_duration(&self, took: Duration) {
        self.record(took.as_secs_f64());
    }
}

/// Measures how long it lives.
#[derive(Debug)]
pub struct Measured {
    histogram: Histogram,
    began: Instant,
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.histogram.record_duration(self.began.elapsed());
    }
}

macro_rules! debug {
    ($($type:ident),+) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}(of {})", stringify!($type), self.0.host.plugin_name())
            }
        }
    )+};
}

debug!(Counter, Gauge, Histogram);

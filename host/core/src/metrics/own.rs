//! What plugins measure themselves: counters, gauges and histograms by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use agentsys_loader::{MetricKind, MetricUpdate};
use agentsys_router::Sketch;

use super::Metric;

/// The metrics that one plugin registered. A metric's number is its place, counted from 1.
#[derive(Debug, Default)]
pub(crate) struct OwnMetrics(RwLock<Vec<Named>>);

#[derive(Debug)]
struct Named {
    name: String,
    figure: Figure,
}

#[derive(Debug)]
enum Figure {
    Counter(Number),
    Gauge(Number),
    Histogram(Sketch),
}

/// However many names a plugin makes up.
const MOST: usize = 1_000;

/// Why a metric is measured nowhere.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0:?} is no name for a metric: 1 to 64 of a to z, 0 to 9 and _")]
    Name(String),
    #[error("{0} is measured as another kind already")]
    Kind(String),
    #[error("{0} is one metric too many: a plugin has at most {MOST}")]
    TooMany(String),
}

impl OwnMetrics {
    /// The number of a metric, the same for the same name.
    pub(crate) fn register(&self, kind: MetricKind, name: &str) -> Result<u64, Refused> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(Refused::Name(name.chars().take(64).collect()));
        }
        let mut metrics = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let number = |at: usize| at as u64 + 1;
        if let Some(at) = metrics.iter().position(|metric| metric.name == name) {
            if metrics[at].figure.kind() != kind {
                return Err(Refused::Kind(name.to_owned()));
            }
            return Ok(number(at));
        }
        if metrics.len() == MOST {
            return Err(Refused::TooMany(name.to_owned()));
        }
        metrics.push(Named {
            name: name.to_owned(),
            figure: Figure::new(kind),
        });
        Ok(number(metrics.len() - 1))
    }

    /// Updates a metric by its number; one that is none, or an operation that is not of its kind, changes nothing.
    pub(crate) fn update(&self, metric: u64, update: MetricUpdate) {
        let metrics = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(metric)
            .ok()
            .and_then(|metric| metric.checked_sub(1));
        let Some(metric) = at.and_then(|at| metrics.get(at)) else {
            return;
        };
        match (&metric.figure, update) {
            (Figure::Counter(number), MetricUpdate::Add(more)) if more > 0.0 => number.add(more),
            (Figure::Gauge(number), MetricUpdate::Add(more)) => number.add(more),
            (Figure::Gauge(number), MetricUpdate::Set(value)) => number.set(value),
            (Figure::Histogram(sketch), MetricUpdate::Record(value)) => sketch.add(value),
            _ => {}
        }
    }

    pub(crate) fn snapshot(&self) -> BTreeMap<String, Metric> {
        let metrics = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let figures = metrics.iter().map(|metric| {
            let figure = match &metric.figure {
                Figure::Counter(number) => Metric::Counter(number.get()),
                Figure::Gauge(number) => Metric::Gauge(number.get()),
                Figure::Histogram(sketch) => Metric::Histogram(sketch.summary()),
            };
            (metric.name.clone(), figure)
        });
        figures.collect()
    }
}

impl Figure {
    fn new(kind: MetricKind) -> Self {
        match kind {
            MetricKind::Counter => Self::Counter(Number::default()),
            MetricKind::Histogram => Self::Histogram(Sketch::default()),
            MetricKind::Gauge => Self::Gauge(Number::default()),
        }
    }

    fn kind(&self) -> MetricKind {
        match self {
            Self::Counter(_) => MetricKind::Counter,
            Self::Gauge(_) => MetricKind::Gauge,
            Self::Histogram(_) => MetricKind::Histogram,
        }
    }
}

/// A number that many threads change. What would make it no finite number changes nothing.
#[derive(Debug, Default)]
struct Number(AtomicU64);

impl Number {
    fn add(&self, more: f64) {
        let sum = |bits| Some(f64::from_bits(bits) + more).filter(|sum| sum.is_finite());
        let _ = self
            .0
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
                sum(bits).map(f64::to_bits)
            });
    }

    fn set(&self, value: f64) {
        if value.is_finite() {
            self.0.store(value.to_bits(), Ordering::Relaxed);
        }
    }

    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_the_same_metric_and_keeps_its_kind() {
        let metrics = OwnMetrics::default();
        let rows = metrics.register(MetricKind::Counter, "rows").unwrap();
        assert_eq!(metrics.register(MetricKind::Counter, "rows"), Ok(rows));
        assert_eq!(
            metrics.register(MetricKind::Gauge, "rows"),
            Err(Refused::Kind("rows".to_owned()))
        );
        assert!(matches!(
            metrics.register(MetricKind::Gauge, "Rows!"),
            Err(Refused::Name(_))
        ));
        metrics.update(rows, MetricUpdate::Add(2.0));
        metrics.update(rows, MetricUpdate::Add(-1.0));
        metrics.update(rows, MetricUpdate::Set(9.0));
        metrics.update(0, MetricUpdate::Add(1.0));
        metrics.update(7, MetricUpdate::Add(1.0));
        assert_eq!(metrics.snapshot()["rows"], Metric::Counter(2.0));
    }

    #[test]
    fn a_gauge_goes_up_and_down_and_a_histogram_spreads() {
        let metrics = OwnMetrics::default();
        let open = metrics.register(MetricKind::Gauge, "open").unwrap();
        let took = metrics.register(MetricKind::Histogram, "took").unwrap();
        metrics.update(open, MetricUpdate::Set(5.0));
        metrics.update(open, MetricUpdate::Add(-2.0));
        metrics.update(open, MetricUpdate::Add(f64::NAN));
        (1..=100).for_each(|ms| metrics.update(took, MetricUpdate::Record(f64::from(ms) / 1e3)));
        metrics.update(took, MetricUpdate::Record(f64::INFINITY));
        let snapshot = metrics.snapshot();
        assert_eq!(snapshot["open"], Metric::Gauge(3.0));
        let Metric::Histogram(took) = &snapshot["took"] else {
            panic!("{snapshot:?}")
        };
        assert_eq!(
            (took.count, took.min, took.max),
            (100, Some(0.001), Some(0.1))
        );
        let p50 = took.p50.unwrap();
        assert!((p50 - 0.05).abs() < 0.001, "{p50}");
    }

    #[test]
    fn names_are_bounded() {
        let metrics = OwnMetrics::default();
        for number in 0..MOST {
            metrics
                .register(MetricKind::Counter, &format!("m{number}"))
                .unwrap();
        }
        let refused = metrics.register(MetricKind::Counter, "more");
        assert_eq!(refused, Err(Refused::TooMany("more".to_owned())));
    }
}

//! How values are spread, in little memory however many they are.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use sketches_ddsketch::{Config, DDSketch};

use super::Summary;

/// How many values are spread, in a few kilobytes at most.
pub struct Sketch(Mutex<DDSketch>);

impl Default for Sketch {
    fn default() -> Self {
        // 1 % off at most, and at most 2048 bins; the tiniest value told from 0 is a nanosecond.
        Self(Mutex::new(DDSketch::new(Config::new(0.01, 2048, 1e-9))))
    }
}

impl Sketch {
    /// One more value; what is no finite number is no value.
    pub fn add(&self, value: f64) {
        if value.is_finite() {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .add(value);
        }
    }

    /// How they are spread.
    pub fn summary(&self) -> Summary {
        let sketch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A sketch's quantiles may stand a little outside of what there was.
        let within = |value: f64| match (sketch.min(), sketch.max()) {
            (Some(min), Some(max)) => value.clamp(min, max),
            _ => value,
        };
        let quantile = |q: f64| sketch.quantile(q).ok().flatten().map(within);
        Summary {
            count: sketch.count() as u64,
            sum: sketch.sum().unwrap_or(0.0),
            min: sketch.min(),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: sketch.max(),
        }
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sketch({:?})", self.summary())
    }
}

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
        let count = sketch.count();
        // Of so many values, the least that `q` of them do not exceed. The sketch's own rank is rounded down, so that of few values the greatest would never be one.
        let quantile = |q: f64| {
            let rank = (q * count as f64).ceil().max(1.0);
            if rank >= count as f64 {
                return sketch.max();
            }
            let own = (rank - 0.5) / (count as f64 - 1.0);
            sketch.quantile(own).ok().flatten().map(within)
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_few_values_are_not_exceeded_by_more_than_they_say() {
        for count in [1_u32, 2, 3, 8, 100, 999, 1000, 1001] {
            let sketch = Sketch::default();
            (1..=count).for_each(|value| sketch.add(f64::from(value)));
            let summary = sketch.summary();
            let quantiles = [
                (0.5, summary.p50),
                (0.9, summary.p90),
                (0.99, summary.p99),
                (0.999, summary.p999),
            ];
            for (q, value) in quantiles {
                let exact = (q * f64::from(count)).ceil();
                let value = value.unwrap();
                let off = (value - exact).abs() / exact;
                assert!(off <= 0.011, "{q} of {count}: {value} for {exact}");
            }
        }
        assert_eq!(Sketch::default().summary().p50, None);
    }
}

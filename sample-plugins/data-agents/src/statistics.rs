//! Mean, deviation and percentiles of a column.
//!
//! Sums are compensated and the deviation is taken in two passes, so that small differences
//! between large values survive. Where a value is infinite, what pandas and numpy answer is
//! followed: a figure that they call infinite or NaN is absent, since JSON can write neither.

/// The figures of some numbers. Each is `None` where it does not exist or is not finite.
#[derive(Debug, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) mean: Option<f64>,
    /// The sample deviation: over n - 1.
    pub(crate) std: Option<f64>,
    pub(crate) min: Option<f64>,
    pub(crate) quartiles: [Option<f64>; 3],
    pub(crate) max: Option<f64>,
}

impl Statistics {
    /// Computes the figures. No value may be NaN.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        let mean = sum(values.iter().copied()) / values.len() as f64;
        let std = deviation(&values, mean);
        values.sort_unstable_by(f64::total_cmp);
        Statistics {
            mean: finite(mean),
            std: finite(std),
            min: values.first().copied().and_then(finite),
            quartiles: [0.25, 0.5, 0.75].map(|share| finite(percentile(&values, share)?)),
            max: values.last().copied().and_then(finite),
        }
    }
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

/// Neumaier's compensated sum.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() {
            (sum - next) + value
        } else {
            (value - next) + sum
        };
        sum = next;
    }
    // Past an infinity the compensation is NaN.
    if sum.is_finite() { sum + lost } else { sum }
}

fn deviation(values: &[f64], mean: f64) -> f64 {
    let n = values.len() as f64;
    let squares = sum(values.iter().map(|value| (value - mean).powi(2)));
    // What the rounding of the mean added.
    let shift = sum(values.iter().map(|value| value - mean));
    ((squares - shift * shift / n) / (n - 1.0)).sqrt()
}

/// Linear interpolation between the two nearest of the sorted values, with numpy's rounding, and
/// like numpy NaN where an infinity is one of the two and the other differs in the arithmetic.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = last as f64 * share;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    let fraction = place - below as f64;

    let step = sorted[above] - sorted[below];
    Some(if fraction < 0.5 {
        sorted[below] + step * fraction
    } else {
        sorted[above] - step * (1.0 - fraction)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Statistics = Statistics {
        mean: None,
        std: None,
        min: None,
        quartiles: [None; 3],
        max: None,
    };

    #[test]
    fn no_value_has_no_figures() {
        assert_eq!(Statistics::of(vec![]), NONE);
    }

    #[test]
    fn one_value_has_no_deviation() {
        let expected = Statistics {
            mean: Some(4.0),
            std: None,
            min: Some(4.0),
            quartiles: [Some(4.0); 3],
            max: Some(4.0),
        };
        assert_eq!(Statistics::of(vec![4.0]), expected);
    }

    #[test]
    fn what_large_values_cancel_is_not_lost() {
        let statistics = Statistics::of(vec![1e16, 1.0, -1e16]);
        assert_eq!(statistics.mean, Some(1.0 / 3.0));
    }

    #[test]
    fn the_deviation_is_exact_where_the_mean_must_be_rounded() {
        // The mean lies between `low` and its neighbour, where there is no float.
        let (low, step) = (1e12, 2.0_f64.powi(-13));
        let statistics = Statistics::of(vec![low, low, low, low + 2.0 * step]);
        assert_eq!(statistics.std, Some(step));
    }

    #[test]
    fn infinite_figures_are_absent() {
        let statistics = Statistics::of(vec![f64::INFINITY, 2.0, 1.0]);
        let expected = Statistics {
            min: Some(1.0),
            quartiles: [Some(1.5), None, None],
            ..NONE
        };
        assert_eq!(statistics, expected);
    }

    #[test]
    fn a_sum_past_the_largest_float_has_no_mean() {
        let statistics = Statistics::of(vec![f64::MAX, f64::MAX]);
        assert_eq!(statistics.mean, None);
        assert_eq!(statistics.max, Some(f64::MAX));
    }
}

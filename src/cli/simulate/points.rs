//! What the curves of a picture are made of: of many samples the least and the greatest.

use crate::sim::Statistics;
use crate::time::Duration;

/// Points of a picture, at most.
const POINTS_MAX: usize = 1_200;

/// The least and the greatest of something.
pub type Extremes = (f64, f64);

/// A host during a part of the run, for the plot: a spike of one sample is not lost between two points.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Its end, since the beginning, in seconds.
    pub at_s: f64,
    /// The true error, in seconds; not a number where it is not known.
    pub error_s: Extremes,
    /// The offset from the master as the discipline had it, in seconds; not a number where it had none.
    pub offset_s: Extremes,
    /// The published bound, in seconds; infinite where there was none.
    pub bound_s: Extremes,
    /// The frequency correction in ppb.
    pub frequency_ppb: Extremes,
}

/// What was sampled, one behind the other; all of one length.
#[derive(Clone, Copy, Debug)]
pub struct Curves<'a> {
    /// The true errors in seconds; not numbers where they are not known.
    pub errors: &'a [f64],
    /// The offsets from the master in seconds, as the discipline had them.
    pub offsets: &'a [f64],
    /// The bounds in seconds; infinite where there was none.
    pub bounds: &'a [f64],
    /// The frequency corrections in ppb.
    pub frequencies: &'a [f64],
}

impl<'a> Curves<'a> {
    /// Of a simulated clock.
    pub fn of(statistics: &'a Statistics) -> Self {
        Self {
            errors: statistics.errors(),
            offsets: statistics.offsets(),
            bounds: statistics.bounds(),
            frequencies: statistics.frequencies(),
        }
    }
}

/// Samples that are `sample` apart, the first of them that long after `begins`, as points.
pub fn points(curves: &Curves<'_>, sample: Duration, begins: Duration) -> Vec<Point> {
    let count = curves.errors.len();
    let each = count.div_ceil(POINTS_MAX).max(1);
    let part = |values: &[f64], from: usize| extremes(&values[from..(from + each).min(count)]);
    let point = |from: usize| {
        let bound_s = part(curves.bounds, from);
        let end = (from + each).min(count);
        Point {
            at_s: begins.as_secs_f64() + end as f64 * sample.as_secs_f64(),
            error_s: part(curves.errors, from),
            // Whose time is not bounded has no offset from anybody.
            offset_s: if bound_s.0.is_finite() { part(curves.offsets, from) } else { NOTHING },
            bound_s,
            frequency_ppb: part(curves.frequencies, from),
        }
    };
    (0..count).step_by(each).map(point).collect()
}

/// Of no number at all.
const NOTHING: Extremes = (f64::INFINITY, f64::INFINITY);

/// Of those that are finite: where some are missing, the rest is worth a curve.
fn extremes(values: &[f64]) -> Extremes {
    let numbers = values.iter().copied().filter(|x| x.is_finite()).map(|x| (x, x));
    numbers.reduce(|(least, most), (x, _)| (least.min(x), most.max(x))).unwrap_or(NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_has_the_least_and_the_greatest_of_its_part() {
        let mut errors = vec![1.0; 2 * POINTS_MAX];
        (errors[4], errors[7]) = (9.0, -5.0);
        let mut bounds = vec![f64::INFINITY; errors.len()];
        bounds[7] = 2.0;
        let curves = Curves { errors: &errors, offsets: &errors, bounds: &bounds, frequencies: &errors };
        let points = points(&curves, Duration::SECOND, Duration::from_secs(60));
        assert_eq!(points.len(), POINTS_MAX);
        assert_eq!((points[2].error_s, points[2].bound_s), ((1.0, 9.0), NOTHING));
        assert_eq!((points[3].error_s, points[3].bound_s, points[3].offset_s), ((-5.0, 1.0), (2.0, 2.0), (-5.0, 1.0)));
        assert_eq!(points[0].at_s.to_bits(), 62.0_f64.to_bits());
        assert!(
            super::points(
                &Curves { errors: &[], offsets: &[], bounds: &[], frequencies: &[] },
                Duration::SECOND,
                Duration::ZERO
            )
            .is_empty()
        );
    }
}

//! True errors of a clock, sampled on a fixed grid of true time.
//!
//! RMS with the mean not removed, the greatest magnitude, and percentiles of the magnitude, as the figures of other
//! daemons are made: `x = clock - truth` at `t = k / R`. Beside each error stands the bound that was published then: one
//! without the other says nothing. What the errors say of stability is in `stability`.

use crate::sharing::TimeSnapshot;
use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// The most samples of one statistic: 36 h at 8 a second.
pub const SAMPLES_MAX: usize = 1 << 20;

/// What was published when a true error was sampled.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Told {
    /// The bound, if there was one.
    pub bound: Option<Duration>,
    /// The offset from the master, as the discipline had it.
    pub offset_from_master: Duration,
    /// The frequency correction.
    pub frequency: FrequencyPpb,
}

/// See the module's text.
#[derive(Clone, Default, Debug)]
pub struct Statistics {
    errors: Vec<f64>,
    bounds: Vec<f64>,
    offsets: Vec<f64>,
    frequencies: Vec<f64>,
    sum_of_squares: f64,
    sum: f64,
    left_out: u64,
}

impl Statistics {
    /// One sample.
    pub fn push(&mut self, error: Duration) {
        self.push_told(error, Told::default());
    }

    /// One sample, and what was published then.
    pub(super) fn push_told(&mut self, error: Duration, told: Told) {
        if self.errors.len() >= SAMPLES_MAX {
            self.left_out += 1;
            return;
        }
        let seconds = error.as_secs_f64();
        self.errors.push(seconds);
        self.sum += seconds;
        self.sum_of_squares += seconds * seconds;
        self.bounds.push(told.bound.map_or(f64::INFINITY, Duration::as_secs_f64));
        self.offsets.push(told.offset_from_master.as_secs_f64());
        self.frequencies.push(told.frequency.ppb());
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// How many did not fit ([`SAMPLES_MAX`]).
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The errors in seconds, in their order.
    pub fn errors(&self) -> &[f64] {
        &self.errors
    }

    /// Root mean square in seconds; 0 of none.
    pub fn rms(&self) -> f64 {
        if self.is_empty() { 0.0 } else { (self.sum_of_squares / self.len() as f64).sqrt() }
    }

    /// Mean in seconds; 0 of none.
    pub fn mean(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.sum / self.len() as f64 }
    }

    /// The greatest magnitude in seconds; 0 of none.
    pub fn greatest(&self) -> f64 {
        self.errors.iter().map(|x| x.abs()).fold(0.0, |greatest, x| if x > greatest { x } else { greatest })
    }

    /// The least magnitude that a `share` of all samples does not exceed, in seconds; 0 of none.
    pub fn percentile(&self, share: f64) -> f64 {
        rank(self.errors.iter().map(|x| x.abs()).collect(), share)
    }

    /// The bounds that were published for them in seconds, in the same order; infinite where there was none.
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// The offsets from the master in seconds as they were published, in the same order.
    pub fn offsets(&self) -> &[f64] {
        &self.offsets
    }

    /// The frequency corrections in ppb as they were published, in the same order.
    pub fn frequencies(&self) -> &[f64] {
        &self.frequencies
    }
}

fn rank(mut all: Vec<f64>, share: f64) -> f64 {
    all.sort_by(f64::total_cmp);
    let rank = (share * all.len() as f64) as usize;
    all.get(rank.min(all.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// The published bounds beside them: how wide, and how much of that is the path's part.
#[derive(Clone, Default, Debug)]
pub struct BoundStatistics {
    /// Of the whole.
    pub total: Statistics,
    /// Of what an asymmetry of the path can hide.
    pub path: Statistics,
    /// Of the mean path delay, one way.
    pub mean_path_delay: Statistics,
}

impl BoundStatistics {
    /// How tight the bound was: the median bound less half of the mean path delay, which two-way messages cannot tell from
    /// an asymmetry, over the 99.9th percentile of the true error.
    pub fn tightness(&self, errors: &Statistics) -> f64 {
        (self.total.percentile(0.5) - self.mean_path_delay.percentile(0.5) / 2.0) / errors.percentile(0.999)
    }

    /// The same with all that is published as the path's part taken off: half of the round trip while the asymmetry is not
    /// calibrated.
    pub fn tightness_without_path(&self, errors: &Statistics) -> f64 {
        (self.total.percentile(0.5) - self.path.percentile(0.5)) / errors.percentile(0.999)
    }

    /// One sample of what is published when the stamping clock reads `local`; none while nothing is bounded.
    pub(super) fn push(&mut self, published: &TimeSnapshot, local: Timestamp<Local>) {
        if published.is_bounded {
            self.total.push(published.bound_at(local).greatest_error());
            self.path.push(published.parts.path);
            self.mean_path_delay.push(published.mean_path_delay);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_definition() {
        let mut statistics = Statistics::default();
        assert_eq!((statistics.rms(), statistics.percentile(0.99)), (0.0, 0.0));
        for millis in 1..=100 {
            statistics.push(Duration::from_millis(if millis % 2 == 0 { millis } else { -millis }));
        }
        // Sum of the squares of 1 to 100 is 338350.
        assert!((statistics.rms() - 3_383.5_f64.sqrt() * 1e-3).abs() < 1e-12);
        assert!((statistics.mean() - 0.5e-3).abs() < 1e-12);
        assert!((statistics.greatest() - 0.1).abs() < 1e-12);
        assert!((statistics.percentile(0.99) - 0.1).abs() < 1e-12);
        assert!((statistics.percentile(0.5) - 0.051).abs() < 1e-12);
    }
}

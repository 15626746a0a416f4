//! The arithmetic of the verdict: pure functions of what was sampled.

use serde::{Deserialize, Serialize};

use crate::scenario::Clock;

/// RMS below this is not told apart, in ns: the clocks count whole nanoseconds, and the difference of two such
/// readings is uncertain by 1/sqrt(6) of one.
pub const RESOLUTION_NS: f64 = 0.41;

/// The true errors at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// Seconds after the contender's start.
    pub at: f64,
    /// The PHCs from `phv1` on ahead of the master's, in ns; those of odd ports are the contender's.
    pub phcs_ns: Vec<f64>,
    /// CLOCK_REALTIME ahead of the master's UTC, in ns; `None` within the leap second, where UTC has no number.
    pub system_ns: Option<f64>,
}

impl Sample {
    /// The error of a clock, in ns.
    pub fn error_ns(&self, clock: Clock) -> Option<f64> {
        match clock {
            Clock::Phc(port) => self.phcs_ns.get((port as usize).checked_sub(1)?).copied(),
            Clock::System => self.system_ns,
        }
    }
}

/// The errors in a window.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Stats {
    /// How many samples.
    pub samples: u64,
    /// Their mean, in ns.
    pub mean_ns: f64,
    /// Root of the mean square, in ns.
    pub rms_ns: f64,
    /// The greatest, in ns.
    pub max_ns: f64,
}

impl Stats {
    /// Of errors in ns.
    pub fn of(errors: impl Iterator<Item = f64>) -> Self {
        let (mut samples, mut sum, mut squares, mut max_ns) = (0_u64, 0.0, 0.0, 0.0_f64);
        for error in errors {
            samples += 1;
            sum += error;
            squares += error * error;
            max_ns = max_ns.max(error.abs());
        }
        let count = samples.max(1) as f64;
        Self { samples, mean_ns: sum / count, rms_ns: (squares / count).sqrt(), max_ns }
    }

    /// Of one clock's errors about `mean_ns` in a window.
    pub fn in_window(samples: &[Sample], clock: Clock, (from, to): (f64, f64), mean_ns: f64) -> Self {
        let inside = samples.iter().filter(|sample| (from..=to).contains(&sample.at));
        Self::of(inside.filter_map(|sample| sample.error_ns(clock)).map(|error| error - mean_ns))
    }
}

/// Ours over theirs, both at least [`RESOLUTION_NS`].
pub fn ratio_of_rms(ours_ns: f64, theirs_ns: f64) -> f64 {
    ours_ns.max(RESOLUTION_NS) / theirs_ns.max(RESOLUTION_NS)
}

/// From when on the error stays at or below a limit until `to`; `None` if the last sample is above.
pub fn locked_at(samples: &[Sample], clock: Clock, limit_ns: f64, to: f64) -> Option<f64> {
    let inside: Vec<_> = samples.iter().filter(|sample| sample.at <= to).collect();
    let is_above = |sample: &&&Sample| sample.error_ns(clock).is_some_and(|error| error.abs() > limit_ns);
    match inside.iter().rposition(|sample| is_above(&sample)) {
        Some(last) => inside.get(last + 1).map(|sample| sample.at),
        None => inside.first().map(|sample| sample.at),
    }
}

/// How long the error was above a limit from a moment on, in seconds: each sample stands for the time until the next.
pub fn outage_s(samples: &[Sample], clock: Clock, limit_ns: f64, from: f64) -> f64 {
    let pairs = samples.windows(2).filter(|pair| pair[0].at >= from);
    let outside = pairs.filter(|pair| pair[0].error_ns(clock).is_some_and(|error| error.abs() > limit_ns));
    outside.fold(0.0, |sum, pair| sum + (pair[1].at - pair[0].at))
}

/// The rate between two samples, in ppb.
pub fn drift_ppb(first: (f64, f64), last: (f64, f64)) -> f64 {
    (last.1 - first.1) / (last.0 - first.0)
}

/// What a bound was claimed to be, and what was true just before and just after the daemon was asked.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Claim {
    /// Seconds after the contender's start.
    pub at: f64,
    /// The claim, in ns.
    pub bound_ns: f64,
    /// The true error before, in ns.
    pub before_ns: f64,
    /// The true error after, in ns.
    pub after_ns: f64,
}

/// Claims held against the truth.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// How many were made.
    pub made: u64,
    /// How many were lies: the truth was outside before and after.
    pub lies: u64,
    /// The greatest error as a part of the bound that was claimed for it.
    pub worst: f64,
    /// The mean bound, in ns.
    pub mean_bound_ns: f64,
}

impl Claims {
    /// Of claims; those within `grace` seconds after one of `faults` are not counted as lies.
    pub fn of(claims: &[Claim], faults: &[f64], grace: f64) -> Self {
        let mut found = Self { made: claims.len() as u64, ..Self::default() };
        for claim in claims {
            found.mean_bound_ns += claim.bound_ns / claims.len() as f64;
            if faults.iter().any(|fault| (*fault..*fault + grace).contains(&claim.at)) {
                continue;
            }
            let error = claim.before_ns.abs().min(claim.after_ns.abs());
            found.lies += u64::from(error > claim.bound_ns);
            found.worst = found.worst.max(error / claim.bound_ns.max(1e-3));
        }
        found
    }
}

#[cfg(test)]
mod tests;

//! Fractional frequency.

use std::fmt;
use std::ops::{Add, Neg, Sub};

use super::Duration;
use crate::coding::Coded;

/// A fractional frequency offset in parts per 10^9. Positive runs fast.
///
/// As a reading it is what a clock does; as a command it is what is added to what the clock does.
#[derive(Clone, Copy, PartialEq, PartialOrd, Default, Debug, Coded)]
pub struct FrequencyPpb(f64);

impl FrequencyPpb {
    /// Exactly right.
    pub const ZERO: Self = Self(0.0);

    /// From parts per 10^9.
    pub const fn new(ppb: f64) -> Self {
        Self(ppb)
    }

    /// From parts per million.
    pub fn from_ppm(ppm: f64) -> Self {
        Self(ppm * 1e3)
    }

    /// From a ratio: 1e-9 is one ppb.
    pub fn from_ratio(ratio: f64) -> Self {
        Self(ratio * 1e9)
    }

    /// Parts per 10^9.
    pub const fn ppb(self) -> f64 {
        self.0
    }

    /// Parts per million.
    pub fn ppm(self) -> f64 {
        self.0 / 1e3
    }

    /// As a ratio: one ppb is 1e-9.
    pub fn ratio(self) -> f64 {
        self.0 * 1e-9
    }

    /// Without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// Limited to `-limit..=limit`.
    #[must_use]
    pub fn clamp(self, limit: Self) -> Self {
        // `f64::clamp` panics where the limit is no number.
        let most = limit.0.abs();
        Self(if self.0 > most {
            most
        } else if self.0 < -most {
            -most
        } else {
            self.0
        })
    }

    /// False for NaN and the infinities, which no servo may ever pass on.
    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    /// How far a clock of this frequency runs off in `elapsed`: `elapsed * ratio`.
    pub fn drift(self, elapsed: Duration) -> Duration {
        elapsed.scaled(self.ratio())
    }
}

impl Add for FrequencyPpb {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for FrequencyPpb {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for FrequencyPpb {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl fmt::Display for FrequencyPpb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.abs() >= 1e3 { write!(f, "{:+.3} ppm", self.ppm()) } else { write!(f, "{:+.1} ppb", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ppm_drifts_a_microsecond_a_second() {
        let drift = FrequencyPpb::from_ppm(1.0).drift(Duration::SECOND);
        assert!((drift - Duration::from_micros(1)).abs() < Duration::from_nanos(1));
    }

    #[test]
    fn clamps_on_both_sides() {
        let limit = FrequencyPpb::new(10.0);
        assert_eq!(FrequencyPpb::new(-11.0).clamp(limit), -limit);
        assert_eq!(FrequencyPpb::new(11.0).clamp(limit), limit);
    }
}

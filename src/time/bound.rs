//! How wrong a time may be at most.

use std::fmt;
use std::ops::Add;

use super::{Duration, FrequencyPpb};
use crate::coding::Coded;

/// The greatest error that a published time may have: the truth lies within plus or minus this.
///
/// Never negative. [`ErrorBound::UNBOUNDED`] says that nothing is known, and every sum with it stays so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Coded)]
pub struct ErrorBound(Duration);

impl ErrorBound {
    /// Nothing is known.
    pub const UNBOUNDED: Self = Self(Duration::MAX);
    /// Exact.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// From the greatest error; the sign does not matter.
    pub const fn new(greatest_error: Duration) -> Self {
        Self(greatest_error.abs())
    }

    /// The greatest error, [`Duration::MAX`] if unbounded.
    pub const fn greatest_error(self) -> Duration {
        self.0
    }

    /// Whether anything is known at all.
    pub fn is_bounded(self) -> bool {
        self.0 != Duration::MAX
    }

    /// Whether an error lies inside.
    pub fn contains(self, error: Duration) -> bool {
        error.abs() <= self.0
    }

    /// The bound `age` later, when the clock may drift by `drift_rate` unseen. A negative age does not shrink it.
    #[must_use]
    pub fn aged(self, age: Duration, drift_rate: FrequencyPpb) -> Self {
        Self(self.0 + drift_rate.abs().drift(age.max(Duration::ZERO)))
    }
}

impl Add for ErrorBound {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl fmt::Display for ErrorBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unbounded_swallows_everything() {
        let sum = ErrorBound::UNBOUNDED + ErrorBound::new(Duration::SECOND);
        assert!(!sum.is_bounded());
        assert!(sum.contains(Duration::MAX));
    }

    #[test]
    fn grows_with_age_and_never_shrinks() {
        let bound = ErrorBound::new(Duration::from_micros(-10));
        let ppm = FrequencyPpb::from_ppm(-1.0);
        assert!(bound.aged(Duration::from_secs(10), ppm) > bound);
        assert_eq!(bound.aged(Duration::from_secs(-10), ppm), bound);
    }
}

//! Differences of instants: 2^-16 ns in `i128`, saturating.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use super::{TICKS_PER_NS, TICKS_PER_S};
use crate::coding::Coded;

/// A signed difference of two instants, in ticks of 2^-16 ns.
///
/// Exact for nanoseconds and for PTP's correctionField. All arithmetic saturates at [`Duration::MIN`] and
/// [`Duration::MAX`] (about 8.2e16 years), so no input from a network can make it wrap or panic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Coded)]
pub struct Duration(i128);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest duration; stands for "unbounded" in error bounds.
    pub const MAX: Self = Self(i128::MAX);
    /// The most negative duration.
    pub const MIN: Self = Self(i128::MIN);
    /// One second.
    pub const SECOND: Self = Self(TICKS_PER_S);

    /// From ticks of 2^-16 ns.
    pub const fn from_ticks(ticks: i128) -> Self {
        Self(ticks)
    }

    /// From whole nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos as i128 * TICKS_PER_NS)
    }

    /// From whole microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros as i128 * 1_000 * TICKS_PER_NS)
    }

    /// From whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis as i128 * 1_000_000 * TICKS_PER_NS)
    }

    /// From whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds as i128 * TICKS_PER_S)
    }

    /// From seconds, rounded towards zero to 2^-16 ns; saturates, and NaN gives zero.
    ///
    /// An `f64` carries 53 bits: exact to a tick only below about 1.4e2 s. For corrections, not for epochs.
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self(to_ticks(seconds * TICKS_PER_S as f64))
    }

    /// Ticks of 2^-16 ns.
    pub const fn ticks(self) -> i128 {
        self.0
    }

    /// Whole nanoseconds, rounded towards minus infinity; saturates at the range of `i64` (292 years).
    pub const fn as_nanos(self) -> i64 {
        let nanos = self.0.div_euclid(TICKS_PER_NS);
        if nanos > i64::MAX as i128 {
            i64::MAX
        } else if nanos < i64::MIN as i128 {
            i64::MIN
        } else {
            nanos as i64
        }
    }

    /// Seconds as a float: 2^-16 ns below 137 s, a relative 1.1e-16 above.
    pub fn as_secs_f64(self) -> f64 {
        to_f64(self.0) / TICKS_PER_S as f64
    }

    /// Without its sign; saturates.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Half of it, rounded towards minus infinity.
    #[must_use]
    pub const fn half(self) -> Self {
        Self(self.0 >> 1)
    }

    /// `self * factor`; saturates.
    #[must_use]
    pub const fn times(self, factor: i64) -> Self {
        Self(self.0.saturating_mul(factor as i128))
    }

    /// `self * factor`, rounded towards zero; saturates, and a NaN factor gives zero.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self(to_ticks(to_f64(self.0) * factor))
    }

    /// The larger of the two.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Ord::max(self, other)
    }

    /// The smaller of the two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Ord::min(self, other)
    }

    /// True below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// As `std`'s duration for timeouts of system calls: negative becomes zero, saturates at `u64` seconds.
    pub fn to_std(self) -> std::time::Duration {
        let ticks = self.0.max(0);
        let seconds = u64::try_from(ticks / TICKS_PER_S).unwrap_or(u64::MAX);
        std::time::Duration::new(seconds, ((ticks % TICKS_PER_S) / TICKS_PER_NS) as u32)
    }
}

impl Add for Duration {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(sum(self.0, other.0))
    }
}

impl Sub for Duration {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(difference(self.0, other.0))
    }
}

impl AddAssign for Duration {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Duration {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Duration {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Three significant digits in the unit that a reader expects: `840 ns`, `-1.24 us`, `12.5 s`, `unbounded`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::MAX || *self == Self::MIN {
            return f.pad("unbounded");
        }
        let nanos = self.0 as f64 / TICKS_PER_NS as f64;
        let (value, unit) = match nanos.abs() {
            n if n < 1e3 => (nanos, "ns"),
            n if n < 1e6 => (nanos / 1e3, "us"),
            n if n < 1e9 => (nanos / 1e6, "ms"),
            _ => (nanos / 1e9, "s"),
        };
        let digits = match value.abs() {
            v if v >= 100.0 || v == 0.0 => 0,
            v if v >= 10.0 => 1,
            _ => 2,
        };
        f.pad(&format!("{value:.digits$} {unit}"))
    }
}

/// `a + b`; saturates. As [`i128::saturating_add`], which chooses between the two results each time, in ten instructions: here three look whether there
/// is anything to choose.
#[inline]
pub(super) fn sum(a: i128, b: i128) -> i128 {
    a.checked_add(b).unwrap_or_else(|| limit(b < 0))
}

/// `a - b`; saturates.
#[inline]
pub(super) fn difference(a: i128, b: i128) -> i128 {
    a.checked_sub(b).unwrap_or_else(|| limit(b >= 0))
}

#[cold]
#[inline(never)]
fn limit(is_low: bool) -> i128 {
    if is_low { i128::MIN } else { i128::MAX }
}

/// Ticks as a float. Below 39 hours they fit into 64 bits, which one instruction converts; 128 bits take a hundred.
fn to_f64(ticks: i128) -> f64 {
    i64::try_from(ticks).map_or_else(|_| wide_to_f64(ticks), |ticks| ticks as f64)
}

/// Apart, or the compiler makes the two ways one: the slow one.
#[cold]
#[inline(never)]
fn wide_to_f64(ticks: i128) -> f64 {
    ticks as f64
}

/// A float as ticks, rounded towards zero; saturates, and NaN gives zero.
fn to_ticks(ticks: f64) -> i128 {
    const FITS: f64 = 9.0e18;
    if ticks.abs() < FITS { i128::from(ticks as i64) } else { ticks as i128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nanosecond_and_every_tick_is_exact() {
        assert_eq!(Duration::from_nanos(1).ticks(), 65_536);
        assert_eq!(Duration::from_ticks(1) + Duration::from_ticks(65_535), Duration::from_nanos(1));
        assert_eq!(Duration::from_nanos(i64::MAX).as_nanos(), i64::MAX);
        assert_eq!(Duration::from_ticks(-1).as_nanos(), -1, "rounds towards minus infinity");
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Duration::MAX + Duration::SECOND, Duration::MAX);
        assert_eq!(Duration::MIN - Duration::SECOND, Duration::MIN);
        assert_eq!(Duration::MIN + -Duration::SECOND, Duration::MIN);
        assert_eq!(Duration::MAX - -Duration::SECOND, Duration::MAX);
        assert_eq!(Duration::ZERO - Duration::MIN, Duration::MAX);
        assert_eq!(-Duration::MIN, Duration::MAX);
        assert_eq!(Duration::MIN.abs(), Duration::MAX);
        assert_eq!(Duration::MAX.times(2), Duration::MAX);
        assert_eq!(Duration::from_secs_f64(f64::INFINITY), Duration::MAX);
        assert_eq!(Duration::from_secs_f64(f64::NAN), Duration::ZERO);
    }

    #[test]
    fn prints_in_the_unit_a_reader_expects() {
        let shown = |nanos| Duration::from_nanos(nanos).to_string();
        assert_eq!(shown(0), "0 ns");
        assert_eq!(shown(840), "840 ns");
        assert_eq!(shown(-1_240), "-1.24 us");
        assert_eq!(shown(12_500_000), "12.5 ms");
        assert_eq!(shown(12_500_000_000), "12.5 s");
        assert_eq!(Duration::MAX.to_string(), "unbounded");
    }

    #[test]
    fn timeouts_are_never_negative() {
        assert_eq!(Duration::from_secs(-3).to_std(), std::time::Duration::ZERO);
        assert_eq!(Duration::from_millis(1_500).to_std(), std::time::Duration::from_millis(1_500));
    }
}

//! Instants, each on a scale that its type names.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::{Add, Sub};

use super::duration::{difference, sum};
use super::{Duration, TICKS_PER_NS, TICKS_PER_S};
use crate::coding::{Coded, Decoder, Encoder, Malformed, layout};

/// A timescale: what an instant's number counts.
pub trait Scale: 'static {
    /// The scale's short name, for debug output.
    const NAME: &'static str;
}

/// International Atomic Time since 1970-01-01 00:00:00 TAI: the PTP timescale (IEEE 1588-2019 7.2.1).
pub enum Tai {}
/// UTC as POSIX counts it since 1970-01-01: leap seconds do not count.
pub enum Utc {}
/// A clock's own reading, whatever its epoch: a raw PHC, CLOCK_REALTIME, a grandmaster of the ARB timescale.
pub enum Local {}
/// CLOCK_MONOTONIC: for timers and ages, never for time of day.
pub enum Mono {}

impl Scale for Tai {
    const NAME: &'static str = "TAI";
}
impl Scale for Utc {
    const NAME: &'static str = "UTC";
}
impl Scale for Local {
    const NAME: &'static str = "local";
}
impl Scale for Mono {
    const NAME: &'static str = "mono";
}

/// An instant on scale `S`, in ticks of 2^-16 ns since the scale's epoch.
///
/// Two instants subtract only on one scale:
///
/// ```compile_fail
/// use synchronome::time::{Tai, Timestamp, Utc};
/// let _ = Timestamp::<Utc>::from_secs(0) - Timestamp::<Tai>::from_secs(0);
/// ```
pub struct Timestamp<S>(i128, PhantomData<S>);

impl<S> Timestamp<S> {
    /// The epoch of the scale.
    pub const EPOCH: Self = Self(0, PhantomData);

    /// From ticks of 2^-16 ns since the epoch.
    pub const fn from_ticks(ticks: i128) -> Self {
        Self(ticks, PhantomData)
    }

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i128) -> Self {
        Self(nanos.saturating_mul(TICKS_PER_NS), PhantomData)
    }

    /// From whole seconds since the epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds as i128 * TICKS_PER_S, PhantomData)
    }

    /// From seconds and nanoseconds, as in a `timespec`.
    pub const fn from_parts(seconds: i64, nanos: u32) -> Self {
        Self(seconds as i128 * TICKS_PER_S + nanos as i128 * TICKS_PER_NS, PhantomData)
    }

    /// Ticks of 2^-16 ns since the epoch.
    pub const fn ticks(self) -> i128 {
        self.0
    }

    /// Whole nanoseconds since the epoch, rounded towards minus infinity.
    pub const fn nanos(self) -> i128 {
        self.0.div_euclid(TICKS_PER_NS)
    }

    /// Whole seconds since the epoch, rounded towards minus infinity; saturates at `i64`.
    pub const fn seconds(self) -> i64 {
        let seconds = self.0.div_euclid(TICKS_PER_S);
        if seconds > i64::MAX as i128 {
            i64::MAX
        } else if seconds < i64::MIN as i128 {
            i64::MIN
        } else {
            seconds as i64
        }
    }

    /// Nanoseconds within the second, 0..=999 999 999.
    pub const fn subsec_nanos(self) -> u32 {
        (self.0.rem_euclid(TICKS_PER_S) / TICKS_PER_NS) as u32
    }

    /// The same number on another scale.
    ///
    /// This is a statement about meaning, not a conversion: for example that a grandmaster of the ARB timescale is
    /// taken as UTC. Between TAI and UTC use [`TaiUtc`](super::TaiUtc).
    pub const fn read_as<T>(self) -> Timestamp<T> {
        Timestamp(self.0, PhantomData)
    }
}

// By hand, because a derive would ask the same of `S`, which is never a value.
impl<S> Clone for Timestamp<S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Timestamp<S> {}
impl<S> PartialEq for Timestamp<S> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<S> Eq for Timestamp<S> {}
impl<S> PartialOrd for Timestamp<S> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<S> Ord for Timestamp<S> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<S> Hash for Timestamp<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<S> Coded for Timestamp<S> {
    const LAYOUT: u64 = layout("Timestamp", &[("ticks", i128::LAYOUT)]);
    fn encode(&self, out: &mut Encoder) {
        out.signed(self.0);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        from.signed().map(Self::from_ticks)
    }
}

impl<S> Sub for Timestamp<S> {
    type Output = Duration;
    #[inline]
    fn sub(self, other: Self) -> Duration {
        Duration::from_ticks(difference(self.0, other.0))
    }
}

impl<S> Add<Duration> for Timestamp<S> {
    type Output = Self;
    #[inline]
    fn add(self, by: Duration) -> Self {
        Self(sum(self.0, by.ticks()), PhantomData)
    }
}

impl<S> Sub<Duration> for Timestamp<S> {
    type Output = Self;
    #[inline]
    fn sub(self, by: Duration) -> Self {
        Self(difference(self.0, by.ticks()), PhantomData)
    }
}

impl<S: Scale> fmt::Debug for Timestamp<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {self}", S::NAME)
    }
}

/// Seconds with nine decimals: `1700000000.000000001`.
impl<S> fmt::Display for Timestamp<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.nanos();
        let sign = if nanos < 0 { "-" } else { "" };
        let nanos = nanos.unsigned_abs();
        write!(f, "{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_as_they_went_in() {
        for (seconds, nanos) in [(0, 0), (1_700_000_000, 999_999_999), (-1, 1), (4_294_967_296, 5)] {
            let at = Timestamp::<Utc>::from_parts(seconds, nanos);
            assert_eq!((at.seconds(), at.subsec_nanos()), (seconds, nanos));
        }
    }

    #[test]
    fn differences_are_exact_far_from_the_epoch() {
        let a = Timestamp::<Tai>::from_parts(4_000_000_000, 1);
        let b = a + Duration::from_ticks(1);
        assert_eq!(b - a, Duration::from_ticks(1));
        assert_eq!(a - b, -Duration::from_ticks(1));
    }

    #[test]
    fn instants_before_the_epoch_print_with_their_sign() {
        assert_eq!(Timestamp::<Local>::from_nanos(-1_500_000_000).to_string(), "-1.500000000");
        assert_eq!(format!("{:?}", Timestamp::<Utc>::from_secs(3)), "UTC 3.000000000");
    }
}

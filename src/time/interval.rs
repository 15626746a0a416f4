//! Message intervals as powers of two.

use super::Duration;
use crate::coding::Coded;

/// log2 of a message interval in seconds, as PTP's logMessageInterval carries it.
///
/// Any `i8` can arrive from the network; [`LogInterval::clamped`] brings it into what we act on,
/// 2^-10 s to 2^22 s, the range that linuxptp accepts too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Coded)]
pub struct LogInterval(i8);

impl LogInterval {
    /// The shortest interval that we act on: 2^-10 s.
    pub const MIN: Self = Self(-10);
    /// The longest interval that we act on: 2^22 s.
    pub const MAX: Self = Self(22);
    /// 0x7F: "not stated", in Delay_Req and in unicast messages (IEEE 1588-2019 13.3.2.14).
    pub const UNSTATED: Self = Self(0x7f);

    /// log2 of seconds, as on the wire.
    pub const fn new(log2_seconds: i8) -> Self {
        Self(log2_seconds)
    }

    /// log2 of seconds, as on the wire.
    pub const fn log2_seconds(self) -> i8 {
        self.0
    }

    /// Limited to the range that we act on; [`UNSTATED`](Self::UNSTATED) is `None`.
    pub fn clamped(self) -> Option<Self> {
        (self != Self::UNSTATED).then(|| self.clamp(Self::MIN, Self::MAX))
    }

    /// The interval as a duration; exact. Values outside the range that we act on are limited to it.
    pub fn duration(self) -> Duration {
        let exponent = self.0.clamp(Self::MIN.0, Self::MAX.0);
        if exponent >= 0 {
            Duration::from_secs(1 << exponent)
        } else {
            Duration::from_ticks(Duration::SECOND.ticks() >> -exponent)
        }
    }

    /// The same for a precision, which may be far below a nanosecond: 2^-45 s to 2^32 s.
    pub fn exact(self) -> Duration {
        let exponent = self.0.clamp(-45, 32);
        if exponent >= 0 {
            Duration::from_secs(1 << exponent)
        } else {
            Duration::from_ticks(Duration::SECOND.ticks() >> -exponent)
        }
    }

    /// The nearest power of two to a duration (in the ratio), limited to the range that we act on.
    pub fn nearest(interval: Duration) -> Self {
        let mut best = Self::MIN;
        while best < Self::MAX {
            let next = Self(best.0 + 1);
            // The geometric middle of 2^n and 2^(n+1) is 2^n * sqrt 2.
            if interval < best.duration().scaled(std::f64::consts::SQRT_2) {
                break;
            }
            best = next;
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_exact() {
        assert_eq!(LogInterval::new(0).duration(), Duration::SECOND);
        assert_eq!(LogInterval::new(-3).duration(), Duration::from_millis(125));
        assert_eq!(LogInterval::new(4).duration(), Duration::from_secs(16));
    }

    #[test]
    fn absurd_values_from_the_network_are_limited() {
        assert_eq!(LogInterval::new(-128).duration(), LogInterval::MIN.duration());
        assert_eq!(LogInterval::new(100).clamped(), Some(LogInterval::MAX));
        assert_eq!(LogInterval::UNSTATED.clamped(), None);
    }

    #[test]
    fn nearest_finds_the_power_again() {
        for log in -10..=22 {
            let interval = LogInterval::new(log);
            assert_eq!(LogInterval::nearest(interval.duration()), interval);
            assert_eq!(LogInterval::nearest(interval.duration().scaled(1.2)), interval);
        }
    }
}

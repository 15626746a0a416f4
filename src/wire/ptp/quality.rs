//! What a clock says of its own quality.

use std::fmt;

use crate::coding::Coded;
use crate::time::Duration;

/// clockClass, clockAccuracy and offsetScaledLogVariance (IEEE 1588-2019 5.3.7).
#[doc(alias = "clockQuality")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
pub struct ClockQuality {
    /// Traceability: 6 locked to a primary reference, 7 its holdover, 248 default, 255 slave only (7.6.2.5, table 4).
    pub clock_class: u8,
    /// How far the clock may be off (7.6.2.6, table 5).
    pub clock_accuracy: ClockAccuracy,
    /// 2^8 times the log2 of the PTP variance in s^2, plus 0x8000; 0xFFFF is "not computed" (7.6.3.5).
    pub offset_scaled_log_variance: u16,
}

/// clockAccuracy: a class of how far the clock may be off (IEEE 1588-2019 7.6.2.6, table 5).
#[doc(alias = "clockAccuracy")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Coded)]
pub struct ClockAccuracy(pub u8);

impl ClockAccuracy {
    /// "Unknown".
    pub const UNKNOWN: Self = Self(0xfe);

    /// The accuracy that the class promises, rounded up to 2^-16 ns.
    ///
    /// `1 ps` at 0x17, then `2.5 ps`, `10 ps`, `25 ps`, ... `1 s` at 0x2F and `10 s` at 0x30. `None` promises nothing:
    /// 0x31 ("greater than 10 s"), 0xFE ("unknown"), the reserved values and the profiles' own.
    pub fn bound(self) -> Option<Duration> {
        const FIRST: u8 = 0x17;
        const LAST: u8 = 0x30;
        if self.0 == LAST {
            return Some(Duration::from_secs(10));
        }
        if !(FIRST..LAST).contains(&self.0) {
            return None;
        }
        let step = self.0 - FIRST;
        let mantissa_fs: i128 = if step.is_multiple_of(2) { 1_000 } else { 2_500 };
        let femtoseconds = mantissa_fs * 10_i128.pow(u32::from(step / 2));
        // One femtosecond is 2^16 / 10^6 ticks.
        Some(Duration::from_ticks(((femtoseconds << 16) + 999_999) / 1_000_000))
    }
}

impl ClockAccuracy {
    /// The narrowest class that promises no more than `error`; "greater than 10 s" if none does.
    pub fn covering(error: Duration) -> Self {
        const BEYOND: u8 = 0x31;
        (0x17..BEYOND).map(Self).find(|class| class.bound().is_some_and(|bound| error <= bound)).unwrap_or(Self(BEYOND))
    }
}

/// timeSource: where a grandmaster has its time from (IEEE 1588-2019 7.6.2.8, table 6). Information only.
#[doc(alias = "timeSource")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
pub struct TimeSource(pub u8);

impl TimeSource {
    /// A clock in the same room that counts atoms.
    pub const ATOMIC_CLOCK: Self = Self(0x10);
    /// A satellite receiver.
    pub const GNSS: Self = Self(0x20);
    /// A radio signal from the ground.
    pub const TERRESTRIAL_RADIO: Self = Self(0x30);
    /// A serial time code such as IRIG-B.
    pub const SERIAL_TIME_CODE: Self = Self(0x39);
    /// Another PTP domain.
    pub const PTP: Self = Self(0x40);
    /// NTP.
    pub const NTP: Self = Self(0x50);
    /// Someone typed it in.
    pub const HAND_SET: Self = Self(0x60);
    /// None of the others.
    pub const OTHER: Self = Self(0x90);
    /// Nothing but its own oscillator.
    pub const INTERNAL_OSCILLATOR: Self = Self(0xa0);
}

impl fmt::Display for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match *self {
            Self::ATOMIC_CLOCK => "atomic clock",
            Self::GNSS => "GNSS",
            Self::TERRESTRIAL_RADIO => "terrestrial radio",
            Self::SERIAL_TIME_CODE => "serial time code",
            Self::PTP => "PTP",
            Self::NTP => "NTP",
            Self::HAND_SET => "hand set",
            Self::OTHER => "other",
            Self::INTERNAL_OSCILLATOR => "internal oscillator",
            Self(number) => return write!(f, "{number:#04x}"),
        };
        f.pad(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_accuracy_promises_what_table_5_says() {
        let nanos = |value| ClockAccuracy(value).bound().unwrap();
        let table = [
            (0x1d, 1),
            (0x1f, 10),
            (0x20, 25),
            (0x21, 100),
            (0x22, 250),
            (0x23, 1_000),
            (0x24, 2_500),
            (0x25, 10_000),
            (0x26, 25_000),
            (0x27, 100_000),
            (0x28, 250_000),
            (0x29, 1_000_000),
            (0x2a, 2_500_000),
            (0x2b, 10_000_000),
            (0x2c, 25_000_000),
            (0x2d, 100_000_000),
            (0x2e, 250_000_000),
            (0x2f, 1_000_000_000),
            (0x30, 10_000_000_000),
        ];
        for (value, expected) in table {
            assert_eq!(nanos(value), Duration::from_nanos(expected), "{value:#x}");
        }
        // 65.536 ticks a picosecond, rounded up.
        let picoseconds =
            [(0x17, 66), (0x18, 164), (0x19, 656), (0x1a, 1_639), (0x1b, 6_554), (0x1c, 16_384), (0x1e, 163_840)];
        for (value, ticks) in picoseconds {
            assert_eq!(nanos(value), Duration::from_ticks(ticks), "{value:#x}");
        }
    }

    #[test]
    fn the_class_of_an_error_is_the_narrowest_that_covers_it() {
        for (nanos, class) in [(1, 0x1d), (26, 0x21), (100, 0x21), (101, 0x22), (1_000, 0x23), (40_000, 0x27)] {
            assert_eq!(ClockAccuracy::covering(Duration::from_nanos(nanos)), ClockAccuracy(class), "{nanos} ns");
        }
        assert_eq!(ClockAccuracy::covering(Duration::ZERO), ClockAccuracy(0x17));
        assert_eq!(ClockAccuracy::covering(Duration::from_secs(11)), ClockAccuracy(0x31), "no class promises it");
        assert_eq!(ClockAccuracy::covering(Duration::MAX), ClockAccuracy(0x31));
    }

    #[test]
    fn clock_accuracy_without_a_limit_promises_nothing() {
        for value in (0..0x17).chain(0x31..=0xff) {
            assert_eq!(ClockAccuracy(value).bound(), None, "{value:#x}");
        }
    }
}

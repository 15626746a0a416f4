//! NTP's two fixed-point formats, unfolded past 2036.
//!
//! A 64-bit NTP timestamp counts 2^-32 s since 1900 and wraps every 2^32 s (136 years): era 1 begins on
//! 2036-02-07 06:28:16 UTC. The obvious conversion, which subtracts the 70 years to 1970, is wrong from that second
//! on. So no conversion here goes without a *pivot*: a time known to be within 68 years of the truth (RFC 5905 6).

use super::{Duration, TICKS_PER_NS, TICKS_PER_S, Timestamp, Utc};
use crate::coding::Coded;

/// Seconds from 1900-01-01 to 1970-01-01: 70 years with 17 leap days (RFC 5905 figure 4).
pub const NTP_UNIX_OFFSET_S: i64 = 2_208_988_800;

/// A 64-bit NTP timestamp: 2^-32 s since 1900, modulo 2^32 s (RFC 5905 6).
///
/// Zero means "unset" on the wire, see [`NtpTimestamp::is_unset`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug, Coded)]
pub struct NtpTimestamp(u64);

impl NtpTimestamp {
    /// "Unset".
    pub const UNSET: Self = Self(0);

    /// From the 64 bits on the wire.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The 64 bits on the wire.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Zero: the sender had no such time.
    pub const fn is_unset(self) -> bool {
        self.0 == 0
    }

    /// The era's number of an instant, rounded to the nearest 2^-32 s.
    ///
    /// The one instant of an era that would read as "unset" becomes 2^-32 s later.
    pub fn from_utc(at: Timestamp<Utc>) -> Self {
        let since_1900 = at.ticks() + i128::from(NTP_UNIX_OFFSET_S) * TICKS_PER_S;
        let seconds = since_1900.div_euclid(TICKS_PER_S);
        let rest = since_1900.rem_euclid(TICKS_PER_S);
        let fraction = ((rest << 32) + TICKS_PER_S / 2) / TICKS_PER_S;
        let bits = ((seconds as u64) << 32).wrapping_add(fraction as u64);
        Self(if bits == 0 { 1 } else { bits })
    }

    /// The instant within 68 years of `pivot` that this number stands for; rounded to the nearest 2^-16 ns.
    pub fn to_utc(self, pivot: Timestamp<Utc>) -> Timestamp<Utc> {
        let pivot_s = i128::from(pivot.seconds()) + i128::from(NTP_UNIX_OFFSET_S);
        let seconds = i128::from(self.0 >> 32);
        // The signed distance modulo 2^32 puts it into the half era before or after the pivot.
        let distance = i128::from((seconds - pivot_s) as u32 as i32);
        let fraction = i128::from(self.0 & 0xffff_ffff);
        let ticks = (fraction * TICKS_PER_S + (1 << 31)) >> 32;
        Timestamp::from_ticks((pivot_s + distance - i128::from(NTP_UNIX_OFFSET_S)) * TICKS_PER_S + ticks)
    }

    /// `self - other` in modular arithmetic: right while the two are less than 68 years apart (RFC 5905 6).
    pub fn since(self, other: Self) -> Duration {
        let units = i128::from(self.0.wrapping_sub(other.0) as i64);
        Duration::from_ticks((units * TICKS_PER_S) >> 32)
    }
}

/// A 32-bit NTP short: 2^-16 s, 0 to 65536 s, for root delay and root dispersion (RFC 5905 6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Coded)]
pub struct NtpShort(u32);

impl NtpShort {
    /// The largest value, about 18 hours.
    pub const MAX: Self = Self(u32::MAX);

    /// From the 32 bits on the wire.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The 32 bits on the wire.
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// Rounded up to 2^-16 s, since a bound may grow but never shrink; limited to the format's range.
    pub fn from_duration_rounded_up(duration: Duration) -> Self {
        let ticks = duration.ticks().clamp(0, (i128::from(u32::MAX) * TICKS_PER_S) >> 16);
        let units = ((ticks << 16) + TICKS_PER_S - 1) / TICKS_PER_S;
        Self(u32::try_from(units).unwrap_or(u32::MAX))
    }

    /// As a duration, rounded down to 2^-16 ns.
    pub const fn to_duration(self) -> Duration {
        Duration::from_ticks((self.0 as i128 * 1_000_000_000 * TICKS_PER_NS) >> 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(seconds: i64) -> Timestamp<Utc> {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn the_unix_epoch_has_its_number_of_rfc_5905() {
        assert_eq!(NtpTimestamp::from_utc(utc(0)).to_bits() >> 32, 2_208_988_800);
    }

    #[test]
    fn era_one_begins_in_february_2036_and_reads_back() {
        let last_of_era_0 = utc(2_085_978_495);
        let first_of_era_1 = utc(2_085_978_496);
        assert_eq!(NtpTimestamp::from_utc(last_of_era_0).to_bits() >> 32, 0xffff_ffff);
        assert_eq!(NtpTimestamp::from_utc(first_of_era_1 + Duration::SECOND).to_bits() >> 32, 1);
        for at in [last_of_era_0, first_of_era_1 + Duration::SECOND, utc(2_147_483_648), utc(4_000_000_000)] {
            let pivot = at + Duration::from_secs(60 * 365 * 86_400);
            assert_eq!(NtpTimestamp::from_utc(at).to_utc(pivot), at);
        }
        assert!(!NtpTimestamp::from_utc(first_of_era_1).is_unset(), "the era's first instant is not 'unset'");
    }

    #[test]
    fn differences_cross_the_era() {
        let before = NtpTimestamp::from_utc(utc(2_085_978_490));
        let after = NtpTimestamp::from_utc(utc(2_085_978_500));
        assert_eq!(after.since(before), Duration::from_secs(10));
        assert_eq!(before.since(after), Duration::from_secs(-10));
    }

    #[test]
    fn the_format_round_trips_through_our_ticks() {
        let pivot = utc(1_800_000_000);
        for bits in [1_u64 << 63, 0xe000_0000_0000_0001, 0xe000_0000_ffff_ffff, 0xe123_4567_89ab_cdef] {
            let wire = NtpTimestamp::from_bits(bits);
            assert_eq!(NtpTimestamp::from_utc(wire.to_utc(pivot)), wire);
        }
    }

    #[test]
    fn a_short_never_understates() {
        let tiny = Duration::from_ticks(1);
        assert_eq!(NtpShort::from_duration_rounded_up(tiny).to_bits(), 1);
        assert_eq!(NtpShort::from_duration_rounded_up(Duration::SECOND).to_bits(), 65_536);
        assert_eq!(NtpShort::from_duration_rounded_up(Duration::MAX), NtpShort::MAX);
        assert_eq!(NtpShort::from_duration_rounded_up(-tiny).to_bits(), 0);
        assert!(NtpShort::from_duration_rounded_up(tiny).to_duration() >= tiny);
    }
}

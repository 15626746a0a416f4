//! The ten octets of a time on the wire.

use super::ParseError;
use crate::time::{Duration, Local, TICKS_PER_NS, TICKS_PER_S, Timestamp};
use crate::wire::octets::{Reader, Writer};

const NANOS_PER_S: u64 = 1_000_000_000;

/// A Timestamp of the standard: 48 bits of seconds and 32 of nanoseconds (IEEE 1588-2019 5.3.3).
///
/// Non-negative, to 8.9 million years; nanoseconds are always below 10^9. What its epoch is depends on the sender's
/// timescale, hence `Timestamp<Local>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct WireTimestamp {
    seconds: u64,
    nanoseconds: u32,
}

impl WireTimestamp {
    /// The epoch, also written where a time is not stated.
    pub const ZERO: Self = Self { seconds: 0, nanoseconds: 0 };
    /// The latest time that the format holds.
    pub const MAX: Self = Self { seconds: (1 << 48) - 1, nanoseconds: 999_999_999 };
    /// Octets on the wire.
    pub const LENGTH: usize = 10;

    /// From its two fields; `None` from 2^48 seconds or 10^9 nanoseconds on.
    pub const fn new(seconds: u64, nanoseconds: u32) -> Option<Self> {
        if seconds <= Self::MAX.seconds && nanoseconds <= Self::MAX.nanoseconds {
            Some(Self { seconds, nanoseconds })
        } else {
            None
        }
    }

    /// secondsField, below 2^48.
    pub const fn seconds(self) -> u64 {
        self.seconds
    }

    /// nanosecondsField, below 10^9.
    pub const fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// The instant; exact.
    pub const fn to_timestamp(self) -> Timestamp<Local> {
        Timestamp::from_ticks(self.seconds as i128 * TICKS_PER_S + self.nanoseconds as i128 * TICKS_PER_NS)
    }

    /// An instant rounded down to a nanosecond, and the rest of 0 to 1 ns (exclusive) for a correctionField.
    ///
    /// `None` before the epoch and from 2^48 seconds on.
    pub fn from_timestamp(at: Timestamp<Local>) -> Option<(Self, Duration)> {
        // In 64 bits, which reach to the year 2554: a division of 128 bits takes many times as long.
        if let Ok(nanos) = u64::try_from(at.nanos()) {
            let whole = Self { seconds: nanos / NANOS_PER_S, nanoseconds: (nanos % NANOS_PER_S) as u32 };
            return Some((whole, Duration::from_ticks(at.ticks() - i128::from(nanos) * TICKS_PER_NS)));
        }
        let seconds = u64::try_from(at.ticks().div_euclid(TICKS_PER_S)).ok()?;
        let whole = Self::new(seconds, at.subsec_nanos())?;
        Some((whole, at - whole.to_timestamp()))
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let seconds = reader.u48().ok_or(ParseError::MessageLengthBelowBody)?;
        let nanoseconds = reader.u32().ok_or(ParseError::MessageLengthBelowBody)?;
        Self::new(seconds, nanoseconds).ok_or(ParseError::Nanoseconds)
    }

    pub(super) fn write(self, writer: &mut Writer<'_>) {
        writer.u48(self.seconds);
        writer.u32(self.nanoseconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_below_a_nanosecond_is_returned_not_lost() {
        let at = Timestamp::<Local>::from_parts(1_700_000_000, 5) + Duration::from_ticks(65_535);
        let (whole, rest) = WireTimestamp::from_timestamp(at).unwrap();
        assert_eq!((whole.seconds(), whole.nanoseconds()), (1_700_000_000, 5));
        assert_eq!(rest, Duration::from_ticks(65_535));
        assert_eq!(whole.to_timestamp() + rest, at);
    }

    #[test]
    fn the_format_ends_at_the_epoch_and_at_48_bits() {
        let tick = Duration::from_ticks(1);
        let last = WireTimestamp::MAX.to_timestamp();
        assert_eq!(WireTimestamp::from_timestamp(last), Some((WireTimestamp::MAX, Duration::ZERO)));
        assert_eq!(WireTimestamp::from_timestamp(last + Duration::from_nanos(1)), None);
        assert_eq!(WireTimestamp::from_timestamp(Timestamp::EPOCH), Some((WireTimestamp::ZERO, Duration::ZERO)));
        assert_eq!(WireTimestamp::from_timestamp(Timestamp::EPOCH - tick), None);
        assert_eq!(WireTimestamp::from_timestamp(Timestamp::from_ticks(i128::MAX)), None);
        // Where the nanoseconds no longer fit 64 bits.
        for nanos in [i128::from(u64::MAX), i128::from(u64::MAX) + 1] {
            let at = Timestamp::from_ticks(nanos * TICKS_PER_NS + 7);
            let (whole, rest) = WireTimestamp::from_timestamp(at).unwrap();
            assert_eq!((whole.seconds(), rest), (18_446_744_073, Duration::from_ticks(7)));
            assert_eq!(i128::from(whole.nanoseconds()), nanos - 18_446_744_073_000_000_000);
        }
        assert_eq!(WireTimestamp::new(1 << 48, 0), None);
        assert_eq!(WireTimestamp::new(0, 1_000_000_000), None);
    }
}

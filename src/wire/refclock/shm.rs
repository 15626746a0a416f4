//! The shared memory of ntpd's driver 28: `struct shmTime`, at key 0x4e545030 ("NTP0") and the unit.
//!
//! | offset | field | |
//! |---|---|---|
//! | 0 | `int mode` | 0: `valid` alone says that a sample is there; 1: `count` changes before and after each write |
//! | 4 | `int count` | |
//! | 8 | `time_t clockTimeStampSec` | the reference's time |
//! | 16 | `int clockTimeStampUSec` | |
//! | 24 | `time_t receiveTimeStampSec` | CLOCK_REALTIME at that instant |
//! | 32 | `int receiveTimeStampUSec` | |
//! | 36 | `int leap` | |
//! | 40 | `int precision` | log2 s |
//! | 44 | `int nsamples` | not used |
//! | 48 | `int valid` | the reader may set it to 0 |
//! | 52 | `unsigned clockTimeStampNSec` | the nanoseconds, where they fit to the microseconds |
//! | 56 | `unsigned receiveTimeStampNSec` | as above |
//!
//! A writer of before the nanoseconds leaves them zero, or what was there: they count only if the microseconds are theirs.
//!
//! A write may happen while we read. The page is copied twice with a look at the counter around; only a copy whose counter stood
//! still is parsed ([`is_torn`]). We attach read-only and never reset `valid`: what is new is seen by what has changed ([`Mark`]).

use super::{ParseError, Sample, field, instant, leap};

/// The key of unit 0; that of others is so many further.
pub const KEY: i32 = 0x4e54_5030;
/// `sizeof (struct shmTime)`.
pub const SIZE: usize = 96;

const MODE: usize = 0;
const COUNT: usize = 4;
const CLOCK: (usize, usize, usize) = (8, 16, 52);
const RECEIVE: (usize, usize, usize) = (24, 32, 56);
const LEAP: usize = 36;
const PRECISION: usize = 40;
const VALID: usize = 48;
/// No reference clock is better or worse.
const PRECISIONS: std::ops::RangeInclusive<i32> = -40..=8;

/// What tells one sample from the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    count: i32,
    clock: (i64, i32),
    receive: (i64, i32),
}

fn int(octets: &[u8; SIZE], offset: usize) -> i32 {
    field(octets, offset).map_or(0, i32::from_ne_bytes)
}

fn time(octets: &[u8; SIZE], offset: usize) -> i64 {
    field(octets, offset).map_or(0, i64::from_ne_bytes)
}

/// Whether something was written between the two copies of the segment.
pub fn is_torn(first: &[u8; SIZE], second: &[u8; SIZE]) -> bool {
    // In mode 1 the counter moves first. In mode 0 nothing says so but the samples themselves.
    first != second
}

/// Which sample it is.
pub fn mark(octets: &[u8; SIZE]) -> Mark {
    let stamp = |(seconds, micros, _)| (time(octets, seconds), int(octets, micros));
    Mark { count: int(octets, COUNT), clock: stamp(CLOCK), receive: stamp(RECEIVE) }
}

/// Whether a sample is there: a reader with the right to write may have taken it.
pub fn is_valid(octets: &[u8; SIZE]) -> bool {
    int(octets, VALID) != 0
}

/// The sample in a copy of the segment that is not torn.
///
/// # Errors
/// [`ParseError::Magic`] for another mode than 0 or 1; [`ParseError::Field`].
pub fn parse(octets: &[u8; SIZE]) -> Result<Sample, ParseError> {
    if !(0..=1).contains(&int(octets, MODE)) {
        return Err(ParseError::Magic);
    }
    let stamp = |(seconds, micros, nanos): (usize, usize, usize)| {
        let micros = u32::try_from(int(octets, micros)).map_err(|_| ParseError::Field)?;
        let nanos = field(octets, nanos).map_or(0, u32::from_ne_bytes);
        let whole = micros.checked_mul(1_000).ok_or(ParseError::Field)?;
        let nanos = if nanos / 1_000 == micros { nanos } else { whole };
        instant(time(octets, seconds), nanos)
    };
    let precision = int(octets, PRECISION);
    if !PRECISIONS.contains(&precision) {
        return Err(ParseError::Field);
    }
    Ok(Sample {
        received: stamp(RECEIVE)?,
        reference: stamp(CLOCK)?,
        // Zero is what a writer leaves that knows nothing of it.
        precision: (precision != 0).then_some(precision as i8),
        leap: leap(int(octets, LEAP))?,
        is_pulse: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{LeapIndicator, Timestamp};

    fn segment() -> [u8; SIZE] {
        let mut octets = [0; SIZE];
        let mut put = |offset: usize, bytes: &[u8]| octets[offset..offset + bytes.len()].copy_from_slice(bytes);
        put(MODE, &1_i32.to_ne_bytes());
        put(COUNT, &7_i32.to_ne_bytes());
        put(8, &1_800_000_000_i64.to_ne_bytes());
        put(16, &123_456_i32.to_ne_bytes());
        put(24, &1_800_000_001_i64.to_ne_bytes());
        put(32, &5_i32.to_ne_bytes());
        put(LEAP, &1_i32.to_ne_bytes());
        put(PRECISION, &(-20_i32).to_ne_bytes());
        put(VALID, &1_i32.to_ne_bytes());
        put(52, &123_456_789_u32.to_ne_bytes());
        put(56, &5_999_u32.to_ne_bytes());
        octets
    }

    fn with(offset: usize, value: i32) -> [u8; SIZE] {
        let mut octets = segment();
        octets[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
        octets
    }

    #[test]
    fn the_fields_are_where_the_compiler_has_put_them() {
        let sample = parse(&segment()).unwrap();
        assert_eq!(sample.reference, Timestamp::from_parts(1_800_000_000, 123_456_789));
        assert_eq!(sample.received, Timestamp::from_parts(1_800_000_001, 5_999));
        assert_eq!((sample.precision, sample.leap), (Some(-20), LeapIndicator::Insert));
        assert!(is_valid(&segment()) && !is_valid(&with(VALID, 0)));
    }

    #[test]
    fn nanoseconds_that_are_not_of_these_microseconds_are_of_somebody_else() {
        let sample = parse(&with(52, 999_000_000)).unwrap();
        assert_eq!(sample.reference, Timestamp::from_parts(1_800_000_000, 123_456_000));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(parse(&with(MODE, 2)), Err(ParseError::Magic));
        for (offset, value) in [(16, 1_000_000), (16, -1), (32, i32::MAX), (LEAP, 4), (LEAP, -1), (PRECISION, 99)] {
            assert_eq!(parse(&with(offset, value)), Err(ParseError::Field), "{value} at {offset}");
        }
        assert_eq!(parse(&with(PRECISION, 0)).unwrap().precision, None);
    }

    #[test]
    fn a_sample_is_another_one_by_its_count_or_its_stamps() {
        assert_eq!(mark(&segment()), mark(&with(VALID, 0)), "taken by another reader, it is the same");
        assert_ne!(mark(&segment()), mark(&with(COUNT, 8)));
        assert_ne!(mark(&segment()), mark(&with(16, 123_457)), "a writer that does not count");
        assert!(is_torn(&segment(), &with(COUNT, 8)) && !is_torn(&segment(), &segment()));
    }
}

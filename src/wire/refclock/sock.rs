//! chrony's SOCK driver: `struct sock_sample`, one to a datagram.
//!
//! | offset | field | |
//! |---|---|---|
//! | 0 | `struct timeval tv` | CLOCK_REALTIME when it was measured |
//! | 16 | `double offset` | what the true time is ahead of the system clock by then (s) |
//! | 24 | `int pulse` | not zero: only the fraction of the second means anything |
//! | 28 | `int leap` | |
//! | 32 | `int _pad` | |
//! | 36 | `int magic` | 0x534f434b, "SOCK" |

use super::{ParseError, Sample, field, instant, leap};
use crate::time::Duration;

/// `sizeof (struct sock_sample)`.
pub const SIZE: usize = 40;
/// What ends each sample.
pub const MAGIC: i32 = 0x534f_434b;
/// No sample says more than a hundred years (s).
const OFFSET_MAX: f64 = 3.2e9;

/// The sample in a datagram.
///
/// # Errors
/// [`ParseError`].
pub fn parse(octets: &[u8]) -> Result<Sample, ParseError> {
    let octets: &[u8; SIZE] = octets.try_into().map_err(|_| ParseError::Length)?;
    let int = |offset| field(octets, offset).map_or(0, i32::from_ne_bytes);
    let long = |offset| field(octets, offset).map_or(0, i64::from_ne_bytes);
    if int(36) != MAGIC {
        return Err(ParseError::Magic);
    }
    let micros = u32::try_from(long(8)).map_err(|_| ParseError::Field)?;
    let received = instant(long(0), micros.checked_mul(1_000).ok_or(ParseError::Field)?)?;
    let offset = field(octets, 16).map_or(0.0, f64::from_ne_bytes);
    // Not a number is in no range.
    if !(-OFFSET_MAX..=OFFSET_MAX).contains(&offset) {
        return Err(ParseError::Field);
    }
    let reference = received + Duration::from_secs_f64(offset);
    Ok(Sample { received, reference, precision: None, leap: leap(int(28))?, is_pulse: int(24) != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{LeapIndicator, Timestamp};

    fn datagram(micros: i64, offset: f64, pulse: i32, leap: i32, magic: i32) -> Vec<u8> {
        let mut octets = 1_800_000_000_i64.to_ne_bytes().to_vec();
        octets.extend(micros.to_ne_bytes());
        octets.extend(offset.to_ne_bytes());
        for int in [pulse, leap, 0, magic] {
            octets.extend(int.to_ne_bytes());
        }
        octets
    }

    #[test]
    fn the_true_time_is_the_stamp_and_the_offset() {
        let sample = parse(&datagram(250_000, -0.5, 0, 2, MAGIC)).unwrap();
        assert_eq!(sample.received, Timestamp::from_parts(1_800_000_000, 250_000_000));
        assert_eq!(sample.reference, Timestamp::from_parts(1_799_999_999, 750_000_000));
        assert_eq!((sample.leap, sample.is_pulse), (LeapIndicator::Delete, false));
        assert!(parse(&datagram(0, 0.0, 1, 0, MAGIC)).unwrap().is_pulse);
    }

    #[test]
    fn every_truncation_and_every_odd_field_is_refused() {
        let good = datagram(250_000, 0.0, 0, 0, MAGIC);
        for length in 0..SIZE {
            assert_eq!(parse(&good[..length]), Err(ParseError::Length));
        }
        assert_eq!(parse(&[&good[..], &[0]].concat()), Err(ParseError::Length));
        assert_eq!(parse(&datagram(0, 0.0, 0, 0, 0)), Err(ParseError::Magic));
        assert_eq!(parse(&datagram(1_000_000, 0.0, 0, 0, MAGIC)), Err(ParseError::Field));
        assert_eq!(parse(&datagram(-1, 0.0, 0, 0, MAGIC)), Err(ParseError::Field));
        assert_eq!(parse(&datagram(i64::MAX, 0.0, 0, 0, MAGIC)), Err(ParseError::Field));
        assert_eq!(parse(&datagram(0, f64::NAN, 0, 0, MAGIC)), Err(ParseError::Field));
        assert_eq!(parse(&datagram(0, 1e300, 0, 0, MAGIC)), Err(ParseError::Field));
        assert_eq!(parse(&datagram(0, 0.0, 0, 7, MAGIC)), Err(ParseError::Field));
    }
}

//! The reference ID of a server that smears a leap second.
//!
//! Smeared time and UTC are up to a second apart, and no field of a packet says which of them it is. ntpd's convention
//! puts it where others can see it: an address that nobody has, 254.x.y.z, whose last three octets are what the served time
//! is ahead of UTC, in 2^-22 s as a number in two's complement: from -2 s to 2 s.

use crate::time::{Duration, TICKS_PER_S};

/// The first octet.
const MARK: u8 = 254;

/// Fractional bits of the offset.
const FRACTION: u32 = 22;

/// What the served time is ahead of UTC, as a reference ID; to the nearest 2^-22 s, and at most 2 s either way.
pub fn smear_reference_id(ahead: Duration) -> [u8; 4] {
    let doubled = (ahead.ticks() << (FRACTION + 1)).div_euclid(TICKS_PER_S);
    let units = (doubled + 1).div_euclid(2).clamp(-(1 << 23), (1 << 23) - 1);
    let [_, x, y, z] = (units as i32).to_be_bytes();
    [MARK, x, y, z]
}

/// What a server's time is ahead of UTC by its reference ID; `None`: it does not smear, or not now. Only for stratum 2 and
/// more: at stratum 1 it is a name.
pub fn smear_of(reference_id: [u8; 4]) -> Option<Duration> {
    let [MARK, x, y, z] = reference_id else { return None };
    let units = i32::from_be_bytes([x, y, z, 0]) >> 8;
    Some(Duration::from_ticks((i128::from(units) * TICKS_PER_S) >> FRACTION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_a_fraction_in_twos_complement_behind_254() {
        for (reference_id, millis) in [
            ([254, 0, 0, 0], 0),
            ([254, 0x20, 0, 0], 500),
            ([254, 0x40, 0, 0], 1_000),
            ([254, 0xe0, 0, 0], -500),
            ([254, 0xc0, 0, 0], -1_000),
            ([254, 0x80, 0, 0], -2_000),
        ] {
            assert_eq!(smear_of(reference_id), Some(Duration::from_millis(millis)), "{reference_id:?}");
            assert_eq!(smear_reference_id(Duration::from_millis(millis)), reference_id, "{millis} ms");
        }
        assert_eq!(smear_of([192, 0, 2, 1]), None);
    }

    #[test]
    fn every_offset_comes_back_to_half_of_its_last_bit_and_what_does_not_fit_is_the_most() {
        for nanos in (-1_999_999_000..2_000_000_000).step_by(12_345_679) {
            let ahead = Duration::from_nanos(nanos);
            let found = smear_of(smear_reference_id(ahead)).expect("marked");
            assert!((found - ahead).abs() <= Duration::from_nanos(120), "{ahead}: {found}");
        }
        assert_eq!(smear_reference_id(Duration::from_secs(5)), [254, 0x7f, 0xff, 0xff]);
        assert_eq!(smear_reference_id(Duration::from_secs(-5)), [254, 0x80, 0, 0]);
    }
}

//! clock_adjtime(2) itself: the one system call by which a clock of any kind is read, steered and stepped.

use std::io;
use std::mem;

const NANOSECONDS_PER_SECOND: i64 = 1_000_000_000;

/// A request that changes nothing: `modes = 0`.
pub(crate) fn zeroed() -> libc::timex {
    // SAFETY: struct timex of adjtimex(2) is integers only; zero is valid for all of them.
    unsafe { mem::zeroed() }
}

/// A request to set the frequency correction, in 2^-16 ppm.
#[expect(clippy::useless_conversion, reason = "the field is c_long, 32 bits wide on some architectures")]
pub(crate) fn frequency(scaled_ppm: i64) -> io::Result<libc::timex> {
    let mut raw = zeroed();
    raw.modes = libc::ADJ_FREQUENCY;
    raw.freq = scaled_ppm.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(raw)
}

/// A request to add nanoseconds to a clock.
///
/// The kernel wants the fraction in 0..1e9 also where the whole is negative: -1 ns is (-1 s, 999,999,999 ns). It
/// counts the whole in 64 bits of nanoseconds (`ktime_t`), which is 292 years.
#[expect(clippy::useless_conversion, reason = "the fields are c_long and time_t, 32 bits wide on some architectures")]
pub(crate) fn offset(nanoseconds: i128) -> io::Result<libc::timex> {
    let nanoseconds = i64::try_from(nanoseconds).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut raw = zeroed();
    raw.modes = libc::ADJ_SETOFFSET | libc::ADJ_NANO;
    let seconds = nanoseconds.div_euclid(NANOSECONDS_PER_SECOND);
    raw.time.tv_sec = seconds.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    raw.time.tv_usec = nanoseconds.rem_euclid(NANOSECONDS_PER_SECOND) as _;
    Ok(raw)
}

/// Carries out a request; the struct then has the clock's state. Returns the state of its leap second.
pub(crate) fn clock_adjtime(clock: libc::clockid_t, request: &mut libc::timex) -> io::Result<i32> {
    // SAFETY: clock_adjtime(2) reads and writes one struct timex, which is borrowed mutably through the call.
    let state = unsafe { libc::clock_adjtime(clock, request) };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok(state) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_offset_has_a_positive_fraction() {
        for (nanoseconds, seconds, fraction) in [
            (0, 0, 0),
            (1, 0, 1),
            (-1, -1, 999_999_999),
            (-999_999_999, -1, 1),
            (-1_000_000_000, -1, 0),
            (-1_000_000_001, -2, 999_999_999),
            (37_000_000_000, 37, 0),
            (1_999_999_999, 1, 999_999_999),
        ] {
            let raw = offset(nanoseconds).expect("in range");
            assert_eq!((raw.time.tv_sec, raw.time.tv_usec), (seconds, fraction), "{nanoseconds}");
            assert_eq!(raw.modes, libc::ADJ_SETOFFSET | libc::ADJ_NANO);
        }
    }

    #[test]
    fn an_offset_of_more_than_the_kernel_counts_is_refused() {
        for nanoseconds in [i128::from(i64::MAX), i128::from(i64::MIN)] {
            let raw = offset(nanoseconds).expect("in range");
            assert!((0..NANOSECONDS_PER_SECOND).contains(&raw.time.tv_usec));
            let whole = i128::from(raw.time.tv_sec) * 1_000_000_000 + i128::from(raw.time.tv_usec);
            assert_eq!(whole, nanoseconds);
        }
        for nanoseconds in [i128::from(i64::MAX) + 1, i128::from(i64::MIN) - 1, i128::MAX, i128::MIN] {
            assert_eq!(offset(nanoseconds).expect_err("out of range").kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn a_frequency_asks_for_nothing_else() {
        let raw = frequency(-3 << 16).expect("in range");
        assert_eq!((raw.modes, raw.freq), (libc::ADJ_FREQUENCY, -3 << 16));
        assert_eq!(zeroed().modes, 0);
    }
}

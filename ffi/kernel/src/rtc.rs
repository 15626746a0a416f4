//! The clock that runs while the machine is off (rtc(4)): `/dev/rtc0`.
//!
//! It counts whole seconds, and begins one when it is set (a PC's CMOS clock half a second after that): when to set it is the caller's to
//! choose. Only one program at a time can have it open (`EBUSY`), so it is opened for a call and closed again.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use crate::doorman::open_device;
use crate::sys::{self, Argument};
use crate::uapi::{field, rtc};

/// A time as a person writes it: `struct rtc_time`, whose day of the week and of the year the kernel sets by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CivilTime {
    /// As 2026.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl CivilTime {
    fn to_bytes(self) -> [u8; rtc::time::SIZE] {
        let mut bytes = [0; rtc::time::SIZE];
        let words = [self.second, self.minute, self.hour, self.day, self.month - 1].map(i32::from);
        for (place, word) in words.into_iter().chain([self.year - rtc::YEAR_ZERO]).enumerate() {
            bytes[4 * place..][..4].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let word = |place: usize| field(bytes, 4 * place).map(i32::from_ne_bytes);
        let small = |place| u8::try_from(word(place)?).ok();
        Some(Self {
            second: small(0)?,
            minute: small(1)?,
            hour: small(2)?,
            day: small(3)?,
            month: small(4)?.checked_add(1)?,
            year: word(5)?.checked_add(rtc::YEAR_ZERO)?,
        })
    }
}

/// Sets the RTC at once.
///
/// # Errors
/// open(2)'s: `EBUSY` while another program has it. `EACCES` without CAP_SYS_TIME; `ENOTTY` for what is no RTC; the driver's own.
///
/// # Panics
/// If the month is 0: our own bug.
pub fn set(path: &Path, time: CivilTime) -> io::Result<()> {
    let file = open_device(path, false)?;
    sys::ioctl(file.as_fd(), rtc::SET_TIME, &mut Argument(time.to_bytes()))
}

/// Reads the RTC.
///
/// # Errors
/// As [`set`]; `EINVAL` or `InvalidData` from one that has lost its time.
pub fn read(path: &Path) -> io::Result<CivilTime> {
    let file = open_device(path, false)?;
    let mut time = Argument([0; rtc::time::SIZE]);
    sys::ioctl(file.as_fd(), rtc::RD_TIME, &mut time)?;
    CivilTime::from_bytes(&time.0).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_order_of_the_header_and_comes_back() {
        let time = CivilTime { year: 2026, month: 2, day: 28, hour: 23, minute: 59, second: 58 };
        let bytes = time.to_bytes();
        let words: Vec<_> = bytes.chunks(4).map(|word| i32::from_ne_bytes(word.try_into().expect("four"))).collect();
        assert_eq!(words, [58, 59, 23, 28, 1, 126, 0, 0, 0]);
        assert_eq!(CivilTime::from_bytes(&bytes), Some(time));
        assert_eq!(CivilTime::from_bytes(&[0xff; rtc::time::SIZE]), None);
    }

    #[test]
    fn what_is_no_rtc_is_neither_set_nor_read() {
        let path = Path::new("/dev/null");
        let time = CivilTime { year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
        assert_eq!(set(path, time).expect_err("no RTC").raw_os_error(), Some(libc::ENOTTY));
        assert_eq!(read(path).expect_err("no RTC").raw_os_error(), Some(libc::ENOTTY));
    }
}

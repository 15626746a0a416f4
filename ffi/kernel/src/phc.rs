//! PTP hardware clocks (PHC): `/dev/ptpN`, the clock in a network card that stamps its packets.
//!
//! # Which clock
//! The number N is the order of discovery and changes from boot to boot: name a PHC by its interface or its
//! `clock_name`, and find the number anew ([`phc_list`], [`crate::nic::timestamping_info`]). A PHC has whatever epoch it was set to; a fresh one counts
//! from 1970 or from boot. Its readings are [`KernelTime`] like all others: which timescale that is, the owner knows.
//!
//! # Comparing it with the system clock
//! Reading two clocks takes time in between, and over PCI Express that is a microsecond or so. The kernel offers three
//! ways, and the best that a driver supports is the one to use ([`CrossingMethod`]). All readings are handed out as they
//! are: which of them is good is a question of statistics, not of the kernel.
//!
//! # Setting it
//! A frequency is dialled in 2^-16 ppm, but each card rounds it to its own quantum, and the kernel reads back what was
//! asked, not what was dialled (`dialed_frequency` in drivers/ptp/ptp_clock.c). A step is relative ([`Phc::step`]): the card
//! or its driver adds, so that no time passes between reading and setting. [`Phc::set_time`] is absolute and late by
//! as long as the call takes.
//!
//! While virtual clocks run on it (`n_vclocks` > 0), a PHC without a second counter must run free: to set anything is then
//! `EBUSY` (`ptp_clock_freerun`), and on some kernels to read its frequency too. A card that is pulled out makes every call `ENODEV`.
//!
//! No call here allocates, except [`Phc::open`].
//!
//! Read: Documentation/driver-api/ptp.rst, linux/ptp_clock.h, clock_getres(2) under "Dynamic clocks".

mod crossing;
mod external;
mod list;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};

pub use crossing::{Crossing, CrossingMethod, SAMPLES_MAX};
pub use external::{EXTERNAL_STAMPS_MAX, Edges, ExternalStamp, Pin};
pub use list::{PhcInfo, VirtualClocks, phc_info, phc_list};

use crate::doorman::open_device;
use crate::sys::{self, Argument};
use crate::timestamping::KernelTime;
use crate::timex;
use crate::uapi::{field, ptp};

/// What a PHC can do: `struct ptp_clock_caps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhcCapabilities {
    /// The largest frequency correction either way, in ppb; 0 for a clock that cannot be steered.
    pub max_adjustment_ppb: i32,
    /// Programmable alarms.
    pub alarms: u32,
    /// Channels that stamp external events.
    pub external_stamps: u32,
    /// Channels that make periodic signals.
    pub periodic_outputs: u32,
    /// Programmable pins, to which those channels are assigned.
    pub pins: u32,
    /// It tells the kernel's PPS source about its seconds.
    pub pps: bool,
    /// The hardware compares it with the system clock ([`CrossingMethod::Precise`]).
    pub precise_crossing: bool,
    /// The hardware has a servo of its own to which phase offsets can be given (`ADJ_OFFSET`, Linux 5.8).
    pub adjust_phase: bool,
}

impl PhcCapabilities {
    fn from_bytes(bytes: &[u8; ptp::clock_caps::SIZE]) -> Self {
        use ptp::clock_caps as at;
        let int = |offset| field(bytes, offset).map_or(0, i32::from_ne_bytes);
        // The kernel's type is int; a negative count would be a driver's bug, and means none.
        let count = |offset| u32::try_from(int(offset)).unwrap_or(0);
        Self {
            max_adjustment_ppb: int(at::MAX_ADJ),
            alarms: count(at::N_ALARM),
            external_stamps: count(at::N_EXT_TS),
            periodic_outputs: count(at::N_PER_OUT),
            pins: count(at::N_PINS),
            pps: int(at::PPS) != 0,
            precise_crossing: int(at::CROSS_TIMESTAMPING) != 0,
            adjust_phase: int(at::ADJUST_PHASE) != 0,
        }
    }
}

/// An open PHC.
#[derive(Debug)]
pub struct Phc {
    file: File,
    index: u32,
    is_writable: bool,
}

impl Phc {
    /// Opens `/dev/ptpN`, to be set if we may, else to be read.
    ///
    /// # Errors
    /// Those of open(2): `ENOENT` without such a device, `EACCES` if not even reading is allowed. `ENOTTY` for a file
    /// that is no PHC.
    pub fn open(index: u32) -> io::Result<Self> {
        let path = format!("/dev/ptp{index}");
        let path = Path::new(&path);
        let (file, is_writable) = match open_device(path, true) {
            Ok(file) => (file, true),
            // EPERM is the answer of a container's device rules.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EACCES | libc::EROFS | libc::EPERM)) => {
                (open_device(path, false)?, false)
            }
            Err(error) => return Err(error),
        };
        let phc = Self { file, index, is_writable };
        phc.capabilities()?;
        Ok(phc)
    }

    /// N of `/dev/ptpN`.
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// Whether the device was opened for writing, which the kernel wants for every call that sets the clock, and before
    /// Linux 6.15 also for [`Phc::frequency`]. CAP_SYS_TIME is not asked for.
    pub const fn is_writable(&self) -> bool {
        self.is_writable
    }

    /// The clock id of an open device: `FD_TO_CLOCKID`, clock_getres(2).
    fn clock_id(&self) -> libc::clockid_t {
        const CLOCKFD: libc::clockid_t = 3;
        (!self.file.as_raw_fd() << 3) | CLOCKFD
    }

    /// What the clock can do.
    ///
    /// # Errors
    /// `ENODEV` when the card is gone.
    pub fn capabilities(&self) -> io::Result<PhcCapabilities> {
        let mut caps = Argument::<{ ptp::clock_caps::SIZE }>::ZERO;
        sys::ioctl(self.file.as_fd(), ptp::GETCAPS, &mut caps)?;
        Ok(PhcCapabilities::from_bytes(&caps.0))
    }

    /// The clock's reading, somewhere within the call (1 to 10 us over PCI Express).
    ///
    /// # Errors
    /// `ENODEV` when the card is gone; the driver's own, as `EIO`. `InvalidData` for a reading with a fraction out of
    /// range.
    pub fn read(&self) -> io::Result<KernelTime> {
        let time = clock_gettime(ClockId::from_raw(self.clock_id()))?;
        KernelTime::from_reading(time.tv_sec(), time.tv_nsec()).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Sets the frequency correction, in 2^-16 ppm; positive makes the clock run faster.
    ///
    /// # Errors
    /// `ERANGE` beyond [`PhcCapabilities::max_adjustment_ppb`], `EACCES` unless [`Phc::is_writable`], `EBUSY` while virtual
    /// clocks use it; `ENODEV`, `EIO` and the like from the driver. Unchanged then, as far as the kernel knows.
    pub fn adjust_frequency(&self, scaled_ppm: i64) -> io::Result<()> {
        timex::clock_adjtime(self.clock_id(), &mut timex::frequency(scaled_ppm)?)?;
        Ok(())
    }

    /// The frequency correction that was last asked for, in 2^-16 ppm, by whichever program; 0 since the driver was
    /// loaded if by none.
    ///
    /// # Errors
    /// As [`Phc::adjust_frequency`].
    #[expect(clippy::useless_conversion, reason = "the field is c_long, 32 bits wide on some architectures")]
    pub fn frequency(&self) -> io::Result<i64> {
        let mut raw = timex::zeroed();
        timex::clock_adjtime(self.clock_id(), &mut raw)?;
        Ok(raw.freq.into())
    }

    /// Adds nanoseconds to the clock at once (`ADJ_SETOFFSET`); negative puts it back. The frequency stays.
    ///
    /// # Errors
    /// As [`Phc::adjust_frequency`]; `InvalidInput` beyond 292 years.
    pub fn step(&self, by_nanoseconds: i128) -> io::Result<()> {
        timex::clock_adjtime(self.clock_id(), &mut timex::offset(by_nanoseconds)?)?;
        Ok(())
    }

    /// Sets the clock (clock_settime(2)), late by the time that the call takes.
    ///
    /// # Errors
    /// As [`Phc::adjust_frequency`]; `EINVAL` for a fraction of a second or more, or a time before 1970.
    pub fn set_time(&self, time: KernelTime) -> io::Result<()> {
        #[expect(clippy::useless_conversion, reason = "time_t is 32 bits wide on some architectures")]
        let seconds = time.seconds.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
        clock_settime(ClockId::from_raw(self.clock_id()), TimeSpec::new(seconds, time.nanoseconds.into()))?;
        Ok(())
    }
}

impl AsFd for Phc {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capabilities_are_at_the_headers_offsets() {
        let mut bytes = [0; ptp::clock_caps::SIZE];
        for (index, value) in [62_500_000_i32, 1, 2, 3, 1, 5, 1, 0].into_iter().enumerate() {
            bytes[4 * index..][..4].copy_from_slice(&value.to_ne_bytes());
        }
        let wanted = PhcCapabilities {
            max_adjustment_ppb: 62_500_000,
            alarms: 1,
            external_stamps: 2,
            periodic_outputs: 3,
            pins: 5,
            pps: true,
            precise_crossing: true,
            adjust_phase: false,
        };
        assert_eq!(PhcCapabilities::from_bytes(&bytes), wanted);
    }

    #[test]
    fn a_negative_count_is_none() {
        let bytes = [0xff; ptp::clock_caps::SIZE];
        assert_eq!(PhcCapabilities::from_bytes(&bytes).pins, 0);
    }

    #[test]
    fn a_device_that_is_not_there_is_not_found() {
        let error = Phc::open(u32::MAX).expect_err("no such device");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_no_clock_can_neither_be_asked_nor_read() {
        let file = File::open("/dev/null").expect("it is everywhere");
        let phc = Phc { file, index: 0, is_writable: false };
        assert_eq!(phc.capabilities().expect_err("no PHC").raw_os_error(), Some(libc::ENOTTY));
        assert_eq!(phc.read().expect_err("no clock").raw_os_error(), Some(libc::EINVAL));
        assert_eq!(phc.frequency().expect_err("no clock").raw_os_error(), Some(libc::EINVAL));
        let mut out = [Crossing::EMPTY; 3];
        for method in CrossingMethod::BEST_FIRST {
            let error = phc.cross(method, 3, &mut out).expect_err("no PHC");
            assert_eq!(error.raw_os_error(), Some(libc::ENOTTY), "{method:?}");
        }
    }
}

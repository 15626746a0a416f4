//! Cross-timestamps: one instant on the PHC and on the system clock.

use std::io;
use std::os::fd::AsFd;

use super::Phc;
use crate::sys::{self, Argument};
use crate::timestamping::KernelTime;
use crate::uapi::{field, ptp};

/// Readings that one call can ask for (`PTP_MAX_SAMPLES`).
pub const SAMPLES_MAX: usize = ptp::SAMPLES_MAX;

/// How a PHC is compared with the system clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrossingMethod {
    /// The hardware latches both clocks at one instant (PCIe PTM, ARM generic counter): `PTP_SYS_OFFSET_PRECISE`, Linux
    /// 4.6. No window, but the driver may take tens of microseconds, and fail now and then (`EAGAIN`, `ETIMEDOUT`).
    Precise,
    /// The driver reads the system clock around the one bus access that latches the PHC: `PTP_SYS_OFFSET_EXTENDED`,
    /// Linux 5.0. The window is that access.
    Extended,
    /// The kernel reads the system clock around the driver's whole call: `PTP_SYS_OFFSET`. Every PHC can. The window holds
    /// the driver's locks and all its accesses, and the PHC's reading may be anywhere in it.
    Basic,
}

impl CrossingMethod {
    /// All methods, in the order to be tried.
    pub const BEST_FIRST: [Self; 3] = [Self::Precise, Self::Extended, Self::Basic];
}

/// A reading of the PHC, and the system clock before and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// CLOCK_REALTIME before the PHC was read.
    pub before: KernelTime,
    /// The PHC.
    pub device: KernelTime,
    /// CLOCK_REALTIME after the PHC was read; equal to `before` where the hardware latches both.
    pub after: KernelTime,
    /// CLOCK_MONOTONIC_RAW at the instant of `device`; [`CrossingMethod::Precise`] only.
    pub monotonic_raw: Option<KernelTime>,
}

impl Crossing {
    const ZERO: KernelTime = KernelTime { seconds: 0, nanoseconds: 0 };

    /// Room for a reading.
    pub const EMPTY: Self = Self { before: Self::ZERO, device: Self::ZERO, after: Self::ZERO, monotonic_raw: None };

    /// `after - before`, in nanoseconds; negative if the system clock was set back in between.
    pub const fn window_nanoseconds(&self) -> i128 {
        self.after.total_nanoseconds() - self.before.total_nanoseconds()
    }
}

/// The `index`-th `struct ptp_clock_time` of an array.
fn clock_time(array: &[u8], index: usize) -> io::Result<KernelTime> {
    let at = index * ptp::clock_time::SIZE;
    let read = || {
        let seconds = i64::from_ne_bytes(field(array, at)?);
        let nanoseconds = u32::from_ne_bytes(field(array, at + ptp::clock_time::NANOSECONDS)?);
        KernelTime::from_reading(seconds, nanoseconds.into())
    };
    read().ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn precise(bytes: &[u8]) -> io::Result<Crossing> {
    use ptp::sys_offset_precise as at;
    let time = |offset: usize| clock_time(&bytes[offset..], 0);
    let system = time(at::SYS_REALTIME)?;
    Ok(Crossing {
        before: system,
        device: time(at::DEVICE)?,
        after: system,
        monotonic_raw: Some(time(at::SYS_MONORAW)?),
    })
}

/// Fills `out` from readings of which each sample begins `stride` after the one before it.
fn sandwiches(array: &[u8], stride: usize, out: &mut [Crossing]) -> io::Result<()> {
    for (sample, crossing) in out.iter_mut().enumerate() {
        let time = |index| clock_time(array, sample * stride + index);
        *crossing = Crossing { before: time(0)?, device: time(1)?, after: time(2)?, monotonic_raw: None };
    }
    Ok(())
}

/// How many samples to ask for: as many as wanted, possible, and room for.
fn sample_count(samples: u32, out: &[Crossing]) -> io::Result<usize> {
    let count = out.len().min(SAMPLES_MAX).min(samples as usize);
    if count == 0 { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(count) }
}

impl Phc {
    /// One reading of both clocks by the hardware.
    ///
    /// # Errors
    /// `EOPNOTSUPP` without such hardware, also where the driver has the call and the system's clock source does not
    /// fit; transient ones of the driver (`EAGAIN`, `EBUSY`, `EIO`, `ETIMEDOUT`); `ENODEV` when the card is gone.
    pub fn cross_precise(&self) -> io::Result<Crossing> {
        let mut argument = Argument::<{ ptp::sys_offset_precise::SIZE }>::ZERO;
        sys::ioctl(self.as_fd(), ptp::SYS_OFFSET_PRECISE, &mut argument)?;
        precise(&argument.0)
    }

    /// Several readings with the driver's own windows: as many as `samples`, `out` and [`SAMPLES_MAX`] allow. Returns
    /// how many were written to the front of `out`.
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the driver cannot; `InvalidInput` for no samples; the driver's own.
    pub fn cross_extended(&self, samples: u32, out: &mut [Crossing]) -> io::Result<usize> {
        use ptp::sys_offset_extended as at;
        let count = sample_count(samples, out)?;
        let mut argument = Argument::<{ at::SIZE }>::ZERO;
        argument.0[at::N_SAMPLES..][..4].copy_from_slice(&(count as u32).to_ne_bytes());
        sys::ioctl(self.as_fd(), ptp::SYS_OFFSET_EXTENDED, &mut argument)?;
        sandwiches(&argument.0[at::TS..], 3, &mut out[..count])?;
        Ok(count)
    }

    /// Several readings with the kernel's windows, each of which begins where the one before it ended. As
    /// [`Phc::cross_extended`] otherwise.
    ///
    /// # Errors
    /// `InvalidInput` for no samples; the driver's own.
    pub fn cross_basic(&self, samples: u32, out: &mut [Crossing]) -> io::Result<usize> {
        use ptp::sys_offset as at;
        let count = sample_count(samples, out)?;
        let mut argument = Argument::<{ at::SIZE }>::ZERO;
        argument.0[at::N_SAMPLES..][..4].copy_from_slice(&(count as u32).to_ne_bytes());
        sys::ioctl(self.as_fd(), ptp::SYS_OFFSET, &mut argument)?;
        sandwiches(&argument.0[at::TS..], 2, &mut out[..count])?;
        Ok(count)
    }

    /// Readings by `method`; [`CrossingMethod::Precise`] gives one per call, whatever `samples` says.
    ///
    /// # Errors
    /// Those of the three functions above.
    pub fn cross(&self, method: CrossingMethod, samples: u32, out: &mut [Crossing]) -> io::Result<usize> {
        match method {
            CrossingMethod::Precise => {
                let first = out.first_mut().ok_or(io::ErrorKind::InvalidInput)?;
                *first = self.cross_precise()?;
                Ok(1)
            }
            CrossingMethod::Extended => self.cross_extended(samples, out),
            CrossingMethod::Basic => self.cross_basic(samples, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> KernelTime {
        KernelTime { seconds, nanoseconds: 7 }
    }

    /// Readings with the seconds 0, 1, 2, ... and a fraction of 7 ns.
    fn array(count: i64) -> Vec<u8> {
        let time = |seconds: i64| [seconds.to_ne_bytes(), 7_u64.to_le_bytes()];
        let mut bytes: Vec<u8> = (0..count).flat_map(time).flatten().collect();
        if cfg!(target_endian = "big") {
            for time in bytes.chunks_exact_mut(16) {
                time[8..].copy_from_slice(&[0, 0, 0, 7, 0, 0, 0, 0]);
            }
        }
        bytes
    }

    #[test]
    fn extended_samples_stand_apart() {
        let mut out = [Crossing::EMPTY; 2];
        sandwiches(&array(6), 3, &mut out).expect("valid");
        assert_eq!((out[0].before, out[0].device, out[0].after), (at(0), at(1), at(2)));
        assert_eq!((out[1].before, out[1].device, out[1].after), (at(3), at(4), at(5)));
        assert_eq!(out[1].window_nanoseconds(), 2_000_000_000);
    }

    #[test]
    fn basic_samples_share_the_system_clocks_readings() {
        let mut out = [Crossing::EMPTY; 2];
        sandwiches(&array(5), 2, &mut out).expect("valid");
        assert_eq!((out[0].before, out[0].device, out[0].after), (at(0), at(1), at(2)));
        assert_eq!((out[1].before, out[1].device, out[1].after), (at(2), at(3), at(4)));
    }

    #[test]
    fn a_precise_crossing_has_no_window() {
        let crossing = precise(&array(4)).expect("valid");
        assert_eq!(crossing.device, at(0));
        assert_eq!((crossing.before, crossing.after), (at(1), at(1)));
        assert_eq!(crossing.monotonic_raw, Some(at(2)));
        assert_eq!(crossing.window_nanoseconds(), 0);
    }

    #[test]
    fn a_fraction_of_a_whole_second_is_no_reading() {
        let mut bytes = array(3);
        bytes[16 + 8..][..4].copy_from_slice(&1_000_000_000_u32.to_ne_bytes());
        let error = sandwiches(&bytes, 3, &mut [Crossing::EMPTY]).expect_err("invalid");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn no_more_samples_are_asked_for_than_fit() {
        let room = |samples, length| sample_count(samples, &vec![Crossing::EMPTY; length]).ok();
        assert_eq!(room(5, 10), Some(5));
        assert_eq!(room(5, 3), Some(3));
        assert_eq!(room(100, 100), Some(SAMPLES_MAX));
        assert_eq!(room(0, 10), None);
        assert_eq!(room(5, 0), None);
    }
}

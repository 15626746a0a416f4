//! Pulses per second, as the kernel has stamped them (RFC 2783; linux/pps.h): `/dev/ppsN`.
//!
//! The interrupt's handler reads CLOCK_REALTIME when a pulse's edge comes, and counts it. [`Pps::latest`] asks for the latest one and
//! never waits: the stamp is no worse for being fetched later. (To wait by poll(2) is no use: before Linux 6.17 such a device
//! is always ready.)

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use crate::doorman::open_device;
use crate::sys::{self, Argument};
use crate::timestamping::KernelTime;
use crate::uapi::{field, pps};

/// Which edge of a pulse begins the second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    /// The rising one, of most receivers.
    Assert,
    /// The falling one.
    Clear,
}

impl Edge {
    const fn mode(self) -> i32 {
        match self {
            Self::Assert => pps::CAPTUREASSERT,
            Self::Clear => pps::CAPTURECLEAR,
        }
    }
}

/// An edge that the kernel has seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pulse {
    /// Counts them.
    pub sequence: u32,
    /// CLOCK_REALTIME in the interrupt's handler.
    pub at: KernelTime,
}

/// An open PPS source.
#[derive(Debug)]
pub struct Pps {
    file: File,
    edge: Edge,
}

impl Pps {
    /// Opens a device whose pulses begin with this edge, and has the kernel stamp it, if it does not yet.
    ///
    /// # Errors
    /// open(2)'s. `EOPNOTSUPP`: it cannot see that edge. `EPERM`: it is not stamped yet, and to change that needs CAP_SYS_TIME.
    /// `ENOTTY`: it is no PPS source.
    pub fn open(path: &Path, edge: Edge) -> io::Result<Self> {
        let file = open_device(path, true).or_else(|_| open_device(path, false))?;
        let mut capabilities = Argument::<4>::ZERO;
        sys::pps_ioctl(file.as_fd(), pps::GETCAP, &mut capabilities)?;
        let can = i32::from_ne_bytes(capabilities.0);
        if can & edge.mode() == 0 {
            return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        }
        let mut parameters = Argument::<{ pps::kparams::SIZE }>::ZERO;
        sys::pps_ioctl(file.as_fd(), pps::GETPARAMS, &mut parameters)?;
        let mode = field(&parameters.0, pps::kparams::MODE).map_or(0, i32::from_ne_bytes);
        if mode & edge.mode() == 0 {
            let mode = (mode | edge.mode() | pps::TSFMT_TSPEC).to_ne_bytes();
            parameters.0[pps::kparams::MODE..pps::kparams::MODE + 4].copy_from_slice(&mode);
            parameters.0[..4].copy_from_slice(&pps::API_VERSION.to_ne_bytes());
            sys::pps_ioctl(file.as_fd(), pps::SETPARAMS, &mut parameters)?;
        }
        Ok(Self { file, edge })
    }

    /// The latest edge; `None` before the first one.
    ///
    /// # Errors
    /// `ENODEV` when the source is gone.
    pub fn latest(&self) -> io::Result<Option<Pulse>> {
        let mut data = Argument::<{ pps::fdata::SIZE }>::ZERO;
        // A time-out of zero, and valid: not to wait.
        sys::pps_ioctl(self.file.as_fd(), pps::FETCH, &mut data)?;
        let (sequence, at) = match self.edge {
            Edge::Assert => (pps::fdata::ASSERT_SEQUENCE, pps::fdata::ASSERT),
            Edge::Clear => (pps::fdata::CLEAR_SEQUENCE, pps::fdata::CLEAR),
        };
        let sequence = field(&data.0, sequence).map_or(0, u32::from_ne_bytes);
        let seconds = field(&data.0, at).map_or(0, i64::from_ne_bytes);
        let nanoseconds = field(&data.0, at + pps::ktime::NSEC).map_or(0, i32::from_ne_bytes);
        let nanoseconds = u32::try_from(nanoseconds).ok().filter(|nanoseconds| *nanoseconds < 1_000_000_000);
        let is_there = sequence != 0 && seconds != 0;
        Ok(nanoseconds
            .filter(|_| is_there)
            .map(|nanoseconds| Pulse { sequence, at: KernelTime { seconds, nanoseconds } }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pps_source_is_refused_and_what_is_not_there_is_named() {
        let refused = Pps::open(Path::new("/dev/null"), Edge::Assert).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::ENOTTY));
        let absent = Pps::open(Path::new("/dev/no-such-pps"), Edge::Clear).unwrap_err();
        assert_eq!(absent.raw_os_error(), Some(libc::ENOENT));
    }
}

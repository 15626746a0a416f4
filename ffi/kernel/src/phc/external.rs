//! External time stamps: what a PHC's own input has seen, stamped by its clock (`PTP_EXTTS_REQUEST`).
//!
//! A card with programmable pins must be told which of them is the input of a channel ([`Phc::set_pin_to_input`]); one without has them wired.
//! Which edges a card can stamp is the driver's to say: some stamp the rising one alone, the i210 only both, without a word which is
//! which. The first ioctl was deaf to that: it switched on whatever the card does. The second one (Linux 5.4) refuses what is not exactly what was asked for.
//!
//! Before Linux 6.7 all who have a PHC open share one queue: a stamp that somebody else has read is gone, and read(2) waits for the next one, whatever
//! `O_NONBLOCK` says. So [`Phc::external_stamps`] asks poll(2) first, and no other program should read them.

use std::io::{self, Read};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Phc;
use crate::sys::{self, Argument};
use crate::timestamping::KernelTime;
use crate::uapi::{field, ptp};

/// The stamps that one call can fetch (`PTP_BUF_TIMESTAMPS`).
pub const EXTERNAL_STAMPS_MAX: usize = 30;

/// Which edges are to be stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    /// The rising ones.
    Rising,
    /// The falling ones.
    Falling,
    /// Both; nothing says which is which.
    Both,
}

impl Edges {
    const fn flags(self) -> u32 {
        match self {
            Self::Rising => ptp::RISING_EDGE,
            Self::Falling => ptp::FALLING_EDGE,
            Self::Both => ptp::RISING_EDGE | ptp::FALLING_EDGE,
        }
    }
}

/// An edge that the card has stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternalStamp {
    /// The channel that saw it.
    pub channel: u32,
    /// The PHC at that instant.
    pub at: KernelTime,
}

impl ExternalStamp {
    /// Room for a stamp.
    pub const EMPTY: Self = Self { channel: 0, at: KernelTime { seconds: 0, nanoseconds: 0 } };

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        use ptp::extts_event as at;
        let seconds = i64::from_ne_bytes(field(bytes, 0)?);
        let nanoseconds = u32::from_ne_bytes(field(bytes, ptp::clock_time::NANOSECONDS)?);
        let channel = u32::from_ne_bytes(field(bytes, at::INDEX)?);
        Some(Self { channel, at: KernelTime::from_reading(seconds, nanoseconds.into())? })
    }
}

/// A programmable pin of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    name: [u8; ptp::pin_desc::NAME_SIZE],
    /// The channel whose external stamps it makes; `None`: it does something else, or nothing.
    pub input_of: Option<u32>,
}

impl Pin {
    /// What the driver calls it (`SDP0`).
    pub fn name(&self) -> &str {
        let end = self.name.iter().position(|octet| *octet == 0).unwrap_or(self.name.len());
        std::str::from_utf8(&self.name[..end]).unwrap_or("")
    }
}

impl Phc {
    /// What a pin is called, and what it does (`PTP_PIN_GETFUNC`).
    ///
    /// # Errors
    /// `EINVAL` if the card has no such pin; `ENODEV` when it is gone.
    pub fn pin(&self, index: u32) -> io::Result<Pin> {
        use ptp::pin_desc as at;
        let mut argument = Argument::<{ at::SIZE }>::ZERO;
        argument.0[at::INDEX..][..4].copy_from_slice(&index.to_ne_bytes());
        sys::ioctl(self.as_fd(), ptp::PIN_GETFUNC, &mut argument)?;
        let word = |offset| field(&argument.0, offset).map_or(0, u32::from_ne_bytes);
        let is_input = word(at::FUNC) == ptp::PF_EXTTS;
        let name = field(&argument.0, 0).unwrap_or([0; at::NAME_SIZE]);
        Ok(Pin { name, input_of: is_input.then(|| word(at::CHAN)) })
    }

    /// Makes a pin the input of a channel of external stamps (`PTP_PIN_SETFUNC`); a pin that was it before is none any more.
    ///
    /// # Errors
    /// `EINVAL` without such a pin or channel, `EOPNOTSUPP` where the pin cannot be an input, `EACCES` unless [`Phc::is_writable`].
    pub fn set_pin_to_input(&self, index: u32, channel: u32) -> io::Result<()> {
        use ptp::pin_desc as at;
        let mut argument = Argument::<{ at::SIZE }>::ZERO;
        for (offset, value) in [(at::INDEX, index), (at::FUNC, ptp::PF_EXTTS), (at::CHAN, channel)] {
            argument.0[offset..][..4].copy_from_slice(&value.to_ne_bytes());
        }
        sys::ioctl(self.as_fd(), ptp::PIN_SETFUNC, &mut argument)
    }

    /// Has the edges at the input of a channel stamped; `None`: no more.
    ///
    /// # Errors
    /// `EINVAL` without such a channel, `EOPNOTSUPP` where the card cannot stamp exactly these edges (before Linux 5.4 it is not asked), `EBUSY` where no
    /// pin is the input, `EACCES` unless [`Phc::is_writable`].
    pub fn stamp_edges(&self, channel: u32, edges: Option<Edges>) -> io::Result<()> {
        let mut argument = Argument::<{ ptp::extts_request::SIZE }>::ZERO;
        let flags = edges.map_or(0, |edges| ptp::ENABLE_FEATURE | edges.flags());
        argument.0[..4].copy_from_slice(&channel.to_ne_bytes());
        argument.0[ptp::extts_request::FLAGS..][..4].copy_from_slice(&flags.to_ne_bytes());
        match sys::ioctl(self.as_fd(), ptp::EXTTS_REQUEST2, &mut argument) {
            Err(error) if error.raw_os_error() == Some(libc::ENOTTY) => {
                sys::ioctl(self.as_fd(), ptp::EXTTS_REQUEST, &mut argument)
            }
            done => done,
        }
    }

    /// Fetches stamps that have not been read yet, of all channels, the oldest first, and says how many; never waits.
    ///
    /// # Errors
    /// `ENODEV` when the card is gone.
    pub fn external_stamps(&self, out: &mut [ExternalStamp; EXTERNAL_STAMPS_MAX]) -> io::Result<usize> {
        use ptp::extts_event::SIZE;
        if poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO)? == 0 {
            return Ok(0);
        }
        let mut bytes = [0; EXTERNAL_STAMPS_MAX * SIZE];
        let length = (&self.file).read(&mut bytes)?;
        let mut count = 0;
        for stamp in bytes[..length].chunks_exact(SIZE).filter_map(ExternalStamp::from_bytes) {
            out[count] = stamp;
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_at_the_headers_offsets_and_one_with_a_fraction_that_cannot_be_is_none() {
        let mut bytes = [0; ptp::extts_event::SIZE];
        bytes[..8].copy_from_slice(&1_800_000_000_i64.to_ne_bytes());
        bytes[8..12].copy_from_slice(&7_u32.to_ne_bytes());
        bytes[16..20].copy_from_slice(&3_u32.to_ne_bytes());
        let at = KernelTime { seconds: 1_800_000_000, nanoseconds: 7 };
        assert_eq!(ExternalStamp::from_bytes(&bytes), Some(ExternalStamp { channel: 3, at }));
        bytes[8..12].copy_from_slice(&1_000_000_000_u32.to_ne_bytes());
        assert_eq!(ExternalStamp::from_bytes(&bytes), None);
        assert_eq!(ExternalStamp::from_bytes(&bytes[..12]), None);
    }

    #[test]
    fn what_is_no_clock_has_neither_pins_nor_stamps() {
        let file = std::fs::File::open("/dev/null").expect("it is everywhere");
        let phc = Phc { file, index: 0, is_writable: false };
        let refused = [
            phc.pin(0).map(drop),
            phc.set_pin_to_input(0, 0),
            phc.stamp_edges(0, Some(Edges::Rising)),
            phc.stamp_edges(0, None),
        ];
        for error in refused.map(|result| result.expect_err("no PHC")) {
            assert_eq!(error.raw_os_error(), Some(libc::ENOTTY));
        }
    }
}

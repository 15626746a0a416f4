//! What reference clocks write: samples of their time beside the system clock's.
//!
//! These are structs of C in this machine's own byte order and alignment, written by programs of this machine. They are read
//! as octets at the offsets that the C compiler gives them on Linux with 64-bit `time_t`.
//!
//! | module | format |
//! |---|---|
//! | [`shm`] | `struct shmTime` of ntpd's driver 28, which gpsd writes |
//! | [`sock`] | `struct sock_sample` of chrony's SOCK driver |

pub mod shm;
pub mod sock;

use crate::time::{LeapIndicator, Local, Timestamp};

/// One sample: at this reading of the system clock the reference's time was that.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// CLOCK_REALTIME when it was taken.
    pub received: Timestamp<Local>,
    /// The reference's time then.
    pub reference: Timestamp<Local>,
    /// How exact it is, as the logarithm to base 2 of seconds; `None` if that is not said.
    pub precision: Option<i8>,
    /// Its leap warning, or that it has no time.
    pub leap: LeapIndicator,
    /// Only the fraction of the second means anything.
    pub is_pulse: bool,
}

/// Why there is no sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParseError {
    /// Too few or too many octets.
    Length,
    /// It does not begin or end as it should, or its mode is not known.
    Magic,
    /// A field is outside of its range: a fraction of more than a second, a leap of more than two bits.
    Field,
}

/// An `N`-octet integer in the machine's byte order.
fn field<const N: usize>(octets: &[u8], offset: usize) -> Option<[u8; N]> {
    octets.get(offset..)?.first_chunk().copied()
}

/// Seconds and nanoseconds of that second.
fn instant(seconds: i64, nanoseconds: u32) -> Result<Timestamp<Local>, ParseError> {
    const BILLION: u32 = 1_000_000_000;
    if nanoseconds < BILLION { Ok(Timestamp::from_parts(seconds, nanoseconds)) } else { Err(ParseError::Field) }
}

fn leap(bits: i32) -> Result<LeapIndicator, ParseError> {
    if (0..=3).contains(&bits) { Ok(LeapIndicator::from_bits(bits as u8)) } else { Err(ParseError::Field) }
}

//! L3: the clocks that can be steered, and the oscillators under them.
//!
//! [`Clock`] is the seam: the discipline decides, a clock obeys. Today's clocks are software clocks, functions of the
//! reading of the clock that the kernel stamps packets with (see [`SoftwareClock`]); none of them touches the machine's.
//! [`Steering`] is one discipline with one clock; the discipline thread and the simulator both drive it.

pub mod comparison;
mod host;
pub mod inventory;
mod oscillator;
mod recording;
mod reference;
mod software;
mod steering;

pub use host::{HostClock, JUMP_MIN, JumpDetector};
pub use oscillator::{GRID, Oscillator, OscillatorModel};
pub use recording::{Recorded, Recording};
pub use reference::{ArbPolicy, reference_of};
pub use software::SoftwareClock;
pub use steering::{Steering, SteeringConfig};

use crate::discipline::Adjustment;
use crate::time::{ClockEpoch, FrequencyPpb, Local, Stamp, Timestamp};

/// Why a clock did not obey.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockError {
    /// The command is not a number, or beyond what the clock can do.
    OutOfRange,
}

/// A clock that can be read at a past instant and steered.
pub trait Clock {
    /// What this clock read when the stamping clock read `raw`; `None` if that is further back than its history, or
    /// if `raw` is of a clock that this one does not know.
    fn locate(&mut self, raw: &Stamp) -> Option<Stamp>;

    /// What this clock reads when the stamping clock reads `at`, and how much faster than it this one runs then.
    fn line(&mut self, at: Timestamp<Local>) -> (Timestamp<Local>, FrequencyPpb);

    /// Obeys a command at reading `at` of the stamping clock; returns the epoch that then holds.
    ///
    /// # Errors
    /// [`ClockError::OutOfRange`]; nothing has changed then.
    fn adjust(&mut self, at: Timestamp<Local>, command: Adjustment) -> Result<ClockEpoch, ClockError>;

    /// Somebody set the stamping clock, which reads `at` now. What this clock reads is a function of that; its history is
    /// void, and a new epoch begins.
    fn restart(&mut self, at: Timestamp<Local>) -> ClockEpoch;

    /// The frequency correction in force, read back.
    fn frequency(&self) -> FrequencyPpb;

    /// The epoch in force.
    fn epoch(&self) -> ClockEpoch;
}

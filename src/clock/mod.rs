//! L3: the clocks that can be steered, and the oscillators under them.
//!
//! [`Clock`] is the seam: the discipline decides, a clock obeys.
//!
//! | clock | what it is | counts |
//! |---|---|---|
//! | [`SoftwareClock`] | a function of the clock that stamps, which it never touches: `observe`, simulations, the simulator | UTC or TAI |
//! | [`SystemClock`] | CLOCK_REALTIME, by adjtimex(2) | UTC |
//! | [`PhcClock`] | a card's clock | TAI |
//!
//! [`Steering`] is one discipline with one clock, and settles the scale between them. [`Cascade`] is all clocks of a host:
//! one hears the source, the others follow it by crossings ([`PhcReader`]), and a clock that jumps is found out
//! ([`Continuity`]). The discipline thread and the simulator both drive these.

mod any;
mod cascade;
pub mod comparison;
mod continuity;
mod disruption;
mod edges;
mod foretold;
mod gain;
mod generation;
mod heartbeat;
mod host;
pub mod inventory;
mod kernel_leap;
mod leap;
mod oscillator;
mod phc;
mod ptp_ports;
mod rate_step;
mod recording;
mod reference;
pub(crate) mod rtc;
mod set_alarm;
mod software;
mod steering;
mod system;
mod tampering;
mod vmclock;

pub use any::AnyClock;
pub use cascade::{
    CROSSING_FAST, CROSSING_SOURCE, CROSSING_STEADY, CROSSING_STEADY_PI, Cascade, CascadeConfig, CascadeNotice,
    Crossing, JumpedTo, LOCK_LIMIT_HARDWARE, LOCK_LIMIT_NTP, LOCK_LIMIT_SOFTWARE, PHCS_MAX, Standing,
};
pub use continuity::{Continuity, JUMP_FLOOR, Proof};
pub use disruption::{Disruption, DisruptionWatch, PageFault, PauseWatch};
pub use edges::{Reading, sharpest};
pub use generation::GenerationNews;
pub use heartbeat::Heartbeat;
pub use host::{HostClock, JUMP_MIN, JumpDetector, Moments};
pub use leap::{
    AMBIGUOUS, GUARD, HostUtc, Leap, LeapDispute, LeapList, LeapPolicy, LeapWatch, Ruling, UtcDispute, UtcNews,
    UtcPolicy, UtcWord,
};
pub use oscillator::{GRID, Oscillator, OscillatorModel};
pub use phc::{PhcClock, PhcReader, known_quantum};
pub use ptp_ports::{KnownPort, MUTE_MAX, PortPlace, ServedLine, ToServe, choose_port, decide_for_all};
pub use recording::{Recorded, Recording};
pub use reference::{ArbPolicy, ClockWords, reference_of, reference_of_clock, reference_of_server};
pub use rtc::Rtc;
pub use set_alarm::SetAlarm;
pub use software::SoftwareClock;
pub use steering::{Counts, Steering, SteeringConfig};
#[cfg(test)]
pub(crate) use system::kernel_status;
pub use system::{Correction, SystemClock};
pub use tampering::{Tampering, Watch as RateWatch};
pub use vmclock::{NoReading, VmClockReader, VmReading, VmScale};

use crate::discipline::Adjustment;
use crate::time::{ClockEpoch, Duration, FrequencyPpb, Local, Mono, Stamp, Timestamp};

/// Why a clock did not obey.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockError {
    /// The command is not a number, or beyond what the clock can do.
    OutOfRange,
    /// The system call failed with this errno (clock_adjtime(2)).
    Failed(i32),
}

impl From<i32> for ClockError {
    /// As in [`Notice::Refused`](crate::discipline::Notice::Refused): zero stands for [`ClockError::OutOfRange`].
    fn from(errno: i32) -> Self {
        if errno == 0 { Self::OutOfRange } else { Self::Failed(errno) }
    }
}

/// A clock obeyed: it read `before`, and at the same instant `after`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Adjusted {
    /// Its reading just before it obeyed.
    pub before: Timestamp<Local>,
    /// Its reading just after; the same unless it stepped.
    pub after: Timestamp<Local>,
    /// The epoch that holds now.
    pub epoch: ClockEpoch,
    /// The correction in force, read back: a clock rounds to its own quantum.
    pub frequency: FrequencyPpb,
    /// When that was, if the readings are those that it was told and not those at which it obeyed: between these two.
    pub between: Option<(Timestamp<Mono>, Timestamp<Mono>)>,
}

/// A clock that can be read at a past instant and steered.
///
/// `at` is always a reading of the stamping clock. A software clock is a function of that; a real clock is the stamping
/// clock itself, and reads `at` when that reads `at`.
pub trait Clock {
    /// What this clock read when the stamping clock read `raw`; `None` if that is further back than its history, or
    /// if `raw` is of a clock that this one does not know.
    fn locate(&mut self, raw: &Stamp) -> Option<Stamp>;

    /// What this clock reads when the stamping clock reads `at`, and how much faster than it this one runs then.
    fn line(&mut self, at: Timestamp<Local>) -> (Timestamp<Local>, FrequencyPpb);

    /// Obeys a command at reading `at` of the stamping clock.
    ///
    /// # Errors
    /// [`ClockError`]; nothing has changed then.
    fn adjust(&mut self, at: Timestamp<Local>, command: Adjustment) -> Result<Adjusted, ClockError>;

    /// A clock whose frequency has a coarse quantum alternates between two of them, so that their mean is what was
    /// commanded. Returns what it changed at `at`, if anything.
    fn dither(&mut self, at: Timestamp<Local>) -> Option<Adjusted> {
        _ = at;
        None
    }

    /// How often it wants [`Clock::dither`]; `None`: never.
    fn dither_every(&self) -> Option<Duration> {
        None
    }

    /// Somebody set the stamping clock, which reads `at` now. What this clock reads is a function of that; its history is
    /// void, and a new epoch begins.
    fn restart(&mut self, at: Timestamp<Local>) -> ClockEpoch;

    /// The step of which its rate is a multiple, if that is known and matters: any other rate it makes up of two of these, nobody knows when.
    fn rate_step(&self) -> Option<FrequencyPpb> {
        None
    }

    /// The largest frequency correction that it obeys, on each side, if that is a limit of its own.
    fn frequency_max(&self) -> Option<FrequencyPpb> {
        None
    }

    /// Whether the stamping clock is this clock itself, and so steps with it.
    fn is_stamping(&self) -> bool {
        false
    }

    /// Whether CLOCK_MONOTONIC goes with its rate, as it does with that of the system clock.
    fn turns_mono(&self) -> bool {
        false
    }

    /// The frequency correction in force, read back.
    fn frequency(&self) -> FrequencyPpb;

    /// The epoch in force.
    fn epoch(&self) -> ClockEpoch;
}

//! One type for every clock that the daemon steers.

use super::{Adjusted, Clock, ClockError, PhcClock, SoftwareClock, SystemClock};
use crate::discipline::Adjustment;
use crate::time::{ClockEpoch, FrequencyPpb, Local, Stamp, Timestamp};

/// A clock of the host, or one in software.
#[derive(Debug)]
pub enum AnyClock {
    /// A function of another clock, which nobody touches.
    Software(SoftwareClock),
    /// A PTP hardware clock.
    Phc(PhcClock),
    /// CLOCK_REALTIME.
    System(SystemClock),
}

macro_rules! each {
    ($self:expr, $clock:ident => $act:expr) => {
        match $self {
            Self::Software($clock) => $act,
            Self::Phc($clock) => $act,
            Self::System($clock) => $act,
        }
    };
}

impl Clock for AnyClock {
    fn locate(&mut self, raw: &Stamp) -> Option<Stamp> {
        each!(self, clock => clock.locate(raw))
    }

    fn line(&mut self, at: Timestamp<Local>) -> (Timestamp<Local>, FrequencyPpb) {
        each!(self, clock => clock.line(at))
    }

    fn adjust(&mut self, at: Timestamp<Local>, command: Adjustment) -> Result<Adjusted, ClockError> {
        each!(self, clock => clock.adjust(at, command))
    }

    fn dither(&mut self, at: Timestamp<Local>) -> Option<Adjusted> {
        each!(self, clock => clock.dither(at))
    }

    fn dither_every(&self) -> Option<crate::time::Duration> {
        each!(self, clock => clock.dither_every())
    }

    fn rate_step(&self) -> Option<FrequencyPpb> {
        each!(self, clock => clock.rate_step())
    }

    fn frequency_max(&self) -> Option<FrequencyPpb> {
        each!(self, clock => clock.frequency_max())
    }

    fn turns_mono(&self) -> bool {
        each!(self, clock => clock.turns_mono())
    }

    fn is_stamping(&self) -> bool {
        each!(self, clock => clock.is_stamping())
    }

    fn restart(&mut self, at: Timestamp<Local>) -> ClockEpoch {
        each!(self, clock => clock.restart(at))
    }

    fn frequency(&self) -> FrequencyPpb {
        each!(self, clock => clock.frequency())
    }

    fn epoch(&self) -> ClockEpoch {
        each!(self, clock => clock.epoch())
    }
}

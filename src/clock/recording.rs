//! A clock that remembers what it was told, for whoever repeats it.

use super::{Adjusted, Clock, ClockError};
use crate::discipline::Adjustment;
use crate::time::{ClockEpoch, Duration, FrequencyPpb, Local, Stamp, Timestamp};

/// Wraps a clock and keeps its last adjustment until it is taken.
#[derive(Clone, Debug)]
pub struct Recording<C> {
    clock: C,
    recorded: Option<Recorded>,
}

/// What was done to a clock, and at which reading of the stamping clock.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Recorded {
    /// It obeyed a command.
    Adjusted(Timestamp<Local>, Adjustment),
    /// Somebody else has set it by so much; only one in software tells.
    Set(Timestamp<Local>, Duration),
    /// It was restarted, because the stamping clock was set.
    Restarted(Timestamp<Local>),
}

impl<C> Recording<C> {
    /// Around `clock`.
    pub fn new(clock: C) -> Self {
        Self { clock, recorded: None }
    }

    /// The clock itself.
    pub fn inner(&mut self) -> &mut C {
        &mut self.clock
    }

    /// Somebody else has set it: see [`SoftwareClock::set`](super::SoftwareClock::set).
    pub fn was_set(&mut self, at: Timestamp<Local>, by: Duration) {
        self.recorded = Some(Recorded::Set(at, by));
    }

    /// The last that was done since this was asked.
    pub fn take(&mut self) -> Option<Recorded> {
        self.recorded.take()
    }
}

impl<C: Clock> Clock for Recording<C> {
    fn locate(&mut self, raw: &Stamp) -> Option<Stamp> {
        self.clock.locate(raw)
    }

    fn line(&mut self, at: Timestamp<Local>) -> (Timestamp<Local>, FrequencyPpb) {
        self.clock.line(at)
    }

    fn adjust(&mut self, at: Timestamp<Local>, command: Adjustment) -> Result<Adjusted, ClockError> {
        let adjusted = self.clock.adjust(at, command)?;
        self.recorded = Some(Recorded::Adjusted(at, command));
        Ok(adjusted)
    }

    fn dither(&mut self, at: Timestamp<Local>) -> Option<Adjusted> {
        self.clock.dither(at)
    }

    fn dither_every(&self) -> Option<Duration> {
        self.clock.dither_every()
    }

    fn rate_step(&self) -> Option<FrequencyPpb> {
        self.clock.rate_step()
    }

    fn frequency_max(&self) -> Option<FrequencyPpb> {
        self.clock.frequency_max()
    }

    fn turns_mono(&self) -> bool {
        self.clock.turns_mono()
    }

    fn is_stamping(&self) -> bool {
        self.clock.is_stamping()
    }

    fn restart(&mut self, at: Timestamp<Local>) -> ClockEpoch {
        self.recorded = Some(Recorded::Restarted(at));
        self.clock.restart(at)
    }

    fn frequency(&self) -> FrequencyPpb {
        self.clock.frequency()
    }

    fn epoch(&self) -> ClockEpoch {
        self.clock.epoch()
    }
}

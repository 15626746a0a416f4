//! A clock that remembers what it was told, for whoever repeats it.

use super::{Clock, ClockError};
use crate::discipline::Adjustment;
use crate::time::{ClockEpoch, FrequencyPpb, Local, Stamp, Timestamp};

/// Wraps a clock and keeps its last adjustment until it is taken.
#[derive(Clone, Debug)]
pub struct Recording<C> {
    clock: C,
    adjusted: Option<(Timestamp<Local>, Adjustment)>,
}

impl<C> Recording<C> {
    /// Around `clock`.
    pub fn new(clock: C) -> Self {
        Self { clock, adjusted: None }
    }

    /// The last adjustment that was obeyed since this was asked, and at which reading of the stamping clock.
    pub fn take_adjusted(&mut self) -> Option<(Timestamp<Local>, Adjustment)> {
        self.adjusted.take()
    }
}

impl<C: Clock> Clock for Recording<C> {
    fn locate(&mut self, raw: &Stamp) -> Option<Stamp> {
        self.clock.locate(raw)
    }

    fn line(&mut self, at: Timestamp<Local>) -> (Timestamp<Local>, FrequencyPpb) {
        self.clock.line(at)
    }

    fn adjust(&mut self, at: Timestamp<Local>, command: Adjustment) -> Result<ClockEpoch, ClockError> {
        let epoch = self.clock.adjust(at, command)?;
        self.adjusted = Some((at, command));
        Ok(epoch)
    }

    fn frequency(&self) -> FrequencyPpb {
        self.clock.frequency()
    }

    fn epoch(&self) -> ClockEpoch {
        self.clock.epoch()
    }
}

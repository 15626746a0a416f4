//! Readings of clocks, with what must be known to compare two of them.

use super::{Duration, Local, SourceId, Timestamp};
use crate::coding::Coded;

/// Which clock a stamp was read from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Coded)]
pub enum ClockId {
    /// The clock that the kernel stamps packets with in software: CLOCK_REALTIME.
    System,
    /// The clock of ours that is steered: the system clock itself, or a software clock that is a function of it.
    Disciplined,
    /// A PTP hardware clock, by our own small index (never the kernel's, which moves).
    Phc(u8),
    /// The clock at the other end of a source.
    Remote(SourceId),
}

/// Counts the steps of a clock: stamps of different epochs do not subtract.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Coded)]
pub struct ClockEpoch(pub u32);

impl ClockEpoch {
    /// The epoch after one more step; wraps, since only equality matters.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// Who took a stamp, and so how good it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Coded)]
pub enum StampSource {
    /// The network card.
    Hardware,
    /// The kernel's driver or network stack.
    Kernel,
    /// A user-space program, around the system call.
    Program,
    /// The other end put it into a message; how it was taken is not ours to know.
    Message,
}

/// One reading of one clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct Stamp {
    /// The reading.
    pub at: Timestamp<Local>,
    /// Whose reading it is.
    pub clock: ClockId,
    /// After how many steps of that clock.
    pub epoch: ClockEpoch,
    /// Who took it.
    pub source: StampSource,
    /// How far from the event the reading may be, beside any delay that counts as the path's: quantisation, read window.
    pub error: Duration,
}

/// Why two stamps do not subtract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unpaired {
    /// They are of different clocks.
    Clock,
    /// A step lies between them: the pair is useless, not wrong.
    Epoch,
}

impl Stamp {
    /// `self - earlier` on one clock.
    ///
    /// # Errors
    /// [`Unpaired`] if the stamps are of different clocks or epochs.
    pub fn since(&self, earlier: &Self) -> Result<Duration, Unpaired> {
        if self.clock != earlier.clock {
            Err(Unpaired::Clock)
        } else if self.epoch != earlier.epoch {
            Err(Unpaired::Epoch)
        } else {
            Ok(self.at - earlier.at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(clock: ClockId, epoch: u32, nanos: i128) -> Stamp {
        Stamp {
            at: Timestamp::from_nanos(nanos),
            clock,
            epoch: ClockEpoch(epoch),
            source: StampSource::Kernel,
            error: Duration::ZERO,
        }
    }

    #[test]
    fn stamps_across_a_step_do_not_subtract() {
        let before = stamp(ClockId::System, 1, 5);
        let after = stamp(ClockId::System, 2, 9);
        assert_eq!(after.since(&before), Err(Unpaired::Epoch));
        assert_eq!(after.since(&stamp(ClockId::Phc(0), 2, 9)), Err(Unpaired::Clock));
        assert_eq!(after.since(&stamp(ClockId::System, 2, 5)), Ok(Duration::from_nanos(4)));
    }
}

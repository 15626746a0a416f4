//! The state of a clock, one word everywhere.

use std::fmt;

use crate::coding::Coded;

/// The state of a clock, the same word in status, metrics, NTP replies, PTP class, kernel flags and events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Coded)]
#[repr(u8)]
pub enum SyncState {
    /// No source has ever given a usable time.
    #[default]
    NeverSynced = 0,
    /// A source is followed, and the clock is not yet inside its limit.
    Acquiring = 1,
    /// The clock's bound is inside its limit.
    Locked = 2,
    /// It was locked; no source at the moment. The bound grows.
    Holdover = 3,
    /// It has lost what it knew: the bound is beyond use.
    Freerun = 4,
    /// Time itself was disturbed (a foreign step, a paused machine): nothing is known until it is measured again.
    Disrupted = 5,
}

impl SyncState {
    /// All states, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::NeverSynced, Self::Acquiring, Self::Locked, Self::Holdover, Self::Freerun, Self::Disrupted];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NeverSynced => "NEVER_SYNCED",
            Self::Acquiring => "ACQUIRING",
            Self::Locked => "LOCKED",
            Self::Holdover => "HOLDOVER",
            Self::Freerun => "FREERUN",
            Self::Disrupted => "DISRUPTED",
        }
    }

    /// From its number; unknown numbers are [`SyncState::NeverSynced`], the most careful reading.
    pub fn from_number(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or_default()
    }

    /// Whether the clock may be served as synchronised.
    pub const fn is_synchronised(self) -> bool {
        matches!(self, Self::Locked | Self::Holdover)
    }
}

impl fmt::Display for SyncState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_states() {
        for state in SyncState::ALL {
            assert_eq!(SyncState::from_number(state as u8), state);
        }
        assert_eq!(SyncState::from_number(200), SyncState::NeverSynced);
    }
}

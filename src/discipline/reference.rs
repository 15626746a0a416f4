//! Who is followed.

use super::Ruler;
use crate::coding::Coded;
use crate::time::{Duration, LeapIndicator, Local, Mono, SourceId, TaiUtc, Timestamp};

/// How the master's time becomes UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum Timescale {
    /// Its readings are UTC (or the ARB timescale, taken as UTC).
    Utc,
    /// Its readings are TAI.
    Tai(TaiUtc),
    /// Its readings are TAI and nobody says what UTC is: unusable.
    TaiWithoutUtc,
    /// ARB, and the configuration refuses it.
    Refused,
}

impl Timescale {
    /// Whether it becomes UTC at all.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Utc | Self::Tai(_))
    }

    /// A reading as UTC, if it becomes that at all.
    pub fn to_utc(self, reading: Timestamp<Local>) -> Option<Timestamp<Local>> {
        match self {
            Self::Utc => Some(reading),
            Self::Tai(offset) => Some(reading - offset.duration()),
            Self::TaiWithoutUtc | Self::Refused => None,
        }
    }
}

/// Who is followed, and what it says of itself.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Reference {
    /// The source's row.
    pub source: SourceId,
    /// How its time becomes UTC.
    pub timescale: Timescale,
    /// TAI - UTC, where the source or else the host knows it.
    pub tai_utc: Option<TaiUtc>,
    /// It has lost its own source and runs on by what it had learnt: what it says proves nothing new.
    pub is_held_over: bool,
    /// It has no source and never claims one: it serves its own clock so that others agree with it (`local` with `orphan`). It is followed, and says
    /// nothing of what time it is.
    pub is_orphan: bool,
    /// How right it says it is; `None` if it does not.
    pub accuracy: Option<Duration>,
    /// The clock of this host that it is seen through; `None` if it is heard.
    pub ruler: Option<Ruler>,
    /// Which of its own proofs what it says rests on; where that changes, what was said before is about another time.
    pub proofs: u32,
    /// Its leap warning.
    pub leap: LeapIndicator,
    /// The stratum that we serve while we follow it, 1..=15.
    pub stratum: u8,
    /// The reference ID that we serve while we follow it.
    pub reference_id: [u8; 4],
    /// When it was selected.
    pub selected_at: Timestamp<Mono>,
    /// Its time goes on from that of whoever steered before: it is another clock of this host, which has been handed over already.
    pub continues: bool,
    /// Whose clock it is in the end (PTP: grandmasterIdentity): another one behind the same parent is another clock.
    pub clock: u64,
    /// By whom it is heard (PTP: the parent's clockIdentity): what comes by the same source from the same neighbour comes by the same
    /// path, whoever's time it is.
    pub path: u64,
}

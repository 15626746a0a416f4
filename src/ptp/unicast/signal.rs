//! Packet timing signal fail: what of a master's signal does not come as it should (ITU-T G.8265.1 6.7.3.2).
//!
//! | | what is seen |
//! |---|---|
//! | lossAnnounce | no Announce for the announce receipt timeout: what the frequency is worth is not known any more |
//! | lossSync | no Sync, or no Delay_Resp to what was sent, for five intervals and at least 2 s |
//! | unusable | too few of the Sync come about as soon as the soonest ([`DelayVariation`](crate::ptp::DelayVariation)) |
//!
//! Each is shown of every master that is asked by unicast. That one is left at once for it, after the hold-off time and until waitToRestore is
//! over, is the rule of that profile alone: by others a master that was restarted is asked again first.

use crate::coding::Coded;
use crate::time::Duration;

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum SignalFail {
    /// PTSF-lossAnnounce.
    LossAnnounce,
    /// PTSF-lossSync.
    LossSync,
    /// PTSF-unusable.
    Unusable,
}

impl SignalFail {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LossAnnounce, Self::LossSync, Self::Unusable];

    /// As the recommendation calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LossAnnounce => "PTSF-lossAnnounce",
            Self::LossSync => "PTSF-lossSync",
            Self::Unusable => "PTSF-unusable",
        }
    }

    /// What that is, for people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::LossAnnounce => "its Announce do not come",
            Self::LossSync => "its Sync or Delay_Resp do not come",
            Self::Unusable => "the delay of its Sync varies too much",
        }
    }
}

/// Those that a master has.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Coded)]
pub struct SignalFails([bool; SignalFail::ALL.len()]);

impl SignalFails {
    /// All is well.
    pub const NONE: Self = Self([false; SignalFail::ALL.len()]);

    /// With one more, if that is so.
    #[must_use]
    pub const fn with(mut self, fail: SignalFail, is_so: bool) -> Self {
        self.0[fail as usize] |= is_so;
        self
    }

    /// Whether this is one of them.
    pub const fn has(self, fail: SignalFail) -> bool {
        self.0[fail as usize]
    }

    /// All that there are.
    pub fn iter(self) -> impl Iterator<Item = SignalFail> {
        SignalFail::ALL.into_iter().filter(move |fail| self.has(*fail))
    }
}

/// When a signal that fails counts against its master.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct SignalConfig {
    /// So long it must have failed, or the quality level have been a worse one: hold-off time.
    pub hold_off: Duration,
    /// By how much Sync may be delayed longer than the soonest one (G.8261.1: 150 us); `None`: that is not judged.
    pub delay_variation_max: Option<Duration>,
    /// One that has been restored is followed again if it comes first in the table. Otherwise the one that is followed stays while none has
    /// a better quality level, and until its own signal fails (non-reversion).
    pub reverts: bool,
}

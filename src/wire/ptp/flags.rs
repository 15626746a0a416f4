//! flagField: sixteen bits of which each message type defines a few.

use std::fmt;
use std::ops::BitOr;

/// flagField of the header (IEEE 1588-2019 13.3.2.8, table 37); the first octet is the high one.
///
/// Bits without a name here are kept, so that a message is forwarded as it came.
#[doc(alias = "flagField")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u16);

impl Flags {
    /// No flag set.
    pub const NONE: Self = Self(0);
    /// The sender is not the best master, only an alternate one (17.2).
    pub const ALTERNATE_MASTER: Self = Self(0x0100);
    /// A Follow_Up comes with the precise time.
    pub const TWO_STEP: Self = Self(0x0200);
    /// The message went to a unicast address.
    pub const UNICAST: Self = Self(0x0400);
    /// The last minute of the current UTC day has 61 seconds.
    pub const LEAP61: Self = Self(0x0001);
    /// The last minute of the current UTC day has 59 seconds.
    pub const LEAP59: Self = Self(0x0002);
    /// currentUtcOffset is known to be right.
    pub const CURRENT_UTC_OFFSET_VALID: Self = Self(0x0004);
    /// The timescale is PTP (TAI), not ARB.
    pub const PTP_TIMESCALE: Self = Self(0x0008);
    /// Time and timescale are traceable to a primary reference.
    pub const TIME_TRACEABLE: Self = Self(0x0010);
    /// Frequency is traceable to a primary reference.
    pub const FREQUENCY_TRACEABLE: Self = Self(0x0020);
    /// The sender is not sure of its own synchronisation (2019).
    pub const SYNCHRONIZATION_UNCERTAIN: Self = Self(0x0040);

    /// Whether all bits of `flags` are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// With the bits of `flags` set or cleared.
    #[must_use]
    pub const fn with(self, flags: Self, set: bool) -> Self {
        if set { Self(self.0 | flags.0) } else { Self(self.0 & !flags.0) }
    }

    /// alternateMasterFlag.
    pub const fn alternate_master(self) -> bool {
        self.contains(Self::ALTERNATE_MASTER)
    }

    /// twoStepFlag.
    pub const fn two_step(self) -> bool {
        self.contains(Self::TWO_STEP)
    }

    /// unicastFlag.
    pub const fn unicast(self) -> bool {
        self.contains(Self::UNICAST)
    }

    /// leap61.
    pub const fn leap61(self) -> bool {
        self.contains(Self::LEAP61)
    }

    /// leap59.
    pub const fn leap59(self) -> bool {
        self.contains(Self::LEAP59)
    }

    /// currentUtcOffsetValid.
    pub const fn current_utc_offset_valid(self) -> bool {
        self.contains(Self::CURRENT_UTC_OFFSET_VALID)
    }

    /// ptpTimescale.
    pub const fn ptp_timescale(self) -> bool {
        self.contains(Self::PTP_TIMESCALE)
    }

    /// timeTraceable.
    pub const fn time_traceable(self) -> bool {
        self.contains(Self::TIME_TRACEABLE)
    }

    /// frequencyTraceable.
    pub const fn frequency_traceable(self) -> bool {
        self.contains(Self::FREQUENCY_TRACEABLE)
    }

    /// synchronizationUncertain.
    pub const fn synchronization_uncertain(self) -> bool {
        self.contains(Self::SYNCHRONIZATION_UNCERTAIN)
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#06x})", self.0)
    }
}

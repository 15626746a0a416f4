//! One message between two clocks.

use super::{Duration, Stamp};
use crate::coding::Coded;

/// A source of time, by its row in the configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Coded)]
pub struct SourceId(pub u16);

/// A directed edge between two clocks: a message that left one and reached the other.
///
/// Sync, Delay_Req, either half of an NTP exchange, a PPS edge and a PHC-to-system crossing all become this, so that
/// filters, selection and error algebra are shared. Without a path asymmetry and with `sent`'s clock being right,
/// `received.at - sent.at - correction` is the path's delay plus the offset of the receiving clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct Observation {
    /// Whose observation it is.
    pub source: SourceId,
    /// When it left, on the sender's clock.
    pub sent: Stamp,
    /// When it arrived, on the receiver's clock.
    pub received: Stamp,
    /// What the network says it held the message for (PTP's correctionField); signed, 2^-16 ns.
    pub correction: Duration,
    /// Pairs the observations of one exchange (PTP's sequenceId of the Delay_Req, NTP's poll number).
    pub exchange: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_fits_the_ring_slot() {
        assert!(size_of::<Observation>() <= 176, "{} bytes", size_of::<Observation>());
    }
}

//! What a card writes its time into as that leaves, instead of handing out a stamp of it.

use synchronome_kernel::nic::{TimestampingInfo, TxStamps};

/// What a card is to write its time into, or does: each more than the one before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub enum OneStep {
    /// Nothing: all is two-step.
    #[default]
    Nothing,
    /// Sync.
    Sync,
    /// Sync, and into Pdelay_Resp what the answer took.
    SyncAndAnswers,
}

impl OneStep {
    /// What a card does that was told this.
    pub const fn of(tx: TxStamps) -> Self {
        match tx {
            TxStamps::OneStepSync => Self::Sync,
            TxStamps::OneStepP2p => Self::SyncAndAnswers,
            TxStamps::Off | TxStamps::On | TxStamps::Other(_) => Self::Nothing,
        }
    }

    /// What to tell a card for it, the best first: what it does not offer is left out, less is better than nothing, and so is more.
    pub(super) fn types(self, info: &TimestampingInfo) -> impl Iterator<Item = TxStamps> {
        let types: &[TxStamps] = match self {
            Self::Nothing => &[],
            Self::Sync => &[TxStamps::OneStepSync, TxStamps::OneStepP2p],
            Self::SyncAndAnswers => &[TxStamps::OneStepP2p, TxStamps::OneStepSync],
        };
        types.iter().copied().filter(|tx| info.has_tx(*tx))
    }

    /// Why a card cannot do it, a clause; `None` if it can.
    pub(super) fn refused_by(self, device: &str, info: &TimestampingInfo) -> Option<String> {
        let best = self.types(info).next().map_or(Self::Nothing, Self::of);
        let (what, name) = match best {
            best if best >= self => return None,
            Self::Nothing => ("its time into a Sync", "onestep-sync"),
            Self::Sync | Self::SyncAndAnswers => ("what an answer took into a Pdelay_Resp", "onestep-p2p"),
        };
        Some(format!("{device} cannot write {what} (ethtool -T: no \"{name}\" among its transmit modes)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits by the numbers of linux/net_tstamp.h.
    fn offering(tx_types: u32) -> TimestampingInfo {
        TimestampingInfo { so_timestamping: 0x5f, phc_index: Some(0), tx_types, rx_filters: 0b11 }
    }

    #[test]
    fn a_card_is_told_the_nearest_to_what_is_wanted_that_it_offers() {
        let types = |wanted: OneStep, types| wanted.types(&offering(types)).map(OneStep::of).collect::<Vec<_>>();
        let (sync, both) = (OneStep::Sync, OneStep::SyncAndAnswers);
        assert_eq!((types(sync, 0b1111), types(both, 0b1111)), (vec![sync, both], vec![both, sync]));
        assert_eq!((types(sync, 0b111), types(both, 0b111)), (vec![sync], vec![sync]));
        assert_eq!((types(sync, 0b1001), types(both, 0b1001)), (vec![both], vec![both]), "a KSZ9477");
        assert_eq!((types(OneStep::Nothing, 0b1111), types(both, 0b11)), (vec![], vec![]));
    }

    #[test]
    fn a_card_without_it_says_which_capability_is_missing() {
        let refused = |wanted: OneStep, types| wanted.refused_by("eth0", &offering(types));
        let missing = |wanted, types| {
            let text = refused(wanted, types).expect("it cannot");
            assert!(text.starts_with("eth0 cannot write "), "{text}");
            text.split('"').nth(1).map(str::to_owned)
        };
        assert_eq!((refused(OneStep::Sync, 0b111), refused(OneStep::Sync, 0b1011)), (None, None));
        assert_eq!((refused(OneStep::SyncAndAnswers, 0b1011), refused(OneStep::Nothing, 0b11)), (None, None));
        assert_eq!(missing(OneStep::Sync, 0b11).as_deref(), Some("onestep-sync"));
        assert_eq!(missing(OneStep::SyncAndAnswers, 0b11).as_deref(), Some("onestep-sync"));
        assert_eq!(missing(OneStep::SyncAndAnswers, 0b111).as_deref(), Some("onestep-p2p"));
    }
}

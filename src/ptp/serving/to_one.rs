//! What a master sends to one receiver that has a contract for it (IEEE 1588-2019 16.1).

use super::{Address, Serving};
use crate::engine::Sink;
use crate::ptp::Effect;
use crate::time::{Local, LogInterval, Timestamp};

impl Serving {
    /// An Announce, which states the interval that was granted.
    pub fn announce_to(&self, to: Address, sequence_id: u16, interval: LogInterval, out: &mut impl Sink<Effect>) {
        self.announce((sequence_id, interval, Some(to)), out);
    }

    /// A Sync, and later its Follow_Up: their logMessageInterval is 0x7F.
    pub fn sync_to(
        &mut self,
        to: Address,
        sequence_id: u16,
        local: Timestamp<Local>,
        next_token: &mut u32,
        out: &mut impl Sink<Effect>,
    ) {
        self.sync((sequence_id, LogInterval::UNSTATED, Some(to)), local, next_token, out);
    }
}

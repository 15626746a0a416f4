//! What a master sends to one receiver that has a contract for it (IEEE 1588-2019 16.1).

use super::{Address, Serving, send};
use crate::engine::Sink;
use crate::ptp::Effect;
use crate::ptp::counters::{Counter, count};
use crate::time::{Local, LogInterval, Mono, Stamp, Timestamp};
use crate::wire::ptp::{Flags, Header};

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
        now: (Timestamp<Mono>, Timestamp<Local>),
        next_token: &mut u32,
        out: &mut impl Sink<Effect>,
    ) {
        self.sync((sequence_id, LogInterval::UNSTATED, Some(to)), now, next_token, out);
    }

    /// The answer to a Delay_Req, whose correctionField was found usable.
    pub fn answer_to(&self, to: Address, request: &Header, stamp: Option<Stamp>, out: &mut impl Sink<Effect>) {
        let Some(stamp) = stamp else { return count(out, Counter::RxStampMissing) };
        let request = Header { flags: request.flags.with(Flags::UNICAST, true), ..*request };
        let arrived = self.time_at(stamp.at - self.latencies.ingress);
        match arrived.and_then(|arrived| self.sender.delay_resp(&request, LogInterval::UNSTATED, arrived)) {
            Some(message) => send(&message, None, Some(to), out),
            None => count(out, Counter::TimeNotRepresentable),
        }
    }
}

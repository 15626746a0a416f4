//! Message interval requests of IEEE 802.1AS at a port: what it asks its master for, and what it does when asked.

use super::Port;
use crate::engine::{Random, Sink};
use crate::ptp::counters::{Counter, count};
use crate::ptp::intervals::{Asking, UNCHANGED, Wanted, wanted};
use crate::ptp::peer::{NeighborStatus, PeerDelay};
use crate::ptp::serving::Paced;
use crate::ptp::unicast::HEEDED_MAX;
use crate::ptp::{Config, Effect, PortState};
use crate::time::{LogInterval, Mono, Timestamp};
use crate::wire::ptp::{Extension, Message, MessageIntervalRequest, OrganizationExtension, PortIdentity};

/// Of the port's seed.
const BRANCH: u64 = 0x0d;
/// computeNeighborRateRatio and computeMeanLinkDelay (table 10-18): the neighbour is to measure as ever.
const COMPUTE_BOTH: u8 = 0b011;

/// How often messages of a port come or go, as portDS has it (8.2.15): what is in force, which may be another interval than the configured one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntervalsInForce {
    /// logAnnounceInterval: of what it sends as master; 127: none.
    pub announce: LogInterval,
    /// logSyncInterval: of a port that follows what its master has granted or states, else of what it sends; 127: none.
    pub sync: LogInterval,
    /// logMinPdelayReqInterval; `None`: it measures no link.
    pub pdelay_req: Option<LogInterval>,
}

/// The first sequenceId of the Signaling that are sent to the neighbour.
pub(super) fn first_signaling_sequence_id(config: &Config) -> u16 {
    Random::seeded(config.seed).branch(BRANCH).next_u64() as u16
}

impl Port {
    /// The intervals in force.
    pub fn intervals(&self) -> IntervalsInForce {
        let [announce, sent] = self.serving.intervals();
        let sync = self.sync_interval.filter(|_| self.state.follows()).unwrap_or(sent);
        IntervalsInForce { announce, sync, pdelay_req: self.peer.as_ref().map(PeerDelay::interval) }
    }

    /// The discipline has said whether the clock is locked.
    pub(super) fn review_intervals(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        let Some(asking) = &mut self.asking else { return };
        let Some(parent) = self.parent.filter(|_| self.state.follows()) else {
            // The link is measured as at first until somebody is followed again.
            asking.stop();
            if std::mem::take(&mut self.has_slow_pdelay) {
                self.peer.iter_mut().for_each(|peer| peer.pace(now, None));
            }
            return;
        };
        let is_locked = self.state == PortState::Slave;
        let ask = asking.review(now, parent.port, is_locked, self.sync_interval);
        let is_operational = asking.is_operational(now);
        if let (Some(peer), Some(slow)) = (&mut self.peer, self.config.intervals.pdelay_req)
            && is_operational != self.has_slow_pdelay
        {
            self.has_slow_pdelay = is_operational;
            peer.pace(now, is_operational.then_some(slow));
        }
        if let Some(interval) = ask {
            self.ask_for_sync(interval, out);
        }
    }

    fn ask_for_sync(&mut self, interval: LogInterval, out: &mut impl Sink<Effect>) {
        let request = MessageIntervalRequest {
            link_delay_interval: UNCHANGED,
            time_sync_interval: interval,
            announce_interval: UNCHANGED,
            flags: COMPUTE_BOTH,
        };
        count(out, Counter::IntervalAsked);
        self.signal_to_neighbor(OrganizationExtension::MessageIntervalRequest(request), out);
    }

    /// There is no link: whoever is there when it is back has asked for nothing.
    pub(super) fn forget_intervals(&mut self, now: Timestamp<Mono>) {
        self.asking.iter_mut().for_each(Asking::stop);
        self.has_slow_pdelay = false;
        self.peer.iter_mut().for_each(|peer| peer.pace(now, None));
    }

    /// What others want of our intervals.
    pub(super) fn heed_intervals(&mut self, now: Timestamp<Mono>, message: &Message<'_>, out: &mut impl Sink<Effect>) {
        let Some(min) = self.config.intervals.heeded_min else { return };
        let requests = message.tlvs.iter().take(HEEDED_MAX).filter_map(|tlv| match tlv.extension() {
            Ok(Extension::Organization(OrganizationExtension::MessageIntervalRequest(request))) => Some(request),
            _ => None,
        });
        for request in requests {
            if !self.may_ask(message.header.source_port_identity) {
                count(out, Counter::IntervalRefused);
                continue;
            }
            let is_heeded = [
                self.heed_pace(now, Paced::Sync, wanted(request.time_sync_interval, min)),
                self.heed_pace(now, Paced::Announce, wanted(request.announce_interval, min)),
                self.heed_link_delay(now, request.link_delay_interval, min),
            ];
            let refused = is_heeded.into_iter().flatten().any(|is_heeded| !is_heeded);
            count(out, if refused { Counter::IntervalRefused } else { Counter::IntervalHeeded });
        }
    }

    /// Whether it is heeded; `None` where nothing is wanted.
    fn heed_pace(&mut self, now: Timestamp<Mono>, paced: Paced, wanted: Option<Wanted>) -> Option<bool> {
        let wanted = wanted?;
        let is_master = self.state == PortState::Master;
        if is_master {
            self.serving.pace(now, paced, wanted);
        }
        Some(is_master)
    }

    /// As [`Port::heed_pace`]. That the link is measured no more would take it from ourselves.
    fn heed_link_delay(&mut self, now: Timestamp<Mono>, asked: LogInterval, min: LogInterval) -> Option<bool> {
        let peer = self.peer.as_mut()?;
        match wanted(asked, min)? {
            Wanted::Initial => peer.pace(now, None),
            Wanted::Each(interval) => peer.pace(now, Some(interval)),
            Wanted::Stop => return Some(false),
        }
        Some(true)
    }

    /// Of a link that is measured only the neighbour may ask.
    fn may_ask(&self, source: PortIdentity) -> bool {
        match self.neighbor() {
            None => true,
            Some(NeighborStatus::Known { identity, .. }) => identity == source,
            // A master by configuration asks no neighbour, and so knows none.
            Some(_) => self.is_static(),
        }
    }
}

#[cfg(test)]
mod tests;

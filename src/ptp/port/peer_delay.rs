//! What the peer delay mechanism has to do with the port that it is of.

use super::Port;
use crate::engine::Sink;
use crate::ptp::peer::{Backward, Departed, Followed, NeighborStatus, PeerConfig, PeerDelay, Receipt};
use crate::ptp::sync::SyncPair;
use crate::ptp::{Config, Effect, Role, TxToken};
use crate::time::{Duration, Mono, Observation, Stamp, StampSource, Timestamp};
use crate::wire::ptp::{Body, Message, Sender, is_gptp};

/// The mechanism of a port, if it has it.
pub(super) fn of(config: &Config, sender: Sender, first_sequence_id: u16) -> Option<PeerDelay> {
    let peer_delay = config.peer_delay?;
    let config = PeerConfig {
        interval: peer_delay.log_min_pdelay_req_interval,
        delay_asymmetry: config.delay_asymmetry,
        ingress_latency: config.ingress_latency,
        egress_latency: config.egress_latency,
        neighbor_delay_max: peer_delay.neighbor_delay_max,
        neighbor_delay_min: peer_delay.neighbor_delay_min,
        one_step: peer_delay.one_step,
    };
    Some(PeerDelay::new(config, sender, first_sequence_id))
}

impl Port {
    /// Who is at the other end of the link; `None` with another mechanism.
    pub fn neighbor(&self) -> Option<NeighborStatus> {
        self.peer.as_ref().map(PeerDelay::status)
    }

    pub(super) fn start_peer_delay(&mut self, now: Timestamp<Mono>) {
        // A master by configuration has no use for what the link takes.
        if let Some(peer) = &mut self.peer
            && !(self.config.static_role.is_some() && self.config.role == Role::Master)
        {
            peer.start(now);
        }
    }

    fn followed(&self) -> Option<Followed> {
        let parent = self.parent_port().filter(|_| self.state.follows())?;
        Some(Followed { parent, epoch: self.remote_epoch })
    }

    /// What a stamp of ours is to say in an answer: where time is served that time, as our Sync do, so that whoever follows us has in it a
    /// message of his to the clock that he follows. By 802.1AS it is the clock that stamps, and Follow_Up say how that runs.
    fn as_served(&self, stamp: Stamp, latency: Duration) -> Stamp {
        if is_gptp(self.config.sdo_id) {
            return stamp;
        }
        let served = self.serving.time_at(stamp.at + latency);
        served.map_or(stamp, |served| Stamp { at: served - latency, source: StampSource::Message, ..stamp })
    }

    fn received_as_served(&self, stamp: Stamp) -> Stamp {
        self.as_served(stamp, -self.config.ingress_latency)
    }

    /// t3 of an answer. The time that is served may have been moved since t2 was said: between the two passes what passes now.
    fn answered_as_served(&self, receipt: Receipt, stamp: Stamp) -> Stamp {
        let departed = self.as_served(stamp, self.config.egress_latency);
        let moved = receipt.said.at - self.received_as_served(receipt.read).at;
        Stamp { at: departed.at + moved, ..departed }
    }

    /// A message of the mechanism; without it they are let pass.
    pub(super) fn peer_message(
        &mut self,
        now: Timestamp<Mono>,
        message: &Message<'_>,
        stamp: Option<Stamp>,
        out: &mut impl Sink<Effect>,
    ) {
        let followed = self.followed();
        let arrived = stamp.map(|read| Receipt { read, said: self.received_as_served(read) });
        let Some(peer) = &mut self.peer else { return };
        let header = &message.header;
        if peer.answers_in_one_step() && matches!(message.body, Body::PdelayReq(_)) {
            // Whatever the card makes of its correctionField.
            return peer.answer_by_the_card(header, out);
        }
        let Some(correction) = self.gate.correction(header.correction_field, out) else { return };
        let backward = match &message.body {
            Body::PdelayReq(_) => {
                peer.request(header, arrived, &mut self.next_token, out);
                None
            }
            Body::PdelayResp(body) => peer.resp(now, (header, correction), (body, stamp), followed, out),
            Body::PdelayRespFollowUp(body) => peer.resp_follow_up(now, (header, correction), body, followed, out),
            _ => None,
        };
        self.observe_backward(backward, out);
    }

    /// Whether a transmit stamp was of the mechanism.
    pub(super) fn peer_sent(&mut self, token: TxToken, stamp: Option<Stamp>, out: &mut impl Sink<Effect>) -> bool {
        let followed = self.followed();
        let receipt = self.peer.as_ref().and_then(|peer| peer.answers_by(token));
        let stamp = stamp.map(|stamp| receipt.map_or(stamp, |receipt| self.answered_as_served(receipt, stamp)));
        let Some(peer) = &mut self.peer else { return false };
        match peer.sent(token, stamp, followed, out) {
            Departed::NotOurs => return false,
            Departed::Taken => {}
            Departed::Says(backward) => self.observe_backward(Some(backward), out),
        }
        true
    }

    /// A Sync that was observed, as the way back if there is no other.
    pub(super) fn observe_turned_round(&mut self, pair: &SyncPair, out: &mut impl Sink<Effect>) {
        if let (Some(peer), Some(followed)) = (&mut self.peer, self.parent) {
            let followed = Followed { parent: followed.port, epoch: self.remote_epoch };
            let backward = peer.synced(pair, followed);
            self.observe_backward(backward, out);
        }
    }

    fn observe_backward(&self, backward: Option<Backward>, out: &mut impl Sink<Effect>) {
        let Some(backward) = backward else { return };
        let received = Stamp { error: backward.error, ..self.remote_stamp(backward.received) };
        out.emit(Effect::Observe(Observation {
            source: self.config.source,
            sent: backward.sent,
            received,
            correction: backward.correction,
            exchange: u32::from(backward.sequence_id),
        }));
    }
}

#[cfg(test)]
mod tests;

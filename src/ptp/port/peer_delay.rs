//! What the peer delay mechanism has to do with the port that it is of.

use super::Port;
use crate::engine::Sink;
use crate::ptp::peer::{Backward, Departed, Followed, NeighborStatus, PeerConfig, PeerDelay};
use crate::ptp::sync::SyncPair;
use crate::ptp::{Config, Effect, TxToken};
use crate::time::{Mono, Observation, Stamp, Timestamp};
use crate::wire::ptp::{Body, Message, Sender};

/// The mechanism of a port, if it has it.
pub(super) fn of(config: &Config, sender: Sender, first_sequence_id: u16) -> Option<PeerDelay> {
    let peer_delay = config.peer_delay?;
    let config = PeerConfig {
        interval: peer_delay.log_min_pdelay_req_interval,
        delay_asymmetry: config.delay_asymmetry,
        ingress_latency: config.ingress_latency,
        egress_latency: config.egress_latency,
        neighbor_delay_max: peer_delay.neighbor_delay_max,
    };
    Some(PeerDelay::new(config, sender, first_sequence_id))
}

impl Port {
    /// Who is at the other end of the link; `None` with another mechanism.
    pub fn neighbor(&self) -> Option<NeighborStatus> {
        self.peer.as_ref().map(PeerDelay::status)
    }

    /// Whether what comes by the link may be believed, and the time served to it: with asCapable (IEEE 802.1AS-2020 11.2.13.4)
    /// while the neighbour answers, alone, and the link takes no longer than is allowed.
    pub(super) fn is_capable(&self) -> bool {
        let asks = self.config.peer_delay.is_some_and(|peer_delay| peer_delay.as_capable);
        !asks || matches!(self.neighbor(), Some(NeighborStatus::Known { .. }))
    }

    pub(super) fn start_peer_delay(&mut self, now: Timestamp<Mono>) {
        if let Some(peer) = &mut self.peer {
            peer.start(now);
        }
    }

    fn followed(&self) -> Option<Followed> {
        let parent = self.parent_port().filter(|_| self.state.follows())?;
        Some(Followed { parent, epoch: self.remote_epoch })
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
        let Some(peer) = &mut self.peer else { return };
        let header = &message.header;
        let Some(correction) = self.gate.correction(header.correction_field, out) else { return };
        let backward = match &message.body {
            Body::PdelayReq(_) => {
                peer.request(header, stamp, &mut self.next_token, out);
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

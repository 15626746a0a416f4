//! A grandmaster that follows nobody: the serving half of a port, and nothing else.
//!
//! It serves the demo, the simulator and the tests. Its clock is the one that stamps its packets, plus a configured
//! offset; how good it is the configuration says, nothing here knows. The daemon's own ports, which may be master too,
//! are [`Port`](super::Port).

use super::counters::{Counter, count};
use super::gate::Gate;
use super::peer::{Departed, PeerConfig, PeerDelay, Receipt};
use super::serving::{Announcement, Latencies, Line, Serving, ServingConfig, SyncOrigin};
use super::{
    Address, Channel, Effect, Event, GrandmasterConfig, Input, PortState, StateReason, TimeProperties, TxToken, next,
};
use crate::coding::Coded;
use crate::engine::{Engine, Random, Sink};
use crate::time::{Duration, Local, Mono, Stamp, Timestamp};
use crate::wire::ptp::{Body, ClockQuality, Header, Message, Sender};

/// A grandmaster. The first input of any kind starts it, `Link { up: false }` into FAULTY and every other one through
/// PRE_MASTER into MASTER: with M1 there is nothing to wait for (9.2.6.11).
#[derive(Clone, Debug, Coded)]
pub struct Grandmaster {
    config: GrandmasterConfig,
    gate: Gate,
    state: PortState,
    serving: Serving,
    next_token: u32,
    peer: Option<PeerDelay>,
}

impl Grandmaster {
    /// A grandmaster that waits for its first input.
    pub fn new(config: GrandmasterConfig) -> Self {
        let sender = Sender {
            sdo_id: config.sdo_id,
            minor_version_ptp: config.minor_version,
            domain_number: config.domain,
            source_port_identity: config.port_identity(),
        };
        let mut random = Random::seeded(config.seed);
        let sequence_ids = [random.next_u64() as u16, random.next_u64() as u16];
        let latencies = Latencies { ingress: config.ingress_latency, egress: config.egress_latency };
        let mut serving = Serving::new(config.serving(), latencies, sender, sequence_ids);
        serving.set_line(Some(Line::ahead_by(config.time_offset)));
        serving.announce_as(Some(config.announcement()));
        let gate = Gate::new(&sender, config.correction_max);
        let peer = peer_delay(&config, sender);
        Self { gate, state: PortState::Initializing, serving, next_token: 0, peer, config }
    }

    /// What it does now.
    pub const fn config(&self) -> &GrandmasterConfig {
        &self.config
    }

    /// portState.
    pub const fn state(&self) -> PortState {
        self.state
    }

    /// From the next Announce on the clock is of this quality and has these time properties.
    pub fn announce_as(&mut self, quality: ClockQuality, time_properties: TimeProperties) {
        self.config.quality = quality;
        self.config.time_properties = time_properties;
        self.serving.announce_as(Some(self.config.announcement()));
    }

    fn change_state(&mut self, event: Event, reason: StateReason, out: &mut impl Sink<Effect>) {
        let from = self.state;
        self.state = next(from, event);
        if self.state != from {
            out.emit(Effect::State { from, to: self.state, reason });
        }
    }

    fn start(&mut self, now: Timestamp<Mono>, reason: StateReason, out: &mut impl Sink<Effect>) {
        self.change_state(Event::Initialized, reason, out);
        self.change_state(Event::RecommendedMaster, StateReason::ConfiguredMaster, out);
        self.change_state(Event::QualificationTimeout, StateReason::ConfiguredMaster, out);
        self.serving.start(now);
        if let Some(peer) = &mut self.peer {
            peer.start(now);
        }
    }

    fn received(
        &mut self,
        now: Timestamp<Mono>,
        bytes: &[u8],
        channel: Channel,
        (stamp, from): (Option<Stamp>, Option<Address>),
        out: &mut impl Sink<Effect>,
    ) {
        if self.state != PortState::Master {
            return count(out, Counter::WrongState);
        }
        let Some(message) = self.gate.admit(now, bytes, channel, out) else { return };
        match message.body {
            Body::DelayReq(_) => self.answer(&message.header, (stamp, from), out),
            Body::PdelayReq(_) | Body::PdelayResp(_) | Body::PdelayRespFollowUp(_) => {
                self.peer_message(now, &message, stamp, out);
            }
            // It follows nobody, and leaves it to others to follow the better one.
            Body::Announce(_)
            | Body::Sync(_)
            | Body::FollowUp(_)
            | Body::DelayResp(_)
            | Body::Signaling(_)
            | Body::Management(_) => {}
        }
    }

    /// A message of the peer delay mechanism: the neighbour is answered, and asked what the link takes.
    fn peer_message(
        &mut self,
        now: Timestamp<Mono>,
        message: &Message<'_>,
        stamp: Option<Stamp>,
        out: &mut impl Sink<Effect>,
    ) {
        let Some(peer) = &mut self.peer else { return };
        let header = &message.header;
        let Some(correction) = self.gate.correction(header.correction_field, out) else { return };
        match &message.body {
            Body::PdelayReq(_) => peer.request(header, stamp.map(Receipt::from), &mut self.next_token, out),
            Body::PdelayResp(body) => {
                peer.resp(now, (header, correction), (body, stamp), None, out);
            }
            Body::PdelayRespFollowUp(body) => {
                peer.resp_follow_up(now, (header, correction), body, None, out);
            }
            _ => {}
        }
    }

    fn sent(&mut self, token: TxToken, stamp: Option<Stamp>, out: &mut impl Sink<Effect>) {
        if self.peer.as_mut().is_some_and(|peer| peer.sent(token, stamp, None, out) != Departed::NotOurs) {
            return;
        }
        self.serving.sent(token, stamp, out);
    }

    fn tick(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        if let Some(peer) = &mut self.peer {
            peer.tick(now, &mut self.next_token, out);
        }
        self.serving.tick(now, local, &mut self.next_token, out);
    }

    fn answer(&self, request: &Header, came: (Option<Stamp>, Option<Address>), out: &mut impl Sink<Effect>) {
        if self.gate.correction(request.correction_field, out).is_some() {
            self.serving.answer(request, came, out);
        }
    }

    fn link(&mut self, now: Timestamp<Mono>, up: bool, out: &mut impl Sink<Effect>) {
        if !up {
            self.serving.stop();
            if let Some(peer) = &mut self.peer {
                peer.stop(out);
            }
            self.change_state(Event::FaultDetected, StateReason::LinkDown, out);
        } else if self.state == PortState::Faulty {
            self.change_state(Event::FaultCleared, StateReason::LinkUp, out);
            self.start(now, StateReason::LinkUp, out);
        }
    }
}

/// The mechanism of a grandmaster, if it has it. The stamps in its answers are of the time that its Syncs are of.
fn peer_delay(config: &GrandmasterConfig, sender: Sender) -> Option<PeerDelay> {
    let peer_delay = config.peer_delay?;
    let peer = PeerConfig {
        interval: peer_delay.log_min_pdelay_req_interval,
        delay_asymmetry: Duration::ZERO,
        ingress_latency: config.ingress_latency - config.time_offset,
        egress_latency: config.egress_latency + config.time_offset,
        neighbor_delay_max: peer_delay.neighbor_delay_max,
        neighbor_delay_min: peer_delay.neighbor_delay_min,
        one_step: false,
    };
    Some(PeerDelay::new(peer, sender, Random::seeded(config.seed).next_u64() as u16))
}

impl Engine for Grandmaster {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn step(&mut self, now: Timestamp<Mono>, input: Input<'_>, out: &mut impl Sink<Effect>) {
        if self.state == PortState::Initializing && !matches!(input, Input::Link { up: false }) {
            self.start(now, StateReason::Started, out);
        }
        match input {
            Input::Received { bytes, channel, stamp, from } => self.received(now, bytes, channel, (stamp, from), out),
            Input::Sent { token, stamp } => self.sent(token, stamp, out),
            Input::SendFailed { token } => {
                count(out, Counter::SendFailed);
                if let Some(token) = token {
                    self.serving.forget(token);
                    if let Some(peer) = &mut self.peer {
                        peer.abandon(token);
                    }
                }
            }
            // It follows nobody and decides nothing; what its clock did is said by `announce_as`.
            Input::Clock(_) | Input::Decision(_) | Input::Line(_) => {}
            Input::Link { up } => self.link(now, up, out),
            Input::Tick { local } => self.tick(now, local, out),
        }
    }

    /// The next message; at once while it waits for its start.
    fn deadline(&self) -> Option<Timestamp<Mono>> {
        if self.state == PortState::Initializing {
            return Some(Timestamp::EPOCH);
        }
        let of_peer = self.peer.as_ref().and_then(PeerDelay::deadline);
        self.serving.deadline().into_iter().chain(of_peer).min()
    }
}

impl GrandmasterConfig {
    fn serving(&self) -> ServingConfig {
        ServingConfig {
            log_announce_interval: self.log_announce_interval,
            log_sync_interval: self.log_sync_interval,
            log_min_delay_req_interval: self.log_min_delay_req_interval,
            origin: if self.two_step { SyncOrigin::FollowUp } else { SyncOrigin::Tick },
            power: None,
        }
    }

    fn announcement(&self) -> Announcement {
        Announcement {
            grandmaster: self.identity,
            priority1: self.priority1,
            quality: self.quality,
            priority2: self.priority2,
            steps_removed: 0,
            time_properties: self.time_properties,
            synchronization_uncertain: false,
        }
    }
}

#[cfg(test)]
mod tests;

//! The master half: a grandmaster with one port, end to end, two-step or one-step.
//!
//! It serves the demo, the simulator and the tests, and is what the boundary clock will grow from. Its clock is the one
//! that stamps its packets, plus a configured offset; how good it is the configuration says, nothing here knows.

use super::counters::{Counter, count};
use super::gate::{Gate, frame};
use super::peer::{Departed, PeerConfig, PeerDelay};
use super::{Channel, Effect, Event, GrandmasterConfig, Input, PortState, StateReason, TimeProperties, TxToken, next};
use crate::coding::Coded;
use crate::engine::{Engine, Random, Sink, TimerKind, TimerTable};
use crate::time::{Duration, LeapIndicator, Local, LogInterval, Mono, Stamp, Timestamp};
use crate::wire::ptp::{Announce, Body, ClockQuality, Flags, Header, Message, Sender, WireTimestamp};

/// Sync whose transmit stamp may be awaited at once; the oldest gives way.
pub const FOLLOW_UP_PENDING_MAX: usize = 8;

#[derive(Clone, Copy, Debug, Coded)]
enum Timer {
    Announce,
    Sync,
}

impl TimerKind for Timer {
    const ALL: &'static [Self] = &[Self::Announce, Self::Sync];
    fn index(self) -> usize {
        self as usize
    }
}

#[derive(Clone, Copy, Debug, Coded)]
struct SentSync {
    token: TxToken,
    sequence_id: u16,
    since: Timestamp<Mono>,
}

/// A grandmaster. The first input of any kind starts it, `Link { up: false }` into FAULTY and every other one through
/// PRE_MASTER into MASTER: with M1 there is nothing to wait for (9.2.6.10).
#[derive(Clone, Debug, Coded)]
pub struct Grandmaster {
    config: GrandmasterConfig,
    sender: Sender,
    gate: Gate,
    state: PortState,
    timers: TimerTable<Timer, 2>,
    pending: [Option<SentSync>; FOLLOW_UP_PENDING_MAX],
    announce_sequence_id: u16,
    sync_sequence_id: u16,
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
        Self {
            sender,
            gate: Gate::new(&sender, config.correction_max),
            state: PortState::Initializing,
            timers: TimerTable::default(),
            pending: [None; FOLLOW_UP_PENDING_MAX],
            announce_sequence_id: random.next_u64() as u16,
            sync_sequence_id: random.next_u64() as u16,
            next_token: 0,
            peer: peer_delay(&config, sender),
            config,
        }
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
    pub const fn announce_as(&mut self, quality: ClockQuality, time_properties: TimeProperties) {
        self.config.quality = quality;
        self.config.time_properties = time_properties;
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
        for timer in Timer::ALL {
            self.timers.set(*timer, now);
        }
        if let Some(peer) = &mut self.peer {
            peer.start(now);
        }
    }

    fn send_announce(&mut self, out: &mut impl Sink<Effect>) {
        let config = &self.config;
        let sequence_id = self.announce_sequence_id;
        self.announce_sequence_id = sequence_id.wrapping_add(1);
        let announce = Announce {
            origin_timestamp: WireTimestamp::ZERO,
            current_utc_offset: config.time_properties.current_utc_offset.map_or(0, |offset| offset.0),
            grandmaster_priority1: config.priority1,
            grandmaster_clock_quality: config.quality,
            grandmaster_priority2: config.priority2,
            grandmaster_identity: config.identity,
            steps_removed: 0,
            time_source: config.time_properties.time_source,
        };
        let flags = config.time_properties.flags();
        let message = self.sender.announce(sequence_id, config.log_announce_interval, flags, announce);
        send(&message, None, out);
    }

    fn send_sync(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        let sequence_id = self.sync_sequence_id;
        let interval = self.config.log_sync_interval;
        if !self.config.two_step {
            let origin = local + self.config.egress_latency + self.config.time_offset;
            let Some(message) = self.sender.one_step_sync(sequence_id, interval, origin) else {
                return count(out, Counter::TimeNotRepresentable);
            };
            self.sync_sequence_id = sequence_id.wrapping_add(1);
            return send(&message, None, out);
        }
        self.sync_sequence_id = sequence_id.wrapping_add(1);
        let token = TxToken(self.next_token);
        self.next_token = self.next_token.wrapping_add(1);
        self.await_stamp(SentSync { token, sequence_id, since: now }, out);
        send(&self.sender.two_step_sync(sequence_id, interval), Some(token), out);
    }

    fn await_stamp(&mut self, sent: SentSync, out: &mut impl Sink<Effect>) {
        if self.pending.iter().all(Option::is_some) {
            let oldest = self.pending.iter().flatten().min_by_key(|sync| sync.since).map(|sync| sync.token);
            if self.take(oldest).is_some() {
                count(out, Counter::TxStampMissing);
            }
        }
        if let Some(place) = self.pending.iter_mut().find(|place| place.is_none()) {
            *place = Some(sent);
        }
    }

    fn take(&mut self, token: Option<TxToken>) -> Option<SentSync> {
        self.pending.iter_mut().find_map(|place| place.take_if(|sync| Some(sync.token) == token))
    }

    fn sent(&mut self, token: TxToken, stamp: Option<Stamp>, out: &mut impl Sink<Effect>) {
        if self.peer.as_mut().is_some_and(|peer| peer.sent(token, stamp, None, out) != Departed::NotOurs) {
            return;
        }
        let sync = self.take(Some(token));
        match (sync, stamp) {
            (_, None) => count(out, Counter::TxStampMissing),
            (None, Some(_)) => count(out, Counter::TxStampUnexpected),
            (Some(sync), Some(stamp)) => {
                let origin = stamp.at + self.config.egress_latency + self.config.time_offset;
                match self.sender.follow_up(sync.sequence_id, self.config.log_sync_interval, origin) {
                    Some(message) => send(&message, None, out),
                    None => count(out, Counter::TimeNotRepresentable),
                }
            }
        }
    }

    fn received(
        &mut self,
        now: Timestamp<Mono>,
        bytes: &[u8],
        channel: Channel,
        stamp: Option<Stamp>,
        out: &mut impl Sink<Effect>,
    ) {
        if self.state != PortState::Master {
            return count(out, Counter::WrongState);
        }
        let Some(message) = self.gate.admit(bytes, channel, out) else { return };
        match message.body {
            Body::DelayReq(_) => self.answer(&message.header, stamp, out),
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
            Body::PdelayReq(_) => peer.request(header, stamp, &mut self.next_token, out),
            Body::PdelayResp(body) => {
                peer.resp(now, (header, correction), (body, stamp), None, out);
            }
            Body::PdelayRespFollowUp(body) => {
                peer.resp_follow_up(now, (header, correction), body, None, out);
            }
            _ => {}
        }
    }

    fn answer(&mut self, request: &Header, stamp: Option<Stamp>, out: &mut impl Sink<Effect>) {
        if self.gate.correction(request.correction_field, out).is_none() {
            return;
        }
        let Some(stamp) = stamp else { return count(out, Counter::RxStampMissing) };
        let arrived = stamp.at - self.config.ingress_latency + self.config.time_offset;
        // We send by multicast only, so the answer to a unicast request is multicast too and must say so.
        let request = Header { flags: request.flags.with(Flags::UNICAST, false), ..*request };
        match self.sender.delay_resp(&request, self.config.log_min_delay_req_interval, arrived) {
            Some(message) => send(&message, None, out),
            None => count(out, Counter::TimeNotRepresentable),
        }
    }

    fn tick(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        if let Some(peer) = &mut self.peer {
            peer.tick(now, &mut self.next_token, out);
        }
        for timer in Timer::ALL {
            let Some(due) = self.timers.get(*timer).filter(|due| *due <= now) else { continue };
            let interval = match timer {
                Timer::Announce => self.config.log_announce_interval,
                Timer::Sync => self.config.log_sync_interval,
            };
            self.timers.set(*timer, next_due(due, interval, now));
            match timer {
                Timer::Announce => self.send_announce(out),
                Timer::Sync => self.send_sync(now, local, out),
            }
        }
    }

    fn link(&mut self, now: Timestamp<Mono>, up: bool, out: &mut impl Sink<Effect>) {
        if !up {
            self.timers = TimerTable::default();
            self.pending = [None; FOLLOW_UP_PENDING_MAX];
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
    };
    Some(PeerDelay::new(peer, sender, Random::seeded(config.seed).next_u64() as u16))
}

fn send(message: &Message<'_>, token: Option<TxToken>, out: &mut impl Sink<Effect>) {
    let (counter, channel) = match message.body {
        Body::Announce(_) => (Counter::SentAnnounce, Channel::General),
        Body::Sync(_) => (Counter::SentSync, Channel::Event),
        Body::FollowUp(_) => (Counter::SentFollowUp, Channel::General),
        Body::DelayResp(_) => (Counter::SentDelayResp, Channel::General),
        _ => unreachable!("a master sends no such message"),
    };
    count(out, counter);
    out.emit(Effect::Send { frame: frame(message), channel, token });
}

/// One interval after it was due, so that lateness does not add up; but never in the past, so that a pause is not made up.
fn next_due(due: Timestamp<Mono>, interval: LogInterval, now: Timestamp<Mono>) -> Timestamp<Mono> {
    let next = due + interval.duration();
    if next > now { next } else { now + interval.duration() }
}

impl TimeProperties {
    /// As the flags of an Announce (table 37).
    pub(super) fn flags(&self) -> Flags {
        Flags::NONE
            .with(Flags::LEAP61, self.leap == LeapIndicator::Insert)
            .with(Flags::LEAP59, self.leap == LeapIndicator::Delete)
            .with(Flags::CURRENT_UTC_OFFSET_VALID, self.current_utc_offset.is_some())
            .with(Flags::PTP_TIMESCALE, self.ptp_timescale)
            .with(Flags::TIME_TRACEABLE, self.time_traceable)
            .with(Flags::FREQUENCY_TRACEABLE, self.frequency_traceable)
    }
}

impl Engine for Grandmaster {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn step(&mut self, now: Timestamp<Mono>, input: Input<'_>, out: &mut impl Sink<Effect>) {
        if self.state == PortState::Initializing && !matches!(input, Input::Link { up: false }) {
            self.start(now, StateReason::Started, out);
        }
        match input {
            Input::Received { bytes, channel, stamp } => self.received(now, bytes, channel, stamp, out),
            Input::Sent { token, stamp } => self.sent(token, stamp, out),
            Input::SendFailed { token } => {
                count(out, Counter::SendFailed);
                if let Some(token) = token {
                    self.take(Some(token));
                    if let Some(peer) = &mut self.peer {
                        peer.abandon(token);
                    }
                }
            }
            // It follows nobody; what its clock did is said by `announce_as`.
            Input::Clock(_) => {}
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
        self.timers.deadline().into_iter().chain(of_peer).min()
    }
}

#[cfg(test)]
mod tests;

//! A port of an ordinary or boundary clock, end to end.
//!
//! Headers come in through the gate, each message goes to the chapter that owns it, and what the chapters complete goes
//! out as observations. What is left here is what concerns more than one of them: the timers, and what a change of our
//! own clock or of the link does to the halves that wait. Who the parent is, and what a change of it does, is in `parent`;
//! what the clock as a whole wants the port to be is in `master`.

mod acceptable;
mod capable;
pub(super) mod intervals;
mod master;
mod own_port;
mod parent;
mod peer_delay;
mod signal;
mod static_role;
mod unicast;

use self::capable::SaidCapable;
use self::signal::Signal;
use super::counters::{Counter, count};
use super::delay::{Answer, Answered, DelayExchange, DelayRequests, honoured, spacing};
use super::foreign::ForeignMasters;
use super::gate::{Gate, frame};
use super::hybrid::Hybrid;
use super::intervals::Asking;
use super::peer::PeerDelay;
use super::recent::Recent;
use super::serving::{Latencies, Serving};
use super::sync::{SyncPair, SyncPairs};
use super::unicast::client::Client;
use super::unicast::server::Server;
use super::{
    Address, Announcement, Channel, ClockReport, Config, DataSet, Effect, Event, Forwarded, Input, ParentInfo,
    PortState, Recommendation, RefusedMaster, Role, StateReason, TxToken, next, next_slave_only,
};
use crate::coding::Coded;
use crate::engine::{AnySink, Engine, Random, Sink, TimerKind, TimerTable};
use crate::time::{
    ClockEpoch, ClockId, Duration, Local, LogInterval, Mono, Observation, Stamp, StampSource, Timestamp,
};
use crate::wire::ptp::{Body, DelayResp, Flags, Header, PortIdentity, Sender, SynchronizationMetadata, WireTimestamp};

/// The mean spacing of Delay_Req while the discipline needs them only to see that nothing changes, if the master wants none rarer still.
const CALM_DELAY_REQ: LogInterval = LogInterval::new(0);
/// Half of that.
const HALF_OF_IT: LogInterval = LogInterval::new(-1);

#[derive(Clone, Copy, Debug, Coded)]
enum Timer {
    AnnounceReceipt,
    Qualification,
    StateDecision,
    DelayReq,
    OwnPort,
    HoldOff,
    Another,
    GptpCapable,
}

impl TimerKind for Timer {
    const ALL: &'static [Self] = &[
        Self::AnnounceReceipt,
        Self::Qualification,
        Self::StateDecision,
        Self::DelayReq,
        Self::OwnPort,
        Self::HoldOff,
        Self::Another,
        Self::GptpCapable,
    ];
    fn index(self) -> usize {
        self as usize
    }
}

/// A foreign master, for display.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForeignMasterStatus {
    /// What it announced last.
    pub data: DataSet,
    /// It may become the parent.
    pub is_qualified: bool,
    /// It has not failed lately, of those that are asked by unicast.
    pub is_fit: bool,
}

/// The engine of a port. As [`Role::Slave`] it is that of a slave-only clock (clockClass 255, table 4): it never sends
/// Announce or Sync, and decides for itself whom it follows. Of any other role it is what it is told to be
/// ([`Input::Decision`]).
///
/// The first input of any kind starts it, `Link { up: false }` into FAULTY and every other one into LISTENING.
#[derive(Clone, Debug, Coded)]
pub struct Port {
    config: Config,
    sender: Sender,
    gate: Gate,
    state: PortState,
    timers: TimerTable<Timer, 8>,
    random: Random,
    foreign: ForeignMasters,
    parent: Option<ParentInfo>,
    /// Of the parent's clock: another parent or grandmaster is another clock.
    remote_epoch: ClockEpoch,
    sync_interval: Option<LogInterval>,
    syncs: SyncPairs,
    signal: Signal,
    requests: DelayRequests,
    peer: Option<PeerDelay>,
    delay_req_interval: LogInterval,
    /// Rare requests will do, says the discipline.
    is_calm: bool,
    /// What the clock wants it to be; a slave is nothing else.
    recommended: Recommendation,
    /// The announce intervals that it waits before it is master.
    qualification: u16,
    /// One that may not be followed.
    refused_master: Recent<RefusedMaster>,
    /// Erbest, as it was told last.
    best: Option<DataSet>,
    /// What was said last of the parent's Announce, for others to hand on.
    forwarded: Forwarded,
    serving: Serving,
    client: Option<Client>,
    hybrid: Option<Hybrid>,
    server: Option<Server>,
    asking: Option<Asking>,
    /// Of the Signaling that are sent to the neighbour.
    signaling_sequence_id: u16,
    said_capable: SaidCapable,
    /// What the grandmaster says for television.
    metadata: Recent<SynchronizationMetadata>,
    /// Its Pdelay_Req are as rare as those of a clock that is locked.
    has_slow_pdelay: bool,
    next_token: u32,
}

impl Port {
    /// A port that waits for its first input.
    pub fn new(config: Config) -> Self {
        let sender = Sender {
            sdo_id: config.sdo_id,
            minor_version_ptp: config.minor_version,
            domain_number: config.domain,
            source_port_identity: config.port_identity(),
        };
        let mut random = Random::seeded(config.seed);
        let first_sequence_id = random.next_u64() as u16;
        let latencies = Latencies { ingress: config.ingress_latency, egress: config.egress_latency };
        let is_slave = config.role == Role::Slave;
        // What a slave draws is the same as ever.
        let sequence_ids = if is_slave { [0; 2] } else { [random.next_u64() as u16, random.next_u64() as u16] };
        Self {
            sender,
            gate: Gate::new(&sender, config.correction_max),
            state: PortState::Initializing,
            timers: TimerTable::default(),
            random,
            foreign: ForeignMasters::default(),
            parent: None,
            remote_epoch: ClockEpoch::default(),
            sync_interval: None,
            syncs: SyncPairs::default(),
            signal: Signal::new(&config),
            requests: DelayRequests::new(first_sequence_id),
            peer: peer_delay::of(&config, sender, first_sequence_id),
            delay_req_interval: config.log_min_delay_req_interval,
            is_calm: false,
            recommended: if is_slave { Recommendation::Slave } else { Recommendation::Silent },
            qualification: 0,
            refused_master: Recent::NONE,
            best: None,
            serving: Serving::new(config.serving, latencies, sender, sequence_ids)
                .trace_path(config.path_trace)
                .without_announce(config.static_role.is_some()),
            forwarded: Forwarded::NONE,
            client: Client::new(config.unicast, sender).filter(|_| config.role != Role::Master),
            hybrid: config.hybrid.then_some(Hybrid::NEW),
            server: if is_slave { None } else { unicast::server(&config, sender) },
            asking: Asking::new(config.intervals),
            signaling_sequence_id: intervals::first_signaling_sequence_id(&config),
            said_capable: SaidCapable::default(),
            metadata: Recent::NONE,
            has_slow_pdelay: false,
            next_token: 0,
            config,
        }
    }

    /// What it was made with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// portState.
    pub const fn state(&self) -> PortState {
        self.state
    }

    /// Whom it follows.
    pub const fn parent(&self) -> Option<ParentInfo> {
        self.parent
    }

    /// The last one that was heard and may not be followed, if that was of late.
    pub fn refused_master(&self, now: Timestamp<Mono>) -> Option<RefusedMaster> {
        self.refused_master.of_late(now)
    }

    /// What the grandmaster that is followed has said of late for television (SMPTE ST 2059-2).
    pub fn metadata(&self, now: Timestamp<Mono>) -> Option<SynchronizationMetadata> {
        self.metadata.of_late(now).filter(|_| self.parent.is_some())
    }

    /// What of its parent's Announce is handed on by the other ports of the clock.
    pub const fn forwarded(&self) -> &Forwarded {
        &self.forwarded
    }

    /// What it announces, while it is master.
    pub fn announcement(&self) -> Option<Announcement> {
        self.serving.announcement().copied().filter(|_| self.state == PortState::Master)
    }

    /// The least mean spacing of Delay_Req, as the master says.
    pub const fn delay_req_interval(&self) -> LogInterval {
        self.delay_req_interval
    }

    /// domainNumber and sdoId of the last message that was refused for one of them, if that was of late.
    pub fn foreign_domain(&self, now: Timestamp<Mono>) -> Option<(u8, u16)> {
        self.gate.foreign_domain.of_late(now)
    }

    /// The major versionPTP of the last message that was refused for it, if that was of late.
    pub fn foreign_version(&self, now: Timestamp<Mono>) -> Option<u8> {
        self.gate.foreign_version.of_late(now)
    }

    /// All masters of our domain that were heard lately, at most [`FOREIGN_MASTER_MAX`](super::FOREIGN_MASTER_MAX).
    pub fn foreign_masters(&self, now: Timestamp<Mono>) -> impl Iterator<Item = ForeignMasterStatus> + '_ {
        self.foreign.iter().map(move |foreign| ForeignMasterStatus {
            data: foreign.last.data,
            is_qualified: foreign.is_qualified(now),
            is_fit: self.client.as_ref().is_none_or(|client| client.is_fit(now, foreign.last.data.sender)),
        })
    }

    fn parent_port(&self) -> Option<PortIdentity> {
        self.parent.map(|parent| parent.port)
    }

    fn change_state(&mut self, event: Event, reason: StateReason, out: &mut impl Sink<Effect>) {
        let from = self.state;
        self.state = if self.config.role == Role::Slave { next_slave_only(from, event) } else { next(from, event) };
        if self.state != from {
            out.emit(Effect::State { from, to: self.state, reason });
        }
    }

    // ---- Sync, Follow_Up, Delay_Resp ----

    /// Whether a message of the parent's is wanted: the state, the sender, its flag.
    fn heeds(&self, header: &Header, out: &mut impl Sink<Effect>) -> bool {
        let refused = if !self.state.follows() {
            Counter::WrongState
        } else if self.parent_port() != Some(header.source_port_identity) {
            Counter::NotFromParent
        } else if header.flags.alternate_master() {
            Counter::AlternateMaster
        } else {
            return true;
        };
        count(out, refused);
        false
    }

    fn sync(
        &mut self,
        now: Timestamp<Mono>,
        header: &Header,
        origin: WireTimestamp,
        stamp: Option<Stamp>,
        out: &mut impl Sink<Effect>,
    ) {
        self.follow_whoever_sends(now, header, out);
        if !self.heeds(header, out) {
            return;
        }
        let Some(correction) = self.gate.correction(header.correction_field, out) else { return };
        if let Some(interval) = self.granted_sync_interval().or_else(|| header.log_message_interval.clamped())
            && self.sync_interval != Some(interval)
        {
            self.sync_interval = Some(interval);
            out.emit(Effect::SyncInterval(interval));
        }
        let Some(stamp) = stamp else { return count(out, Counter::RxStampMissing) };
        let received = Stamp { at: stamp.at - self.config.ingress_latency, ..stamp };
        let correction = correction + self.config.delay_asymmetry;
        let pair = if header.flags.two_step() {
            self.syncs.two_step(now, header.sequence_id, (received, correction), out)
        } else {
            let origin = origin.to_timestamp();
            self.syncs.one_step(SyncPair { sequence_id: header.sequence_id, origin, received, correction }, out)
        };
        self.observe_sync(now, pair, out);
    }

    fn follow_up(&mut self, now: Timestamp<Mono>, header: &Header, origin: WireTimestamp, out: &mut impl Sink<Effect>) {
        if !self.heeds(header, out) {
            return;
        }
        let Some(correction) = self.gate.correction(header.correction_field, out) else { return };
        let pair = self.syncs.follow_up(now, header.sequence_id, (origin.to_timestamp(), correction), out);
        self.observe_sync(now, pair, out);
    }

    fn observe_sync(&mut self, now: Timestamp<Mono>, pair: Option<SyncPair>, out: &mut impl Sink<Effect>) {
        if let Some(pair) = pair {
            out.emit(Effect::Observe(Observation {
                source: self.config.source,
                sent: self.remote_stamp(pair.origin),
                received: pair.received,
                correction: pair.correction,
                exchange: u32::from(pair.sequence_id),
            }));
            self.observe_turned_round(&pair, out);
            self.judge_delay(now, &pair, out);
        }
    }

    fn delay_resp(&mut self, now: Timestamp<Mono>, header: &Header, body: &DelayResp, out: &mut impl Sink<Effect>) {
        if body.requesting_port_identity != self.config.port_identity() {
            return count(out, Counter::DelayRespForOther);
        }
        if !self.heeds(header, out) {
            return;
        }
        let Some(correction) = self.gate.correction(header.correction_field, out) else { return };
        let answer = Answer { arrived: body.receive_timestamp.to_timestamp(), correction };
        let answered = self.requests.answered(header.sequence_id, answer);
        if answered == Answered::Unexpected {
            return count(out, Counter::DelayRespUnexpected);
        }
        self.hybrid.iter_mut().for_each(Hybrid::answered);
        self.honour_interval(now, header.log_message_interval, out);
        if let Answered::Complete(exchange) = answered {
            self.observe_delay(&exchange, out);
        }
    }

    /// The master's logMinDelayReqInterval: in force at once, also for the request that is already planned.
    fn honour_interval(&mut self, now: Timestamp<Mono>, stated: LogInterval, out: &mut impl Sink<Effect>) {
        let Some((interval, was_limited)) = honoured(stated) else { return };
        if was_limited {
            count(out, Counter::DelayReqIntervalLimited);
        }
        if interval != self.delay_req_interval {
            self.delay_req_interval = interval;
            self.arm_next_delay_req(now);
        }
    }

    fn observe_delay(&self, exchange: &DelayExchange, out: &mut impl Sink<Effect>) {
        let departed = exchange.departed;
        out.emit(Effect::Observe(Observation {
            source: self.config.source,
            sent: Stamp { at: departed.at + self.config.egress_latency, ..departed },
            received: self.remote_stamp(exchange.answer.arrived),
            correction: exchange.answer.correction,
            exchange: u32::from(exchange.sequence_id),
        }));
    }

    /// A time that the master has put into a message; the part of it below a nanosecond is in the correction.
    const fn remote_stamp(&self, at: Timestamp<Local>) -> Stamp {
        Stamp {
            at,
            clock: ClockId::Remote(self.config.source),
            epoch: self.remote_epoch,
            source: StampSource::Message,
            error: Duration::ZERO,
        }
    }

    // ---- Timers ----

    fn arm_delay_req(&mut self, now: Timestamp<Mono>, mean: LogInterval) {
        if self.peer.is_some() {
            return;
        }
        let spacing = spacing(mean, &mut self.random);
        self.timers.set(Timer::DelayReq, now + spacing);
    }

    /// The request after one that was sent.
    fn arm_next_delay_req(&mut self, now: Timestamp<Mono>) {
        if !self.is_calm || self.delay_req_interval >= CALM_DELAY_REQ {
            return self.arm_delay_req(now, self.delay_req_interval);
        }
        // In half to one and a half of a second, so that the last one is never much older than that; the mean is longer than the master's.
        self.timers
            .set(Timer::DelayReq, now + CALM_DELAY_REQ.duration().half() + spacing(HALF_OF_IT, &mut self.random));
    }

    /// Whether rare requests will do from now on.
    fn note_calm(&mut self, now: Timestamp<Mono>, is_calm: bool) {
        let was_calm = std::mem::replace(&mut self.is_calm, is_calm);
        if was_calm && !is_calm && self.timers.get(Timer::DelayReq).is_some() {
            // The request that is planned may be more than a second away.
            self.arm_delay_req(now, self.delay_req_interval);
        }
    }

    fn send_delay_req(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        let to = self.client.as_ref().and_then(Client::delay_req_to);
        if self.client.is_some() && to.is_none() {
            // Nobody would answer.
            return self.arm_next_delay_req(now);
        }
        let to = to.or_else(|| self.hybrid.as_mut().and_then(|hybrid| hybrid.request(now, out)));
        if let Some(client) = &mut self.client {
            client.requests_delay(now, out);
        }
        let token = TxToken(self.next_token);
        self.next_token = self.next_token.wrapping_add(1);
        let sequence_id = self.requests.open(now, token, out);
        let mut message = self.sender.delay_req(sequence_id, self.config.delay_asymmetry);
        message.header.flags = message.header.flags.with(Flags::UNICAST, to.is_some());
        count(out, Counter::SentDelayReq);
        out.emit(Effect::Send { frame: frame(&message), channel: Channel::Event, token: Some(token), to });
        self.arm_next_delay_req(now);
    }

    // ---- Inputs ----

    fn received(
        &mut self,
        now: Timestamp<Mono>,
        bytes: &[u8],
        channel: Channel,
        stamp: Option<Stamp>,
        from: Option<Address>,
        out: &mut impl Sink<Effect>,
    ) {
        if matches!(self.state, PortState::Initializing | PortState::Faulty | PortState::Disabled) {
            return count(out, Counter::WrongState);
        }
        let Some(message) = self.gate.admit(now, bytes, channel, out) else { return };
        if !self.is_asked_for(now, &message, from, out) {
            return;
        }
        let header = &message.header;
        match message.body {
            Body::Announce(_) | Body::Sync(_) | Body::FollowUp(_) if !self.is_capable(now) => {
                count(out, Counter::NotCapable);
            }
            Body::Announce(_) if self.is_static() => count(out, Counter::AnnounceUnwanted),
            Body::Announce(announce) => self.announce(now, (header, message.tlvs), &announce, out),
            Body::Sync(sync) => self.sync(now, header, sync.origin_timestamp, stamp, out),
            Body::FollowUp(body) => self.follow_up(now, header, body.precise_origin_timestamp, out),
            Body::DelayResp(body) => self.delay_resp(now, header, &body, out),
            Body::DelayReq(_) if self.is_contracted(now, header, from, stamp, out) => {}
            Body::DelayReq(_) => self.delay_req(header, (stamp, from), out),
            Body::PdelayReq(_) | Body::PdelayResp(_) | Body::PdelayRespFollowUp(_) => {
                self.peer_message(now, &message, stamp, out);
            }
            Body::Signaling(_) => self.signaling(now, &message, from, out),
            Body::Management(_) => self.hear_metadata(now, &message),
        }
        if let Some(hybrid) = &mut self.hybrid
            && matches!(message.body, Body::Announce(_) | Body::Sync(_) | Body::FollowUp(_))
            && self.parent.is_some_and(|parent| parent.port == header.source_port_identity)
        {
            hybrid.heard(from);
        }
    }

    fn clock(&mut self, now: Timestamp<Mono>, report: ClockReport, out: &mut impl Sink<Effect>) {
        self.note_calm(now, report.calm);
        if report.stepped {
            self.flush(out);
            self.change_state(Event::SynchronizationFault, StateReason::ClockStepped, out);
        } else if report.locked {
            self.change_state(Event::MasterClockSelected, StateReason::ClockLocked, out);
        } else {
            self.change_state(Event::SynchronizationFault, StateReason::ClockUnlocked, out);
        }
        self.review_intervals(now, out);
    }

    fn link(&mut self, now: Timestamp<Mono>, up: bool, out: &mut impl Sink<Effect>) {
        if !up {
            self.lose_parent(out);
            self.foreign.clear();
            if let Some(peer) = &mut self.peer {
                peer.stop(out);
            }
            self.serving.stop();
            self.stop_asking();
            self.forget_intervals(now);
            self.stop_saying_capable();
            self.timers.clear(Timer::OwnPort);
            self.change_state(Event::FaultDetected, StateReason::LinkDown, out);
            self.tell_best(now, out);
        } else if self.state == PortState::Faulty {
            self.change_state(Event::FaultCleared, StateReason::LinkUp, out);
            self.start(now, StateReason::LinkUp, out);
        }
    }

    fn start(&mut self, now: Timestamp<Mono>, reason: StateReason, out: &mut impl Sink<Effect>) {
        self.change_state(Event::Initialized, reason, out);
        self.start_peer_delay(now);
        self.start_asking(now);
        self.start_saying_capable(now);
        self.listen(now);
        self.be_as_recommended(now, out);
    }

    fn tick(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        if let Some(peer) = &mut self.peer {
            peer.tick(now, &mut self.next_token, out);
        }
        while let Some(timer) = self.timers.take_expired(now) {
            match timer {
                Timer::AnnounceReceipt => self.announce_receipt_timeout(now, out),
                Timer::Qualification => self.qualified(now, out),
                Timer::StateDecision => self.review(now, out),
                Timer::OwnPort => self.be_as_recommended(now, out),
                Timer::HoldOff => self.hold_off_is_over(now, out),
                Timer::Another => self.look_for_another(now, out),
                Timer::GptpCapable => self.say_capable(now, out),
                Timer::DelayReq => {
                    self.send_delay_req(now, out);
                    if self.timers.get(Timer::DelayReq) <= Some(now) {
                        // A spacing of less than the time's resolution: one request a tick is enough.
                        break;
                    }
                }
            }
        }
        // Who asks for messages would take those to all for them: ptp4l then never asks for more than Announce.
        self.serving.hold(!self.is_capable(now) || self.server.is_some() || self.client.is_some());
        if self.client.as_mut().is_some_and(|client| client.tick(now, out)) {
            self.look_for_another(now, out);
        }
        self.serving.tick(now, local, &mut self.next_token, out);
        self.serve_contracts(now, local, out);
    }
}

impl Engine for Port {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn step(&mut self, now: Timestamp<Mono>, input: Input<'_>, out: &mut impl Sink<Effect>) {
        let out = &mut AnySink(out);
        if self.state == PortState::Initializing && !matches!(input, Input::Link { up: false }) {
            self.start(now, StateReason::Started, out);
        }
        match input {
            Input::Received { bytes, channel, stamp, from } => self.received(now, bytes, channel, stamp, from, out),
            Input::Sent { token, stamp } if self.serving.awaits(token) => self.serving.sent(token, stamp, out),
            Input::Sent { token, stamp } => {
                if self.peer_sent(token, stamp, out) {
                    return;
                }
                if let Some(exchange) = self.requests.departed(token, stamp, out) {
                    self.observe_delay(&exchange, out);
                }
            }
            Input::SendFailed { token } => {
                count(out, Counter::SendFailed);
                if let Some(token) = token
                    && !self.serving.forget(token)
                {
                    self.requests.abandon(token);
                    if let Some(peer) = &mut self.peer {
                        peer.abandon(token);
                    }
                }
            }
            Input::Clock(report) => self.clock(now, report, out),
            Input::Decision(decision) => self.decided(now, &decision, out),
            Input::Line(line) => self.serving.set_line(line),
            Input::Link { up } => self.link(now, up, out),
            Input::Tick { local } => self.tick(now, local, out),
        }
        self.keep_contracts(now, out);
    }

    /// The next timer; at once while the port waits for its start.
    fn deadline(&self) -> Option<Timestamp<Mono>> {
        if self.state == PortState::Initializing {
            return Some(Timestamp::EPOCH);
        }
        let of_peer = self.peer.as_ref().and_then(PeerDelay::deadline);
        let of_client = self.client.as_ref().and_then(Client::deadline);
        let of_server = self.server.as_ref().and_then(Server::deadline);
        [self.timers.deadline(), self.serving.deadline(), of_peer, of_client, of_server].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;

//! The peer delay mechanism (IEEE 1588-2019 11.4): what the link to the neighbour takes, whoever is master.
//!
//! ```text
//!   we             neighbour      Pdelay_Req   leaves at t1, arrives at t2
//!   t1 ---Req---->  t2            Pdelay_Resp  leaves at t3, arrives at t4
//!   t4 <--Resp----  t3            mean_link_delay = ((t4 - t1) - (t3 - t2) - corrections) / 2
//!      <--Fup-- (t3)
//! ```
//!
//! Both sides ask, in every state but INITIALIZING, FAULTY and DISABLED, so that a change of the master finds the delay known.
//! The answer comes in two halves by two sockets and our own stamp of the request by a third way, in any order: as with
//! Delay_Req nothing waits, and whatever comes last completes the exchange. Of t2 and t3 only the difference is used for the
//! delay, on the neighbour's clock; its rate against ours is measured by the way (neighborRateRatio) and taken off.
//!
//! Two neighbours that answer one request are a fault and no average: some switch in between forwards what it must not, and
//! what was measured is the way to neither. Then nothing is measured for [`BAD_PEER_PAUSE`].
//!
//! **What the clock learns of it.** The obvious thing is to hand the delay itself to the discipline. But the discipline's
//! proof of its bound is causality: no message arrives before it was sent. A number is no message: a Sync that was late by
//! more than the delay, less "the delay", proves an offset that is not there, and with stamps of the kernel one Sync in a
//! thousand is so late. So what is handed on is a message wherever there is one:
//!
//! * The neighbour is the parent, as on every link without a transparent clock, and says t2: then our Pdelay_Req is what a
//!   Delay_Req would be, from t1 on our clock to t2 on the parent's, and is observed as such. The standard promises of t2 and
//!   t3 only that they are of one clock; so the two must agree with the parent's Syncs first: by no more than a round
//!   trip, and what two crystals part by since the last of them.
//! * Else (transparent clocks on the way, one-step answers, stamps of a clock of the neighbour's own) Syncs are turned
//!   round: back one would have taken a round trip less what it took. That is no proof but a claim: that this Sync was late by
//!   no more than round trips differ by. So it is made of no Sync but the earliest of eight, by the median of the round
//!   trips, and what these differ by is stated as the error of the stamp, so that the bound pays for it. (Of each Sync
//!   the claim was wrong 675 times in 50 simulated minutes with 5 us of jitter, and the clock ten times worse: what a Sync
//!   is late by is then early on its way back, which no message is. Nor is one by the least round trip late enough.)
//!
//! 802.1AS (sdoId 0x1xx) writes what is below a nanosecond of t2 with the other sign, and does not copy the correction of the request.

mod heard;
mod neighbor;

use self::heard::Heard;
use self::neighbor::Neighbor;
pub use self::neighbor::ROUND_TRIPS_KEPT;
use super::counters::{Counter, count};
use super::gate::frame;
use super::sync::SyncPair;
use super::{Channel, Effect, TxToken};
use crate::coding::Coded;
use crate::engine::Sink;
use crate::time::{ClockEpoch, Duration, FrequencyPpb, Local, LogInterval, Mono, Stamp, Timestamp};
use crate::wire::ptp::{
    CorrectionField, Header, PdelayResp, PdelayRespFollowUp, PeerRequest, PortIdentity, Sender, is_gptp,
};

/// Requests that may be outstanding, or were answered last; the oldest gives way.
pub const PDELAY_OUTSTANDING_MAX: usize = 4;
/// Answers whose transmit stamps may be awaited; the oldest gives way.
pub const PDELAY_ANSWERS_MAX: usize = 8;
/// So many requests in a row may stay without an answer before the neighbour counts as gone (802.1AS: allowedLostResponses).
pub const ALLOWED_LOST_RESPONSES: u32 = 3;
/// For so long nothing is measured when two have answered one request.
pub const BAD_PEER_PAUSE: Duration = Duration::from_secs(16);
/// The first requests come sooner: without an answer nothing is known of the time.
const FIRST_REQUESTS: u32 = 4;
const FIRST_INTERVAL: LogInterval = LogInterval::new(-3);
/// What two clocks may part by.
const DRIFT_MAX: FrequencyPpb = FrequencyPpb::new(100_000.0);
/// A round trip may be so much less than nothing by the resolution of stamps that do not state theirs.
const RESOLUTION: Duration = Duration::from_micros(1);
/// So many exchanges in a row whose stamps do not fit the parent's Syncs are of another clock.
const FOREIGN_AFTER: u8 = 4;
/// What two clocks must be apart by at least to be called that at once: no link is so long, and hardly a queue.
const ABSURD_MIN: Duration = Duration::from_millis(1);

/// Who is at the other end of the link, as the peer delay mechanism has it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum NeighborStatus {
    /// Nobody answers.
    Silent,
    /// Two have answered one request, less than [`BAD_PEER_PAUSE`] ago.
    Several,
    /// One answers.
    Known {
        /// Its portIdentity.
        identity: PortIdentity,
        /// What the link takes, one way.
        mean_link_delay: Duration,
        /// neighborRateRatio less 1: what its clock gains on ours; `None` while that is not known.
        rate: Option<FrequencyPpb>,
    },
}

/// What the mechanism needs to be told.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub(super) struct PeerConfig {
    /// logMinPdelayReqInterval.
    pub interval: LogInterval,
    /// delayAsymmetry: positive if the neighbour's messages take longer than ours.
    pub delay_asymmetry: Duration,
    /// Subtracted from receive stamps.
    pub ingress_latency: Duration,
    /// Added to transmit stamps.
    pub egress_latency: Duration,
    /// No link takes longer.
    pub neighbor_delay_max: Duration,
    /// Nor less, but for what stamps are off by.
    pub neighbor_delay_min: Duration,
    /// The card writes into an answer what that took.
    pub one_step: bool,
}

/// A message of ours to the parent's clock, or what stands for one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Backward {
    /// On our clock.
    pub sent: Stamp,
    /// On the parent's.
    pub received: Timestamp<Local>,
    /// How far off that may be.
    pub error: Duration,
    /// As of an [`Observation`](crate::time::Observation).
    pub correction: Duration,
    pub sequence_id: u16,
}

/// What became of a transmit stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Departed {
    /// It is of no message of the mechanism.
    NotOurs,
    /// It is of one, and something else is still awaited, or it says nothing to the clock.
    Taken,
    /// It completes an exchange that does.
    Says(Backward),
}

/// Whom Syncs are of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Followed {
    pub parent: PortIdentity,
    pub epoch: ClockEpoch,
}

/// A Pdelay_Resp.
#[derive(Clone, Copy, Debug, Coded)]
struct Answer {
    source: PortIdentity,
    /// t2; `None` if it is not said.
    receipt: Option<Timestamp<Local>>,
    /// t4.
    arrived: Stamp,
    correction: Duration,
    is_two_step: bool,
}

/// A Pdelay_Resp_Follow_Up.
#[derive(Clone, Copy, Debug, Coded)]
struct Left {
    source: PortIdentity,
    /// t3; the epoch if it is not said.
    origin: Timestamp<Local>,
    correction: Duration,
}

#[derive(Clone, Copy, Debug, Coded)]
struct Asked {
    sequence_id: u16,
    token: TxToken,
    since: Timestamp<Mono>,
    /// t1.
    departed: Option<Stamp>,
    answer: Option<Answer>,
    left: Option<Left>,
    /// It has been used, and is kept to know a second answer by.
    is_complete: bool,
}

impl Asked {
    fn is_answered_by_other(&self, source: PortIdentity) -> bool {
        let sources = [self.answer.map(|answer| answer.source), self.left.map(|left| left.source)];
        sources.into_iter().flatten().any(|known| known != source)
    }

    const fn missing(&self) -> Counter {
        if self.answer.is_some() && self.departed.is_none() {
            Counter::TxStampMissing
        } else {
            Counter::PdelayRespMissing
        }
    }
}

/// An answer of ours whose transmit stamp is awaited.
#[derive(Clone, Copy, Debug, Coded)]
struct Answering {
    token: TxToken,
    request: PeerRequest,
    receipt: Receipt,
}

/// t2 of an answer of ours.
#[derive(Clone, Copy, Debug, Coded)]
pub struct Receipt {
    /// As the clock that stamps read it.
    pub read: Stamp,
    /// As it is said: the same, or the time that is served.
    pub said: Stamp,
}

/// See the module's text.
#[derive(Clone, Debug, Coded)]
#[coded(sound)]
pub(super) struct PeerDelay {
    config: PeerConfig,
    /// Between requests; the configured one, unless another is wanted.
    interval: LogInterval,
    sender: Sender,
    next_sequence_id: u16,
    /// When the next request is sent; `None` while the port is not in operation.
    request_at: Option<Timestamp<Mono>>,
    /// Two have answered one request, and nobody has been asked since.
    is_suspended: bool,
    /// Requests since the start.
    requests: u32,
    /// Requests since the last answer.
    unanswered: u32,
    outstanding: [Option<Asked>; PDELAY_OUTSTANDING_MAX],
    answers: [Option<Answering>; PDELAY_ANSWERS_MAX],
    next_answer: usize,
    neighbor: Option<Neighbor>,
    heard: Option<Heard>,
    /// Exchanges in a row whose stamps were not of the parent's clock.
    foreign: u8,
}

impl From<Stamp> for Receipt {
    fn from(read: Stamp) -> Self {
        Self { read, said: read }
    }
}

impl PeerDelay {
    /// One that waits for its start.
    pub const fn new(config: PeerConfig, sender: Sender, next_sequence_id: u16) -> Self {
        Self {
            config,
            interval: config.interval,
            sender,
            next_sequence_id,
            request_at: None,
            is_suspended: false,
            requests: 0,
            unanswered: 0,
            outstanding: [None; PDELAY_OUTSTANDING_MAX],
            answers: [None; PDELAY_ANSWERS_MAX],
            next_answer: 0,
            neighbor: None,
            heard: None,
            foreign: 0,
        }
    }

    const fn is_sound(&self) -> bool {
        self.next_answer < PDELAY_ANSWERS_MAX
    }

    const fn is_gptp(&self) -> bool {
        is_gptp(self.sender.sdo_id)
    }

    /// What is taken from the correction of a request, and added to that of its answer: it cancels where the answer repeats
    /// the request's.
    const fn asymmetry_on_the_wire(&self) -> Duration {
        if self.is_gptp() { Duration::ZERO } else { self.config.delay_asymmetry }
    }

    /// Who is there.
    pub fn status(&self) -> NeighborStatus {
        let known = self.neighbor.as_ref().and_then(|neighbor| Some((neighbor, neighbor.mean_link_delay()?)));
        match known {
            Some((neighbor, mean_link_delay)) => {
                NeighborStatus::Known { identity: neighbor.identity, mean_link_delay, rate: neighbor.rate() }
            }
            None if self.is_suspended => NeighborStatus::Several,
            None => NeighborStatus::Silent,
        }
    }

    /// What the link takes; `None` while the neighbour is not known.
    #[cfg(test)]
    fn mean_link_delay(&self) -> Option<Duration> {
        self.neighbor.as_ref().and_then(Neighbor::mean_link_delay)
    }

    /// What the neighbour's clock gains on ours.
    #[cfg(test)]
    fn neighbor_rate(&self) -> Option<FrequencyPpb> {
        self.neighbor.as_ref().and_then(Neighbor::rate)
    }

    /// When [`tick`](Self::tick) has something to do.
    pub const fn deadline(&self) -> Option<Timestamp<Mono>> {
        self.request_at
    }

    /// The port is in operation: the first request goes out at the next tick.
    pub const fn start(&mut self, now: Timestamp<Mono>) {
        self.request_at = Some(now);
        self.is_suspended = false;
        self.requests = 0;
        self.unanswered = 0;
    }

    /// The port is not in operation any more: another neighbour may answer when it is again.
    pub fn stop(&mut self, out: &mut impl Sink<Effect>) {
        self.flush(out);
        self.request_at = None;
        self.neighbor = None;
    }

    /// Throws halves away: the stamps in them are of before a step of our clock. What the link takes stays.
    pub fn flush(&mut self, out: &mut impl Sink<Effect>) {
        let halves = self.outstanding.iter_mut().filter_map(Option::take).filter(|asked| !asked.is_complete).count();
        let answers = self.answers.iter_mut().filter_map(Option::take).count();
        for _ in 0..halves + answers {
            count(out, Counter::HalfFlushed);
        }
        self.heard = None;
        if let Some(neighbor) = &mut self.neighbor {
            // Of before the step they make no rate.
            neighbor.marks = [None; ROUND_TRIPS_KEPT];
        }
    }

    // ---- Requester ----

    /// The interval at which requests are sent.
    pub const fn interval(&self) -> LogInterval {
        self.interval
    }

    /// Requests are sent at this interval from now on; `None`: at the configured one.
    pub fn pace(&mut self, now: Timestamp<Mono>, interval: Option<LogInterval>) {
        self.interval = interval.unwrap_or(self.config.interval);
        let soon = now + self.interval.duration();
        self.request_at = self.request_at.map(|at| at.min(soon));
    }

    /// Sends the request that is due.
    pub fn tick(&mut self, now: Timestamp<Mono>, next_token: &mut u32, out: &mut impl Sink<Effect>) {
        if self.request_at.is_none_or(|at| at > now) {
            return;
        }
        if self.unanswered >= ALLOWED_LOST_RESPONSES && self.neighbor.take().is_some() {
            count(out, Counter::NeighborLost);
        }
        let interval = self.interval;
        let interval = if self.requests < FIRST_REQUESTS { interval.min(FIRST_INTERVAL) } else { interval };
        self.is_suspended = false;
        self.request_at = Some(now + interval.duration());
        self.requests = self.requests.saturating_add(1);
        self.unanswered = self.unanswered.saturating_add(1);
        let token = take_token(next_token);
        let sequence_id = self.next_sequence_id;
        self.next_sequence_id = sequence_id.wrapping_add(1);
        let age = |asked: &Option<Asked>| asked.map(|asked| asked.since);
        if let Some(place) = self.outstanding.iter_mut().min_by_key(|place| age(place)) {
            if let Some(asked) = place.take_if(|asked| !asked.is_complete) {
                count(out, asked.missing());
            }
            *place = Some(Asked {
                sequence_id,
                token,
                since: now,
                departed: None,
                answer: None,
                left: None,
                is_complete: false,
            });
        }
        let message = self.sender.pdelay_req(sequence_id, self.asymmetry_on_the_wire());
        count(out, Counter::SentPdelayReq);
        out.emit(Effect::Send { frame: frame(&message), channel: Channel::Event, token: Some(token), to: None });
    }

    /// A Pdelay_Resp with the correction that its header says.
    pub fn resp(
        &mut self,
        now: Timestamp<Mono>,
        (header, correction): (&Header, Duration),
        (body, stamp): (&PdelayResp, Option<Stamp>),
        followed: Option<Followed>,
        out: &mut impl Sink<Effect>,
    ) -> Option<Backward> {
        let source = header.source_port_identity;
        let asymmetry = self.asymmetry_on_the_wire();
        let place = self.asked_by(header, body.requesting_port_identity, out)?;
        let asked = self.outstanding[place].as_mut()?;
        if asked.is_answered_by_other(source) {
            self.suspend(now, out);
            return None;
        }
        if asked.answer.is_some() {
            count(out, Counter::PdelayRespUnexpected);
            return None;
        }
        let Some(stamp) = stamp else {
            count(out, Counter::RxStampMissing);
            return None;
        };
        let is_two_step = header.flags.two_step();
        let receipt = body.request_receipt_timestamp.to_timestamp();
        asked.answer = Some(Answer {
            source,
            receipt: Some(receipt).filter(|receipt| *receipt != Timestamp::EPOCH),
            arrived: Stamp { at: stamp.at - self.config.ingress_latency, ..stamp },
            correction: correction + asymmetry,
            is_two_step,
        });
        self.complete(place, followed, out)
    }

    /// A Pdelay_Resp_Follow_Up with the correction that its header says.
    pub fn resp_follow_up(
        &mut self,
        now: Timestamp<Mono>,
        (header, correction): (&Header, Duration),
        body: &PdelayRespFollowUp,
        followed: Option<Followed>,
        out: &mut impl Sink<Effect>,
    ) -> Option<Backward> {
        let source = header.source_port_identity;
        let place = self.asked_by(header, body.requesting_port_identity, out)?;
        let asked = self.outstanding[place].as_mut()?;
        if asked.is_answered_by_other(source) {
            self.suspend(now, out);
            return None;
        }
        if asked.left.is_some() {
            count(out, Counter::PdelayRespUnexpected);
            return None;
        }
        asked.left = Some(Left { source, origin: body.response_origin_timestamp.to_timestamp(), correction });
        self.complete(place, followed, out)
    }

    /// The place of the request that a message answers.
    fn asked_by(&self, header: &Header, requester: PortIdentity, out: &mut impl Sink<Effect>) -> Option<usize> {
        if requester != self.sender.source_port_identity {
            count(out, Counter::PdelayRespForOther);
            return None;
        }
        let is_asked = |asked: &Option<Asked>| asked.is_some_and(|asked| asked.sequence_id == header.sequence_id);
        let place = self.outstanding.iter().position(is_asked);
        if place.is_none() {
            count(out, Counter::PdelayRespUnexpected);
        }
        place
    }

    /// Two have answered: nothing is believed, and nothing measured for a while.
    fn suspend(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        count(out, Counter::PeerMultiple);
        self.outstanding = [None; PDELAY_OUTSTANDING_MAX];
        self.neighbor = None;
        self.unanswered = 0;
        self.is_suspended = true;
        self.request_at = self.request_at.map(|_| now + BAD_PEER_PAUSE);
    }

    /// What the exchange says, if all of it is there.
    fn complete(&mut self, place: usize, followed: Option<Followed>, out: &mut impl Sink<Effect>) -> Option<Backward> {
        let asked = self.outstanding[place].as_mut().filter(|asked| !asked.is_complete)?;
        let (departed, answer) = (asked.departed?, asked.answer?);
        let left = match (answer.is_two_step, asked.left) {
            (true, None) => return None,
            (true, left) => left,
            (false, _) => None,
        };
        asked.is_complete = true;
        let sequence_id = asked.sequence_id;
        self.unanswered = 0;
        if departed.clock != answer.arrived.clock || departed.epoch != answer.arrived.epoch {
            count(out, Counter::HalfFlushed);
            return None;
        }
        let is_gptp = self.is_gptp();
        // By their own clock, from their receipt to their answer.
        let of_resp = if is_gptp { -answer.correction } else { answer.correction };
        let turnaround = match (left, answer.receipt) {
            (Some(left), Some(receipt)) => left.origin - receipt + left.correction + of_resp,
            (Some(left), None) => left.origin - Timestamp::EPOCH + left.correction + of_resp,
            (None, _) => answer.correction,
        };
        let identity = answer.source;
        if self.neighbor.is_some_and(|neighbor| neighbor.identity != identity) {
            self.neighbor = None;
            self.foreign = 0;
        }
        let neighbor = self.neighbor.get_or_insert(Neighbor::new(identity));
        let rate = neighbor.rate().unwrap_or(FrequencyPpb::ZERO);
        let round_trip = answer.arrived.at - departed.at - (turnaround - rate.drift(turnaround));
        let unsure = departed.error + answer.arrived.error + RESOLUTION + DRIFT_MAX.drift(turnaround.abs());
        let least = self.config.neighbor_delay_min.times(2) - unsure;
        if round_trip < least || round_trip.half() > self.config.neighbor_delay_max {
            count(out, Counter::NeighborDelayRefused);
            return None;
        }
        neighbor.says_when = left.is_some() && answer.receipt.is_some();
        let mark = left.filter(|_| answer.receipt.is_some()).map(|left| (left.origin, answer.arrived.at));
        neighbor.take(round_trip, mark);
        let greatest = neighbor.round_trips()?.1;
        let (left, receipt) = (left?, answer.receipt?);
        let followed = followed.filter(|followed| followed.parent == identity)?;
        let heard = self.heard.as_ref().filter(|heard| heard.is_of(followed, &departed))?;
        let (last, transit) = heard.latest().next()?;
        // Of one clock with the Syncs?
        let apart = (answer.arrived.at - left.origin - transit).abs();
        let since = (answer.arrived.at - last).abs();
        if apart > greatest + RESOLUTION + DRIFT_MAX.drift(since) {
            // Later than by any link nothing comes but by chance: that is another clock's at once.
            let is_absurd = apart > self.config.neighbor_delay_max.times(2).max(ABSURD_MIN) + DRIFT_MAX.drift(since);
            self.foreign = if is_absurd { FOREIGN_AFTER } else { self.foreign.saturating_add(1) };
            return None;
        }
        self.foreign = 0;
        let below = answer.correction - self.asymmetry_on_the_wire();
        let below = if is_gptp { -below } else { below };
        Some(Backward {
            sent: departed,
            received: receipt,
            error: Duration::ZERO,
            correction: below - self.config.delay_asymmetry,
            sequence_id,
        })
    }

    /// A Sync is complete: what stands for its way back, where no message of ours does.
    pub fn synced(&mut self, pair: &SyncPair, followed: Followed) -> Option<Backward> {
        let transit = pair.received.at - pair.origin - pair.correction;
        let heard = self.heard.take_if(|heard| heard.is_of(followed, &pair.received));
        let heard = self.heard.insert(heard.unwrap_or(Heard::new(followed, pair.received)));
        heard.take(pair.received, transit);
        let neighbor = self.neighbor.as_ref().filter(|neighbor| neighbor.len >= FIRST_REQUESTS as usize)?;
        if neighbor.identity == followed.parent && self.foreign < FOREIGN_AFTER && neighbor.says_when {
            return None;
        }
        let (least, greatest) = neighbor.round_trips().filter(|_| heard.is_early())?;
        Some(Backward {
            sent: pair.received,
            received: pair.origin + neighbor.mean_link_delay()?.times(2),
            error: greatest - least,
            correction: -pair.correction,
            sequence_id: pair.sequence_id,
        })
    }

    // ---- Responder ----

    /// A Pdelay_Req: the answer goes out at once, and what completes it when its transmit stamp is there.
    pub fn request(
        &mut self,
        header: &Header,
        receipt: Option<Receipt>,
        next_token: &mut u32,
        out: &mut impl Sink<Effect>,
    ) {
        let Some(receipt) = receipt else { return count(out, Counter::RxStampMissing) };
        let request = PeerRequest::of(header);
        let said = receipt.said.at - self.config.ingress_latency;
        let Some(mut message) = self.sender.pdelay_resp(&request, said) else {
            return count(out, Counter::TimeNotRepresentable);
        };
        if self.is_gptp() {
            let below = message.header.correction_field.to_duration().unwrap_or_default();
            message.header.correction_field = CorrectionField::from_duration(-below);
        }
        let token = take_token(next_token);
        if self.answers[self.next_answer].replace(Answering { token, request, receipt }).is_some() {
            count(out, Counter::TxStampMissing);
        }
        self.next_answer = (self.next_answer + 1) % PDELAY_ANSWERS_MAX;
        count(out, Counter::SentPdelayResp);
        out.emit(Effect::Send { frame: frame(&message), channel: Channel::Event, token: Some(token), to: None });
    }

    /// Whether the card completes answers, so that nothing follows them.
    pub const fn answers_in_one_step(&self) -> bool {
        self.config.one_step
    }

    /// A Pdelay_Req whose answer the card completes: by its own reading of when that request arrived.
    pub fn answer_by_the_card(&self, header: &Header, out: &mut impl Sink<Effect>) {
        let latencies = self.config.ingress_latency + self.config.egress_latency;
        let message = self.sender.pdelay_resp_for_the_card(&PeerRequest::of(header), latencies);
        count(out, Counter::SentPdelayResp);
        out.emit(Effect::Send { frame: frame(&message), channel: Channel::Event, token: None, to: None });
    }

    fn answered(&mut self, answering: &Answering, stamp: Option<Stamp>, out: &mut impl Sink<Effect>) {
        let Some(stamp) = stamp else { return count(out, Counter::TxStampMissing) };
        let of = |stamp: &Stamp| (stamp.clock, stamp.epoch, stamp.source);
        if of(&stamp) != of(&answering.receipt.said) {
            return count(out, Counter::HalfFlushed);
        }
        let origin = stamp.at + self.config.egress_latency;
        let repeated = if self.is_gptp() { CorrectionField::ZERO } else { answering.request.correction_field };
        let request = PeerRequest { correction_field: repeated, ..answering.request };
        let Some(message) = self.sender.pdelay_resp_follow_up(&request, origin) else {
            return count(out, Counter::TimeNotRepresentable);
        };
        count(out, Counter::SentPdelayRespFollowUp);
        out.emit(Effect::Send { frame: frame(&message), channel: Channel::General, token: None, to: None });
    }

    /// When that arrived whose answer a transmit stamp is of; `None`: it is of no answer.
    pub fn answers_by(&self, token: TxToken) -> Option<Receipt> {
        self.answers.iter().flatten().find(|answering| answering.token == token).map(|answering| answering.receipt)
    }

    // ---- Transmit stamps ----

    /// A transmit stamp has come, or never will.
    pub fn sent(
        &mut self,
        token: TxToken,
        stamp: Option<Stamp>,
        followed: Option<Followed>,
        out: &mut impl Sink<Effect>,
    ) -> Departed {
        if let Some(answering) =
            self.answers.iter_mut().find_map(|place| place.take_if(|answering| answering.token == token))
        {
            self.answered(&answering, stamp, out);
            return Departed::Taken;
        }
        let is_its = |place: &Option<Asked>| place.is_some_and(|asked| asked.token == token);
        let Some(place) = self.outstanding.iter().position(is_its) else { return Departed::NotOurs };
        let Some(stamp) = stamp else {
            self.outstanding[place] = None;
            count(out, Counter::TxStampMissing);
            return Departed::Taken;
        };
        if let Some(asked) = &mut self.outstanding[place] {
            asked.departed = Some(Stamp { at: stamp.at + self.config.egress_latency, ..stamp });
        }
        self.complete(place, followed, out).map_or(Departed::Taken, Departed::Says)
    }

    /// A message did not get out.
    pub fn abandon(&mut self, token: TxToken) {
        for place in &mut self.answers {
            place.take_if(|answering| answering.token == token);
        }
        for place in &mut self.outstanding {
            place.take_if(|asked| asked.token == token);
        }
    }
}

fn take_token(next_token: &mut u32) -> TxToken {
    let token = TxToken(*next_token);
    *next_token = token.0.wrapping_add(1);
    token
}

#[cfg(test)]
mod tests;

//! The client of one server: when to ask, what to believe of the answers, and the stamps that come out of it.
//!
//! ```text
//!   client  T1 --- request ---> T2  server        offset = ((T2 - T1) + (T3 - T4)) / 2
//!           T4 <--- answer ---- T3                delay  = (T4 - T1) - (T3 - T2)
//! ```
//!
//! The arithmetic is not done here: a request and its answer are two edges between two clocks, as a Sync and a Delay_Req
//! are, and go to the discipline as two observations. What is done here is to make sure that they are an exchange with the
//! server that was asked, now, about the time.
//!
//! Everybody can send us datagrams. The obvious check, the server's address, is no check: addresses are forged. So each
//! request leaves from a fresh port and carries 64 random bits as its transmit timestamp, which an answer returns as its
//! origin; who has not seen the request cannot answer it. Only the latest request counts, once, and a zero origin never
//! does (the two ways in which real clients were led astray). The random bits also say nothing of our clock, nor of when we
//! were last here: all other fields of a request are the same from everybody (data minimisation).
//!
//! The kernel's stamp of the request may come after the answer. Neither waits for the other: the second one completes the
//! exchange, and what never comes costs this exchange and nothing else.
//!
//! | file | chapter |
//! |---|---|
//! | `interleaved` | measuring by when an answer really left |
//! | `schedule` | when to ask: poll interval, bursts, what RATE and silence do to it |
//! | `pace` | what makes it ask sooner than planned |
//! | `answer` | what a header says of its sender: kisses, fitness, loops |
//! | `identity` | how we look to others, for the loop test |
//! | `counters` | every figure |
//! | `name` | when its name is looked up, and which address behind it is asked |
//! | `recorded` | the bytes of an input, for a trace |
//!
//! Read: RFC 5905 8 and 9.2 (on the wire), 7.4 (kisses), 11.2 (fitness); RFC 9109 (ports); RFC 8633 (good manners).

mod answer;
#[cfg(test)]
mod bench;
mod counters;
mod identity;
mod interleaved;
mod name;
mod pace;
mod recorded;
mod schedule;
#[cfg(test)]
mod tests;

pub use counters::ClientCounter;
pub use identity::{OWN_REFERENCE_IDS_MAX, Orphan, OwnIdentity, Served, reference_id_of};
pub use name::{LOOK_UP_AGAIN, Name, RETRY_MAX};
pub use schedule::{BURST_REQUESTS, BURST_SPACING, Demand, POLL_MAX, POLL_MIN};

use answer::Kiss;
use interleaved::{Exchange, Latest};
use schedule::{Schedule, Timer};

use crate::coding::Coded;
use crate::engine::{Engine, Random, Sink, TimerTable};
use crate::time::{
    ClockEpoch, ClockId, Duration, LeapIndicator, LogInterval, Mono, NtpTimestamp, Observation, SourceId, Stamp,
    StampSource, Timestamp, Utc,
};
use crate::wire::ntp::{HEADER_LENGTH, Header, Mac, Mode, Packet, parse, write};

/// How long an answer is waited for.
pub const ANSWER_AGE_MAX: Duration = Duration::from_secs(4);

/// Whoever sets our clock again and again does not make us ask more often than this: a burst of eight costs a server no more than polls of 8 s.
const HURRY_INTERVAL_MIN: Duration = Duration::from_secs(64);
/// A server that left so many requests in a row unanswered is unreachable.
pub const UNANSWERED_MAX: u32 = 8;
/// The last three requests, in a reach register: a server that answered none of them is not heard.
pub const REQUESTS_OF_LATE: u8 = 0b111;

/// After so many interleaved requests in a row without an answer it is asked in basic mode again.
pub const UNANSWERED_INTERLEAVED_MAX: u32 = 4;

/// DENY or RSTR so many times in a row, and the server is not asked any more. One alone may be forged by who sees our
/// requests, and then it would stop us for good.
pub const DENIALS_MAX: u32 = 3;

/// What a request says of its sender's precision: nothing (2^32 s, the same from everybody).
const PRECISION_UNSTATED: i8 = 32;

/// How much faster or slower than the server's our clock may run, for the one test that compares the two.
const RATE_DIFFERENCE_MAX: f64 = 1e-3;

/// Names one request until its exchange is over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Coded)]
pub struct RequestToken(pub u32);

/// Whom to ask, and how often.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Config {
    /// The row that observations are of.
    pub source: SourceId,
    /// The poll interval, [`POLL_MIN`] to [`POLL_MAX`].
    pub poll: LogInterval,
    /// The longest that a server can make us wait by RATE.
    pub poll_max: LogInterval,
    /// As long as the poll interval becomes by itself while fewer answers would do ([`Input::Demand`]); no longer than `poll`: never.
    pub poll_longest: LogInterval,
    /// Begin with [`BURST_REQUESTS`] requests, [`BURST_SPACING`] apart.
    pub iburst: bool,
    /// Send as many at each poll.
    pub burst: bool,
    /// Ask when the answer before really left (RFC 9769), where the server knows.
    pub interleaved: bool,
    /// Who serves its own clock at this stratum has no source, and is followed only if it is to lead us.
    pub orphan: Option<Orphan>,
    /// A time that has passed for certain, as the day of the build: where our clock reads less, this tells the server's era.
    pub not_before: Timestamp<Utc>,
    /// From the operating system's randomness, another one for each client: the bits of the requests come from it.
    pub seed: u64,
}

impl Config {
    /// A poll each 64 s, and a burst at the beginning.
    pub const fn new(source: SourceId, seed: u64) -> Self {
        Self {
            source,
            poll: LogInterval::new(6),
            poll_max: LogInterval::new(10),
            poll_longest: LogInterval::new(6),
            iburst: true,
            burst: false,
            interleaved: false,
            orphan: None,
            not_before: Timestamp::from_secs(1_767_225_600), // 2026-01-01
            seed,
        }
    }
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A datagram came to the socket of a request.
    Received {
        /// The request whose socket it is.
        token: RequestToken,
        /// Its payload.
        bytes: &'a [u8],
        /// When it arrived; `None` if the stamp is missing.
        stamp: Option<Stamp>,
    },
    /// The transmit stamp of a request is known, or will never be.
    Sent {
        /// The request.
        token: RequestToken,
        /// When it left; `None` if that has been given up.
        stamp: Option<Stamp>,
    },
    /// A request did not get out.
    SendFailed {
        /// The request.
        token: RequestToken,
    },
    /// How we look to others has changed.
    Identity(OwnIdentity),
    /// Whether there is a network to the server. It begins with one.
    Online(bool),
    /// All that was known of our clock is void: somebody has set it, or this machine stood still. The server is asked at once, as a new one, if
    /// it was not in the last minute for the same reason, and never said that it is asked too often.
    Hurry,
    /// So many answers are wanted of it.
    Demand(Demand),
    /// Time has passed: runs the timers that are due.
    Tick,
}

/// What is wanted, in this order.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub enum Effect {
    /// Send a request from a socket of its own, bound to a fresh port that nobody can guess (RFC 9109), with a transmit
    /// stamp: answer with [`Input::Sent`] or [`Input::SendFailed`].
    Send {
        /// The datagram.
        frame: [u8; HEADER_LENGTH],
        /// What the request is called from now on.
        token: RequestToken,
    },
    /// The exchange is over: close its socket. A stamp that has not come is not wanted any more.
    Close(RequestToken),
    /// One edge of an exchange: the request's (T1 ours, T2 the server's), then the answer's (T3, T4).
    Observe(Observation),
    /// What the server says of its time, with each answer; `None`: it has none, or cannot be reached. Once each time.
    Source(Option<SourceInfo>),
    /// The next request comes after this, by the nearest power of two: shorter during a burst.
    Interval(LogInterval),
    /// The state changed.
    State {
        /// The state before.
        from: ClientState,
        /// The state now.
        to: ClientState,
    },
    /// One more of these.
    Count(ClientCounter),
}

/// What a server says of its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct SourceInfo {
    /// Its leap warning; never "unknown".
    pub leap: LeapIndicator,
    /// Its stratum, 1..=15.
    pub stratum: u8,
    /// Whom it follows.
    pub reference_id: [u8; 4],
    /// Its round trip to the primary source.
    pub root_delay: Duration,
    /// Its error relative to that.
    pub root_dispersion: Duration,
}

impl SourceInfo {
    /// How wrong its time may be: `root_delay / 2 + root_dispersion`.
    pub fn root_distance(&self) -> Duration {
        self.root_delay.half() + self.root_dispersion
    }
}

/// Why nothing was measured by the latest answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct Refusal {
    /// The reason, by the name under which it is counted.
    pub reason: ClientCounter,
    /// What its header said, whether that can be believed or not.
    pub said: SourceInfo,
}

/// Where a client stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
pub enum ClientState {
    /// There is no network: nothing is sent.
    Offline,
    /// It asks, and was not answered yet, or [`UNANSWERED_MAX`] times not.
    Waiting,
    /// It is answered.
    Reachable,
    /// The server has refused it [`DENIALS_MAX`] times in a row: nothing is sent.
    Denied,
}

/// The latest request, until its exchange is over.
#[derive(Clone, Copy, Debug, Coded)]
struct Request {
    token: RequestToken,
    transmit: NtpTimestamp,
    /// Its receive timestamp, if it is an interleaved one.
    receive: Option<NtpTimestamp>,
    departed: Option<Stamp>,
    answer: Option<Answer>,
}

/// Its answer, while the request's own stamp is awaited.
#[derive(Clone, Copy, Debug, Coded)]
struct Answer {
    header: Header,
    received: Stamp,
    is_interleaved: bool,
}

/// See the module's text. The first input of any kind starts it.
#[derive(Clone, Debug, Coded)]
pub struct Client {
    config: Config,
    random: Random,
    schedule: Schedule,
    timers: TimerTable<Timer, 2>,
    is_started: bool,
    state: ClientState,
    own: OwnIdentity,
    request: Option<Request>,
    latest: Option<Latest>,
    next_token: u32,
    /// Both stamps of the last answer, of whatever kind.
    last_stamps: Option<(NtpTimestamp, NtpTimestamp)>,
    /// What the server said of its time last, while it has one.
    said: Option<SourceInfo>,
    told_interval: Option<LogInterval>,
    reach: u8,
    unanswered: u32,
    denials: u32,
    refusal: Option<Refusal>,
    /// When it was last asked to hurry, and did.
    hurried_at: Option<Timestamp<Mono>>,
    /// When the latest request left.
    asked_at: Option<Timestamp<Mono>>,
    /// The interval is shorter than it was, and nothing was measured since: until then nobody is told, or what is of the last
    /// answer would be thought to be too old.
    returns: bool,
}

impl Client {
    /// A client that waits for its first input.
    pub fn new(config: Config) -> Self {
        Self {
            random: Random::seeded(config.seed),
            schedule: Schedule::new(config.poll, config.poll_max, config.burst).up_to(config.poll_longest),
            timers: TimerTable::default(),
            is_started: false,
            state: ClientState::Waiting,
            own: OwnIdentity::default(),
            request: None,
            latest: None,
            next_token: 0,
            last_stamps: None,
            said: None,
            told_interval: None,
            reach: 0,
            unanswered: 0,
            denials: 0,
            refusal: None,
            hurried_at: None,
            asked_at: None,
            returns: false,
            config,
        }
    }

    /// What it was made with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Where it stands.
    pub const fn state(&self) -> ClientState {
        self.state
    }

    /// Which of the last eight requests had an answer with time in it, the latest in the lowest bit.
    pub const fn reach(&self) -> u8 {
        self.reach
    }

    /// Whether one of the last three requests was answered.
    pub const fn answered_of_late(&self) -> bool {
        self.reach & REQUESTS_OF_LATE != 0
    }

    /// The poll interval that is in force, bursts aside.
    pub fn interval(&self) -> LogInterval {
        self.schedule.interval()
    }

    /// How many requests in a row were not answered, the present one included.
    pub const fn unanswered(&self) -> u32 {
        self.unanswered
    }

    /// Why nothing was measured by the latest answer; `None`: something was, or there was none.
    pub const fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// Nothing can be measured by the latest answer, though its sender has the time.
    fn doubt(&mut self, reason: ClientCounter, out: &mut impl Sink<Effect>) {
        self.refusal = self.said.map(|said| Refusal { reason, said }).or(self.refusal);
        count(out, reason);
    }

    /// The latest answer is of no use.
    fn refuse(&mut self, reason: ClientCounter, said: SourceInfo, out: &mut impl Sink<Effect>) {
        self.refusal = Some(Refusal { reason, said });
        count(out, reason);
    }

    fn change_state(&mut self, to: ClientState, out: &mut impl Sink<Effect>) {
        let from = std::mem::replace(&mut self.state, to);
        if from != to {
            out.emit(Effect::State { from, to });
        }
    }

    fn lose_source(&mut self, out: &mut impl Sink<Effect>) {
        if self.said.take().is_some() {
            out.emit(Effect::Source(None));
        }
    }

    // ---- Asking ----

    fn send(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        self.give_up(now, out);
        self.asked_at = Some(now);
        if self.unanswered > 0 && self.unanswered.is_multiple_of(UNANSWERED_MAX) {
            self.schedule.unanswered();
            self.change_state(ClientState::Waiting, out);
            self.lose_source(out);
        }
        let transmit = self.unpredictable();
        let interleaved = self.ask_for_departure();
        let (origin, receive) = interleaved.unwrap_or_default();
        let header = Header {
            leap: LeapIndicator::NoWarning,
            mode: Mode::Client,
            poll: self.schedule.interval().log2_seconds(),
            precision: PRECISION_UNSTATED,
            origin_timestamp: origin,
            receive_timestamp: receive,
            transmit_timestamp: transmit,
            ..Header::default()
        };
        let mut frame = [0; HEADER_LENGTH];
        write(&Packet::plain(header), &mut frame).expect("room for a header");
        let token = RequestToken(self.next_token);
        self.next_token = self.next_token.wrapping_add(1);
        let receive = interleaved.map(|(_, receive)| receive);
        self.request = Some(Request { token, transmit, receive, departed: None, answer: None });
        self.reach <<= 1;
        self.unanswered = self.unanswered.saturating_add(1);
        let (next, spacing) = self.schedule.sent(now, &mut self.random);
        self.timers.set(Timer::Poll, next);
        self.timers.set(Timer::Answer, now + ANSWER_AGE_MAX);
        self.plan_to_be_heard(spacing, out);
        count(out, ClientCounter::Requests);
        out.emit(Effect::Send { frame, token });
    }

    /// 64 random bits that are not "unset".
    fn unpredictable(&mut self) -> NtpTimestamp {
        loop {
            let drawn = NtpTimestamp::from_bits(self.random.next_u64());
            if !drawn.is_unset() {
                return drawn;
            }
        }
    }

    /// The exchange is over, however it went.
    fn close(&mut self, out: &mut impl Sink<Effect>) -> Option<Request> {
        self.timers.clear(Timer::Answer);
        let request = self.request.take()?;
        out.emit(Effect::Close(request.token));
        Some(request)
    }

    fn give_up(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        match self.close(out) {
            Some(Request { answer: None, .. }) => {
                self.refusal = None;
                if self.schedule.shorten() {
                    self.ask_sooner(now);
                }
                count(out, ClientCounter::Unanswered);
            }
            Some(_) => self.doubt(ClientCounter::TxStampMissing, out),
            None => {}
        }
    }

    // ---- Answers ----

    fn received(
        &mut self,
        now: Timestamp<Mono>,
        token: RequestToken,
        bytes: &[u8],
        stamp: Option<Stamp>,
        out: &mut impl Sink<Effect>,
    ) {
        let packet = match parse(bytes) {
            Ok(packet) => packet,
            Err(error) => return count(out, ClientCounter::Malformed(error)),
        };
        let header = packet.header;
        let is_interleaved = match self.origin_of(token, &packet) {
            Ok(is_interleaved) => is_interleaved,
            Err(reason) => return count(out, reason),
        };
        self.last_stamps = Some((header.receive_timestamp, header.transmit_timestamp));
        if let Some(kiss) = answer::kiss(&header) {
            self.close(out);
            return self.kissed(kiss, &header, out);
        }
        // The transmit timestamp is of an earlier answer in interleaved mode, so it cannot be in order with the others.
        let departed = if is_interleaved { header.receive_timestamp } else { header.transmit_timestamp };
        match answer::standing(&Header { transmit_timestamp: departed, ..header }, &self.own, self.config.orphan) {
            Ok(info) => self.answered(now, info, out),
            Err(reason) => {
                self.refuse(reason, answer::said(&header), out);
                self.close(out);
                return self.lose_source(out);
            }
        }
        let Some(received) = stamp else {
            self.doubt(ClientCounter::RxStampMissing, out);
            self.close(out);
            return;
        };
        if let Some(request) = &mut self.request {
            request.answer = Some(Answer { header, received, is_interleaved });
        }
        self.complete(out);
    }

    /// Whether a packet is an interleaved answer to our latest request, or a basic one; or why it is none.
    fn origin_of(&self, token: RequestToken, packet: &Packet<'_>) -> Result<bool, ClientCounter> {
        let header = &packet.header;
        let waits = |request: &&Request| request.token == token && request.answer.is_none();
        let refused = match self.request.as_ref().filter(waits) {
            _ if header.mode != Mode::Server => ClientCounter::Mode,
            _ if packet.mac == Some(Mac::CryptoNak) => ClientCounter::CryptoNak,
            _ if header.origin_timestamp.is_unset() => ClientCounter::OriginUnset,
            Some(request) if header.origin_timestamp == request.transmit => return Ok(false),
            Some(request) if request.receive == Some(header.origin_timestamp) => return Ok(true),
            Some(_) => ClientCounter::OriginMismatch,
            None => ClientCounter::Unexpected,
        };
        let is_again = self.last_stamps == Some((header.receive_timestamp, header.transmit_timestamp));
        Err(if is_again { ClientCounter::Duplicate } else { refused })
    }

    /// RATE slows us down for good; being refused again and again ends it. The time in such an answer is none.
    fn kissed(&mut self, kiss: Kiss, header: &Header, out: &mut impl Sink<Effect>) {
        let said = answer::said(header);
        match kiss {
            Kiss::Rate => {
                self.refuse(ClientCounter::KissRate, said, out);
                self.schedule.kissed(header.poll);
                self.unanswered = 0;
                if let Some(planned) = self.timers.get(Timer::Poll) {
                    self.timers.set(Timer::Poll, planned + self.schedule.interval().duration());
                }
                return;
            }
            Kiss::Deny => self.refuse(ClientCounter::KissDeny, said, out),
            Kiss::Restrict => self.refuse(ClientCounter::KissRestrict, said, out),
        }
        self.denials += 1;
        self.lose_source(out);
        if self.denials >= DENIALS_MAX {
            self.timers.clear(Timer::Poll);
            self.change_state(ClientState::Denied, out);
        }
    }

    fn answered(&mut self, now: Timestamp<Mono>, info: SourceInfo, out: &mut impl Sink<Effect>) {
        count(out, ClientCounter::Answers);
        self.schedule.answered();
        if self.config.iburst && self.unanswered > UNANSWERED_MAX {
            // It was away: what has happened meanwhile is learnt as at the beginning.
            self.schedule.begin(now, &mut self.random);
            let (next, _) = self.schedule.sent(now, &mut self.random);
            self.timers.set(Timer::Poll, next);
        }
        self.reach |= 1;
        self.unanswered = 0;
        self.denials = 0;
        self.said = Some(info);
        self.change_state(ClientState::Reachable, out);
        out.emit(Effect::Source(Some(info)));
    }

    /// With both of our stamps there: what can be measured now is.
    fn complete(&mut self, out: &mut impl Sink<Effect>) {
        let Some(Request { departed: Some(departed), answer: Some(answer), token, .. }) = self.request else { return };
        self.close(out);
        let Answer { header, received, is_interleaved } = answer;
        let (receive, transmit) = (header.receive_timestamp, header.transmit_timestamp);
        let resolution = answer::resolution(header.precision);
        let exchange = Exchange { token, departed, receive, received, resolution };
        // Nothing is measured twice, whatever is lost of what follows.
        let waited = self.latest.as_mut().and_then(|latest| latest.waits.take());
        self.latest = Some(Latest { receive, waits: is_interleaved.then_some(exchange) });
        if !is_interleaved {
            return self.measure(&exchange, transmit, out);
        }
        count(out, ClientCounter::Interleaved);
        match waited {
            Some(before) => self.measure(&before, transmit, out),
            None => count(out, ClientCounter::InterleavedUnused),
        }
    }

    /// The two observations of an exchange whose answer left at `transmit`; the request's first, since it was first.
    fn measure(&mut self, exchange: &Exchange, transmit: NtpTimestamp, out: &mut impl Sink<Effect>) {
        let Exchange { token, departed, receive, received, resolution: error } = *exchange;
        let Ok(elapsed) = received.since(&departed) else { return self.doubt(ClientCounter::ClockStepped, out) };
        let residence = transmit.since(receive);
        if residence < -error {
            return self.doubt(ClientCounter::AnswerBeforeRequest, out);
        }
        let round_trip = elapsed - residence;
        let blur = departed.error + received.error + error + residence.scaled(RATE_DIFFERENCE_MAX);
        if round_trip + blur < Duration::ZERO {
            return self.doubt(ClientCounter::RoundTripNegative, out);
        }
        if round_trip > ANSWER_AGE_MAX {
            return self.doubt(ClientCounter::RoundTripExcessive, out);
        }
        self.schedule.measured(round_trip);
        self.refusal = None;
        count(out, ClientCounter::Measured);
        let pivot = received.at.read_as().max(self.config.not_before);
        let source = self.config.source;
        let remote = |at: NtpTimestamp| Stamp {
            at: at.to_utc(pivot).read_as(),
            clock: ClockId::Remote(source),
            epoch: ClockEpoch::default(),
            source: StampSource::Message,
            error,
        };
        let edge = |sent, received| {
            Effect::Observe(Observation { source, sent, received, correction: Duration::ZERO, exchange: token.0 })
        };
        out.emit(edge(departed, remote(receive)));
        out.emit(edge(remote(transmit), received));
        if std::mem::take(&mut self.returns) {
            self.tell_interval(self.schedule.interval(), out);
        }
    }

    // ---- Inputs ----

    fn sent(&mut self, token: RequestToken, stamp: Option<Stamp>, out: &mut impl Sink<Effect>) {
        let waits = |request: &&mut Request| request.token == token && request.departed.is_none();
        let Some(request) = self.request.as_mut().filter(waits) else {
            return count(
                out,
                if stamp.is_some() { ClientCounter::TxStampUnexpected } else { ClientCounter::TxStampMissing },
            );
        };
        request.departed = stamp;
        if stamp.is_some() {
            return self.complete(out);
        }
        let has_answer = request.answer.is_some();
        self.doubt(ClientCounter::TxStampMissing, out);
        // The answer may still say who the server is; if it has been here, all is said.
        if has_answer {
            self.close(out);
        }
    }

    fn tick(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        while let Some(timer) = self.timers.take_expired(now) {
            match timer {
                Timer::Answer => self.give_up(now, out),
                Timer::Poll => self.send(now, out),
            }
        }
    }
}

impl Engine for Client {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn step(&mut self, now: Timestamp<Mono>, input: Input<'_>, out: &mut impl Sink<Effect>) {
        if !self.is_started {
            self.start(now);
        }
        match input {
            Input::Received { token, bytes, stamp } => self.received(now, token, bytes, stamp, out),
            Input::Sent { token, stamp } => self.sent(token, stamp, out),
            Input::SendFailed { token } => {
                count(out, ClientCounter::SendFailed);
                if self.request.is_some_and(|request| request.token == token) {
                    self.close(out);
                }
            }
            Input::Identity(own) => self.own = own,
            Input::Online(is_online) => self.online(now, is_online, out),
            Input::Hurry => self.hurry(now),
            Input::Demand(demand) => self.demand(now, demand),
            Input::Tick => self.tick(now, out),
        }
    }

    /// The next timer; at once while it waits for its start, never while it is offline or denied.
    fn deadline(&self) -> Option<Timestamp<Mono>> {
        if self.is_started { self.timers.deadline() } else { Some(Timestamp::EPOCH) }
    }
}

fn count(out: &mut impl Sink<Effect>, counter: ClientCounter) {
    out.emit(Effect::Count(counter));
}

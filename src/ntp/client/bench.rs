//! A client, and a server whose answers a test can bend.

use super::{Client, ClientCounter, Config, Effect, Input, RequestToken};
use crate::engine::Engine;
use crate::time::{
    ClockEpoch, ClockId, Duration, LeapIndicator, Local, LogInterval, Mono, NtpShort, NtpTimestamp, Observation,
    SourceId, Stamp, StampSource, Timestamp,
};
use crate::wire::ntp::{HEADER_LENGTH, Header, Mode, Packet, parse, write};

pub(super) const SOURCE: SourceId = SourceId(7);
/// The client's clock at CLOCK_MONOTONIC 0: right, in 2026.
pub(super) const CLOCK: i64 = 1_790_000_000;
/// One way through the network.
pub(super) const WAY: Duration = Duration::from_millis(5);
/// What the server is ahead of the client.
pub(super) const AHEAD: Duration = Duration::from_millis(250);

pub(super) fn config() -> Config {
    Config { iburst: false, ..Config::new(SOURCE, 1) }
}

pub(super) struct Bench {
    pub client: Client,
    pub now: Timestamp<Mono>,
    /// The client's clock at CLOCK_MONOTONIC 0.
    pub clock: Timestamp<Local>,
    pub epoch: ClockEpoch,
    pub effects: Vec<Effect>,
    /// The last request, and when it left.
    pub request: Option<(RequestToken, Header)>,
    /// When each request left.
    pub asked: Vec<Timestamp<Mono>>,
}

impl Bench {
    pub fn new(config: Config) -> Self {
        Self {
            client: Client::new(config),
            now: Timestamp::from_secs(1_000),
            clock: Timestamp::from_secs(CLOCK),
            epoch: ClockEpoch(0),
            effects: Vec::new(),
            request: None,
            asked: Vec::new(),
        }
    }

    /// A client that has been answered once.
    pub fn answered(config: Config) -> Self {
        let mut bench = Self::new(config);
        bench.poll();
        bench.exchange();
        bench
    }

    pub fn stamp(&self) -> Stamp {
        Stamp {
            at: self.clock + (self.now - Timestamp::EPOCH),
            clock: ClockId::System,
            epoch: self.epoch,
            source: StampSource::Kernel,
            error: Duration::from_nanos(50),
        }
    }

    pub fn wire_time(&self) -> NtpTimestamp {
        NtpTimestamp::from_utc((self.stamp().at + AHEAD).read_as())
    }

    pub fn step(&mut self, input: Input<'_>) -> Vec<Effect> {
        let mut out = Vec::new();
        self.client.step(self.now, input, &mut out);
        for effect in &out {
            if let Effect::Send { frame, token } = effect {
                self.request = Some((*token, parse(frame).expect("what we send parses").header));
                self.asked.push(self.now);
            }
        }
        self.effects.extend(&out);
        out
    }

    /// Runs the timers up to the next request.
    pub fn poll(&mut self) {
        let before = self.asked.len();
        while self.asked.len() == before {
            let deadline = self.client.deadline().expect("there is always a next poll");
            self.now = self.now.max(deadline);
            self.step(Input::Tick);
        }
    }

    pub fn sent(&mut self) -> Vec<Effect> {
        let (token, _) = self.request.expect("a request");
        let stamp = Some(self.stamp());
        self.step(Input::Sent { token, stamp })
    }

    /// A good answer to the last request, as it leaves the server after `WAY` and 1 ms.
    pub fn answer(&mut self) -> Header {
        let (_, asked) = self.request.expect("a request");
        self.now = self.now + WAY;
        let receive_timestamp = self.wire_time();
        self.now = self.now + Duration::from_millis(1);
        Header {
            leap: LeapIndicator::NoWarning,
            mode: Mode::Server,
            stratum: 2,
            poll: asked.poll,
            precision: -23,
            root_delay: NtpShort::from_duration_rounded_up(Duration::from_millis(10)),
            root_dispersion: NtpShort::from_duration_rounded_up(Duration::from_millis(2)),
            reference_id: [192, 0, 2, 1],
            reference_timestamp: receive_timestamp,
            origin_timestamp: asked.transmit_timestamp,
            receive_timestamp,
            transmit_timestamp: self.wire_time(),
            ..Header::default()
        }
    }

    pub fn deliver(&mut self, answer: Header) -> Vec<Effect> {
        self.now = self.now + WAY;
        self.deliver_now(answer)
    }

    pub fn deliver_now(&mut self, answer: Header) -> Vec<Effect> {
        let mut bytes = [0; HEADER_LENGTH];
        write(&Packet::plain(answer), &mut bytes).expect("48 octets");
        let (token, stamp) = (self.request.expect("a request").0, Some(self.stamp()));
        self.step(Input::Received { token, bytes: &bytes, stamp })
    }

    /// The whole exchange of the last request.
    pub fn exchange(&mut self) -> Vec<Effect> {
        let mut effects = self.sent();
        let answer = self.answer();
        effects.extend(self.deliver(answer));
        effects
    }

    /// What becomes of an answer that was bent.
    pub fn bent(&mut self, bend: impl FnOnce(&mut Header)) -> Vec<Effect> {
        self.poll();
        self.sent();
        let mut answer = self.answer();
        bend(&mut answer);
        self.deliver(answer)
    }
}

pub(super) fn counts(effects: &[Effect]) -> Vec<ClientCounter> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Count(counter) => Some(*counter),
            _ => None,
        })
        .collect()
}

pub(super) fn observations(effects: &[Effect]) -> Vec<Observation> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Observe(observation) => Some(*observation),
            _ => None,
        })
        .collect()
}

pub(super) fn is_closed(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Close(_)))
}

pub(super) fn log(n: i8) -> LogInterval {
    LogInterval::new(n)
}

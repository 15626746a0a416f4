#![cfg_attr(not(test), no_main)]
//! Any octets as a sequence of inputs to an NTP client, with the time between them.
//!
//! ```text
//! input: what u8 | wait u8, its square in ms | by what:
//!   0 received    options u8 (1 stamped, 2 origin of the last request, 4 mode 4) | requests ago u8 | length u8 | datagram
//!   1 sent        requests ago u8 | 1 stamped u8
//!   2 send failed requests ago u8
//!   3 online      1 up u8
//!   4 identity    1 follows us, 2 a served time u8
//!   5 timers run to here
//!   6.. one tick
//! ```

use synchronome::engine::{Engine, Sink};
use synchronome::ntp::client::{Client, ClientState, Config, Effect, Input, OwnIdentity, RequestToken, Served};
use synchronome::time::{
    ClockEpoch, ClockId, Duration, LeapIndicator, LogInterval, Mono, NtpShort, NtpTimestamp, SourceId, Stamp,
    StampSource, Timestamp,
};
use synchronome::wire::ntp::{HEADER_LENGTH, Header, Mode, Packet, parse, write};

synchronome_fuzz::target!(check);

/// More effects than any single input can have.
const EFFECTS_MAX: u32 = 64;

/// What the effects of one input must hold, and the last request among them.
struct Watch {
    effects: u32,
    observed: u32,
    open: Option<RequestToken>,
    request: Option<(RequestToken, NtpTimestamp)>,
}

impl Sink<Effect> for Watch {
    fn emit(&mut self, effect: Effect) {
        self.effects += 1;
        assert!(self.effects < EFFECTS_MAX, "the effects of one input are bounded");
        match effect {
            Effect::Send { frame, token } => {
                let header = parse(&frame).expect("what we send parses").header;
                assert!(!header.transmit_timestamp.is_unset());
                assert_eq!(self.open.replace(token), None, "one socket at a time");
                self.request = Some((token, header.transmit_timestamp));
            }
            Effect::Close(token) => assert_eq!(self.open.take(), Some(token), "what is closed was open"),
            Effect::Observe(_) => self.observed += 1,
            Effect::State { from, to } => assert_ne!(from, to),
            Effect::Source(_) | Effect::Interval(_) | Effect::Count(_) => {}
        }
    }
}

struct World {
    client: Client,
    now: Timestamp<Mono>,
    open: Option<RequestToken>,
    request: Option<(RequestToken, NtpTimestamp)>,
}

impl World {
    fn stamp(&self) -> Stamp {
        Stamp {
            at: Timestamp::from_secs(1_790_000_000) + (self.now - Timestamp::EPOCH),
            clock: ClockId::System,
            epoch: ClockEpoch(0),
            source: StampSource::Kernel,
            error: Duration::ZERO,
        }
    }

    /// How many observations an input made.
    fn step(&mut self, input: Input<'_>) -> u32 {
        let mut watch = Watch { effects: 0, observed: 0, open: self.open, request: self.request };
        self.client.step(self.now, input, &mut watch);
        (self.open, self.request) = (watch.open, watch.request);
        assert!(watch.observed == 0 || watch.observed == 2, "an exchange has two edges");
        let is_silent = matches!(self.client.state(), ClientState::Offline | ClientState::Denied);
        assert_eq!(self.client.deadline().is_none(), is_silent, "who asks has a timer");
        watch.observed
    }

    fn run_timers(&mut self) {
        for _ in 0..200 {
            if self.client.deadline().is_none_or(|at| at > self.now) {
                break;
            }
            self.step(Input::Tick);
        }
    }

    /// After all that a new network is a new beginning, and an answer makes a measurement.
    fn still_works(mut self) {
        self.now = self.now + Duration::from_secs(100_000);
        self.step(Input::Identity(OwnIdentity::default()));
        self.step(Input::Online(false));
        self.step(Input::Online(true));
        self.step(Input::Tick);
        let (token, origin_timestamp) = self.request.expect("it asks at once");
        let stamp = Some(self.stamp());
        self.step(Input::Sent { token, stamp });
        let at = NtpTimestamp::from_utc(self.stamp().at.read_as());
        self.now = self.now + Duration::from_millis(1);
        let answer = Header {
            leap: LeapIndicator::NoWarning,
            mode: Mode::Server,
            stratum: 1,
            precision: -20,
            origin_timestamp,
            receive_timestamp: at,
            transmit_timestamp: at,
            ..Header::default()
        };
        let mut bytes = [0; HEADER_LENGTH];
        write(&Packet::plain(answer), &mut bytes).expect("48 octets");
        let stamp = Some(self.stamp());
        assert_eq!(self.step(Input::Received { token, bytes: &bytes, stamp }), 2, "the client still works");
    }
}

/// One input from the front of the octets; `None` where they end.
fn feed_one(world: &mut World, octets: &mut &[u8]) -> Option<()> {
    let mut octet = || {
        let (first, rest) = octets.split_first()?;
        *octets = rest;
        Some(*first)
    };
    let (what, wait) = (octet()?, i64::from(octet()?));
    world.now = world.now + Duration::from_millis(wait * wait);
    let ago = |octet: u8| RequestToken(world.request.map_or(0, |last| last.0.0).wrapping_sub(u32::from(octet)));
    match what {
        0 => {
            let (options, token, length) = (octet()?, ago(octet()?), usize::from(octet()?));
            let (datagram, rest) = octets.split_at_checked(length)?;
            *octets = rest;
            let mut datagram = datagram.to_vec();
            if let (true, Some((_, transmit)), Some(field)) =
                (options & 2 != 0, world.request, datagram.get_mut(24..32))
            {
                field.copy_from_slice(&transmit.to_bits().to_be_bytes());
            }
            if let (true, Some(first)) = (options & 4 != 0, datagram.first_mut()) {
                *first = *first & 0xf8 | Mode::Server as u8;
            }
            let stamp = (options & 1 != 0).then(|| world.stamp());
            world.step(Input::Received { token, bytes: &datagram, stamp });
        }
        1 => {
            let token = ago(octet()?);
            let stamp = (octet()? & 1 != 0).then(|| world.stamp());
            world.step(Input::Sent { token, stamp });
        }
        2 => {
            let token = ago(octet()?);
            world.step(Input::SendFailed { token });
        }
        3 => {
            let is_up = octet()? & 1 != 0;
            world.step(Input::Online(is_up));
        }
        4 => {
            let options = octet()?;
            let mut own = OwnIdentity::default();
            own.reference_ids[0] = (options & 1 != 0).then_some([192, 0, 2, 1]);
            own.served = (options & 2 != 0).then_some(Served {
                stratum: 2,
                reference_id: [192, 0, 2, 1],
                reference_timestamp: NtpTimestamp::UNSET,
                root_delay: NtpShort::default(),
            });
            world.step(Input::Identity(own));
        }
        5 => world.run_timers(),
        _ => {
            world.step(Input::Tick);
        }
    }
    Some(())
}

/// No sequence of inputs panics, leaves two sockets open, or a client behind that no longer works.
fn check(octets: &[u8]) {
    let config = Config { poll: LogInterval::new(0), burst: true, ..Config::new(SourceId(1), 1) };
    let mut world = World { client: Client::new(config), now: Timestamp::from_secs(1_000), open: None, request: None };
    let mut rest = octets;
    while feed_one(&mut world, &mut rest).is_some() {}
    world.still_works();
}

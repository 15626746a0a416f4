#![cfg_attr(not(test), no_main)]
//! Any octets as a sequence of inputs to a slave port and to a grandmaster, with the time between them; with either delay
//! mechanism.
//!
//! ```text
//! input: what u8 | wait u8, its square in ms | by what:
//!   0 received    options u8 (1 event channel, 2 stamped, 4 sequenceId of the last request) | length u8 | the message
//!   1 sent        how many tokens ago u8 | 1 stamped u8
//!   2 send failed how many tokens ago u8
//!   3 clock       options u8 (1 locked, 2 stepped)
//!   4 link        1 up u8
//!   5 timers run to here
//!   6.. one tick
//! ```

use synchronome::engine::{Engine, Sink};
use synchronome::ptp::{
    Address, Announcement, Channel, ClockReport, Config, Decision, Effect, FOREIGN_MASTER_MAX, Forwarded, Grandmaster,
    GrandmasterConfig, Input, Line, MasterBy, PeerDelayConfig, Port, Recommendation, Role, SignalConfig, TxToken,
    UnicastClientConfig, UnicastServerConfig,
};
use synchronome::time::{ClockEpoch, ClockId, Duration, LogInterval, Mono, SourceId, Stamp, StampSource, Timestamp};
use synchronome::wire::ptp::{ClockIdentity, parse};

synchronome_fuzz::target!(check);

/// More effects than any single input can have.
const EFFECTS_MAX: u32 = 64;

/// What the effects of one input must hold, and the last request among them.
struct Watch {
    effects: u32,
    observed: bool,
    request: Option<(TxToken, u16)>,
}

impl Sink<Effect> for Watch {
    fn emit(&mut self, effect: Effect) {
        self.effects += 1;
        assert!(self.effects < EFFECTS_MAX, "the effects of one input are bounded");
        self.observed |= matches!(effect, Effect::Observe(_));
        if let Effect::State { from, to, .. } = effect {
            assert_ne!(from, to);
        }
        if let Effect::Send { frame, token, .. } = effect {
            let message = parse(frame.as_bytes()).expect("what we send parses");
            self.request = token.map(|token| (token, message.header.sequence_id)).or(self.request);
        }
    }
}

struct World {
    port: Port,
    master: Grandmaster,
    /// One asks 10.0.0.1 and 10.0.0.2, and one is asked by three others at most.
    unicast: [Box<Port>; 2],
    now: Timestamp<Mono>,
    request: Option<(TxToken, u16)>,
}

fn stamp(at: Timestamp<Mono>) -> Stamp {
    Stamp {
        at: at.read_as(),
        clock: ClockId::System,
        epoch: ClockEpoch(0),
        source: StampSource::Kernel,
        error: Duration::ZERO,
    }
}

fn grandmaster() -> Grandmaster {
    let config = GrandmasterConfig::new(ClockIdentity([0x47; 8]), 2);
    Grandmaster::new(GrandmasterConfig { two_step: false, log_announce_interval: LogInterval::new(0), ..config })
}

/// One that asks and one that is asked, and has a time to serve.
fn unicast() -> [Box<Port>; 2] {
    let mut masters = UnicastClientConfig::NOBODY.masters;
    masters[0] = Some(Address::V4([10, 0, 0, 1]));
    masters[1] = Some(Address::V4([10, 0, 0, 2]));
    let delay_variation_max = Some(Duration::from_micros(150));
    let signal = Some(SignalConfig { hold_off: Duration::from_millis(500), delay_variation_max, reverts: true });
    let unicast = UnicastClientConfig { masters, signal, ..UnicastClientConfig::NOBODY };
    let unicast_server = UnicastServerConfig { clients_max: 3, ..UnicastServerConfig::NOBODY };
    let config = Config::new(SourceId(2), ClockIdentity([0x55; 8]), 3);
    let mut asked = Port::new(Config { role: Role::Master, unicast_server, ..config });
    let GrandmasterConfig { identity, priority1, priority2, quality, time_properties, .. } = *grandmaster().config();
    let announcement = Announcement {
        grandmaster: identity,
        priority1,
        quality,
        priority2,
        steps_removed: 0,
        time_properties,
        synchronization_uncertain: false,
    };
    let recommendation = Recommendation::Master(MasterBy::M1);
    let decision = Decision { recommendation, announcement, counts_tai: false, forwarded: Forwarded::NONE };
    let mut watch = Watch { effects: 0, observed: false, request: None };
    asked.step(Timestamp::from_secs(1_000), Input::Decision(decision), &mut watch);
    asked.step(Timestamp::from_secs(1_000), Input::Line(Some(Line::ahead_by(Duration::ZERO))), &mut watch);
    [Box::new(Port::new(Config { unicast, ..config })), Box::new(asked)]
}

impl World {
    fn step(&mut self, input: Input<'_>) -> bool {
        let mut watch = Watch { effects: 0, observed: false, request: self.request };
        self.port.step(self.now, input, &mut watch);
        self.request = watch.request;
        assert!(self.port.foreign_masters(self.now).count() <= FOREIGN_MASTER_MAX);
        assert_eq!(self.port.parent().is_some(), self.port.state().follows(), "who follows has a parent");
        assert!(!self.port.state().follows() || self.port.deadline().is_some(), "and a timeout");
        watch.observed
    }

    fn feed(&mut self, input: Input<'_>) {
        self.step(input);
        let mut watch = Watch { effects: 0, observed: false, request: None };
        self.master.step(self.now, input, &mut watch);
        assert!(!watch.observed, "a grandmaster measures nothing");
        for port in &mut self.unicast {
            let mut watch = Watch { effects: 0, observed: false, request: None };
            port.step(self.now, input, &mut watch);
            assert!(port.unicast_contracts()[0] <= 9);
        }
    }

    fn run_timers(&mut self) {
        // At the shortest interval a wait of 65 s has 1.3e5 requests; the bound is for the fuzzer's sake.
        for _ in 0..200 {
            let due = |deadline: Option<Timestamp<Mono>>| deadline.is_some_and(|at| at <= self.now);
            let [asks, asked] = self.unicast.each_ref().map(|port| port.deadline());
            let deadlines = [self.port.deadline(), self.master.deadline(), asks, asked];
            if !deadlines.into_iter().any(due) {
                break;
            }
            self.feed(Input::Tick { local: self.now.read_as() });
        }
    }

    /// After all that, and a silence in which everything expires, the port follows a grandmaster and measures.
    fn still_works(mut self) {
        self.step(Input::Link { up: true });
        for _ in 0..400 {
            self.now = self.now + Duration::SECOND;
            self.step(Input::Tick { local: self.now.read_as() });
        }
        assert!(self.port.parent().is_none(), "a silent parent is lost");
        let mut master = grandmaster();
        let mut observed = false;
        for _ in 0..6 {
            self.now = self.now + Duration::SECOND;
            let mut out = Vec::new();
            master.step(self.now, Input::Tick { local: self.now.read_as() }, &mut out);
            for effect in out {
                if let Effect::Send { frame, channel, .. } = effect {
                    let stamp = Some(stamp(self.now));
                    observed |= self.step(Input::Received { bytes: frame.as_bytes(), channel, stamp, from: None });
                }
            }
        }
        assert!(observed, "the port still works");
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
    let tick = Input::Tick { local: world.now.read_as() };
    let ago = |octet: u8| TxToken(world.request.map_or(0, |last| last.0.0).wrapping_sub(u32::from(octet)));
    match what {
        0 => {
            let (options, length) = (octet()?, usize::from(octet()?));
            let (message, rest) = octets.split_at_checked(length)?;
            *octets = rest;
            let mut message = message.to_vec();
            if let (true, Some((_, sequence_id)), Some(field)) =
                (options & 4 != 0, world.request, message.get_mut(30..32))
            {
                field.copy_from_slice(&sequence_id.to_be_bytes());
            }
            let channel = if options & 1 != 0 { Channel::Event } else { Channel::General };
            let stamp = (options & 2 != 0).then(|| stamp(world.now));
            let from = Some(Address::V4([10, 0, 0, options >> 4]));
            world.feed(Input::Received { bytes: &message, channel, stamp, from });
        }
        1 => {
            let token = ago(octet()?);
            let stamp = (octet()? & 1 != 0).then(|| stamp(world.now));
            world.feed(Input::Sent { token, stamp });
        }
        2 => {
            let token = Some(ago(octet()?));
            world.feed(Input::SendFailed { token });
        }
        3 => {
            let options = octet()?;
            world.feed(Input::Clock(ClockReport {
                locked: options & 1 != 0,
                stepped: options & 2 != 0,
                calm: options & 4 != 0,
                epoch: 0,
            }));
        }
        4 => {
            let up = octet()? & 1 != 0;
            world.feed(Input::Link { up });
        }
        5 => world.run_timers(),
        _ => world.feed(tick),
    }
    Some(())
}

/// No sequence of inputs panics, overfills a table, or leaves a port behind that no longer works.
fn check(octets: &[u8]) {
    for peer_delay in [None, Some(PeerDelayConfig::default())] {
        let config = Config::new(SourceId(1), ClockIdentity([0x53; 8]), 1);
        let mut world = World {
            port: Port::new(Config { peer_delay, ..config }),
            master: Grandmaster::new(GrandmasterConfig { peer_delay, ..*grandmaster().config() }),
            unicast: unicast(),
            now: Timestamp::from_secs(1_000),
            request: None,
        };
        let mut rest = octets;
        while feed_one(&mut world, &mut rest).is_some() {}
        world.still_works();
    }
}

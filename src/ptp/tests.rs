//! Both halves together, and what a hostile network can do to a port.

mod wrap;

use super::script::{Script, config, stamp};
use super::*;
use crate::engine::{Emit, Engine, Random};
use crate::sharing::CounterSet;
use crate::time::{ClockId, Duration};
use crate::wire::ptp::{ClockIdentity, CorrectionField, MessageType, parse};

/// A grandmaster and a slave on one ideal wire in virtual time. The slave's clock reads the master's plus `ahead`.
struct Wire {
    master: Grandmaster,
    slave: Port,
    there: Duration,
    back: Duration,
    ahead: Duration,
    now: Timestamp<Mono>,
    effects: Vec<Effect>,
}

impl Wire {
    fn new(two_step: bool) -> Self {
        let master = GrandmasterConfig {
            two_step,
            log_announce_interval: LogInterval::new(-2),
            log_sync_interval: LogInterval::new(-3),
            log_min_delay_req_interval: LogInterval::new(-3),
            ..GrandmasterConfig::new(ClockIdentity([0x41; 8]), 3)
        };
        Self {
            master: Grandmaster::new(master),
            slave: Port::new(config()),
            there: Duration::from_micros(10),
            back: Duration::from_micros(10),
            ahead: Duration::from_millis(1_500),
            now: Timestamp::from_secs(100),
            effects: Vec::new(),
        }
    }

    fn master_clock(&self) -> Timestamp<Local> {
        self.now.read_as()
    }

    /// Runs both for a while; every message arrives one way later, every transmit stamp comes after its answer.
    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let next = self.master.deadline().min(self.slave.deadline()).or(self.master.deadline());
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            let tick = Input::Tick { local: self.master_clock() };
            let (mut by_master, mut by_slave) = (Vec::new(), Vec::new());
            self.master.step(self.now, tick, &mut by_master);
            self.slave.step(self.now, tick, &mut by_slave);
            self.deliver(&by_master, &by_slave);
        }
        self.now = end;
    }

    fn deliver(&mut self, by_master: &[Effect], by_slave: &[Effect]) {
        let (departure, ahead) = (self.master_clock(), self.ahead);
        for effect in by_master {
            let Effect::Send { frame, channel, token, .. } = effect else { continue };
            let at = stamp(departure + self.there + ahead);
            let input = Input::Received { bytes: frame.as_bytes(), channel: *channel, stamp: Some(at), from: None };
            self.slave.step(self.now, input, &mut self.effects);
            if let Some(token) = *token {
                let mut out = Vec::new();
                self.master.step(self.now, Input::Sent { token, stamp: Some(stamp(departure)) }, &mut out);
                self.deliver(&out, &[]);
            }
        }
        for effect in by_slave {
            self.effects.push(*effect);
            let Effect::Send { frame, channel, token, .. } = effect else { continue };
            let mut out = Vec::new();
            let input = Input::Received {
                bytes: frame.as_bytes(),
                channel: *channel,
                stamp: Some(stamp(departure + self.back)),
                from: None,
            };
            self.master.step(self.now, input, &mut out);
            self.deliver(&out, &[]);
            if let Some(token) = *token {
                let sent = Input::Sent { token, stamp: Some(stamp(departure + ahead)) };
                self.slave.step(self.now, sent, &mut self.effects);
            }
        }
    }

    /// `received - sent - correction` of the observations, those of Sync and those of Delay_Req.
    fn edges(&self) -> (Vec<Duration>, Vec<Duration>) {
        let edges = |of_sync: bool| {
            let observed = self.effects.iter().filter_map(|effect| match effect {
                Effect::Observe(o) if matches!(o.sent.clock, ClockId::Remote(_)) == of_sync => Some(o),
                _ => None,
            });
            observed.map(|o| o.received.at - o.sent.at - o.correction).collect()
        };
        (edges(true), edges(false))
    }
}

#[test]
fn a_slave_measures_its_master_exactly_two_step_and_one_step() {
    for two_step in [true, false] {
        let mut wire = Wire::new(two_step);
        wire.run(Duration::from_secs(20));
        let (there, back) = wire.edges();
        assert!(there.len() > 140 && back.len() > 100, "{} {}", there.len(), back.len());
        assert!(there.iter().all(|edge| *edge == wire.there + wire.ahead));
        assert!(back.iter().all(|edge| *edge == wire.back - wire.ahead));
        assert_eq!(wire.slave.state(), PortState::Uncalibrated);
        assert_eq!(wire.slave.delay_req_interval(), LogInterval::new(-3));
        let parents = wire.effects.iter().filter(|effect| matches!(effect, Effect::Parent(Some(_)))).count();
        assert_eq!(parents, 1);
        let refused = |effect: &&Effect| matches!(effect, Effect::Count(c) if !c.name().starts_with("received_") && !c.name().starts_with("sent_"));
        let counted: Vec<&Effect> = wire.effects.iter().filter(refused).collect();
        assert!(
            counted.iter().all(|e| matches!(e, Effect::Count(Counter::ParentChanged | Counter::WrongState))),
            "{counted:?}"
        );
    }
}

#[test]
fn every_message_that_is_sent_parses_fits_a_frame_and_is_as_long_as_it_says() {
    let mut seen = std::collections::BTreeSet::new();
    let mut wire = Wire::new(true);
    wire.run(Duration::from_secs(3));
    for effect in &wire.effects {
        if let Effect::Send { frame, .. } = effect {
            let message = parse(frame.as_bytes()).unwrap();
            assert_eq!(usize::from(message.header.message_length), frame.as_bytes().len());
            seen.insert(message.header.message_type);
        }
    }
    assert!(seen.contains(&MessageType::DelayReq));
    const { assert!(FRAME_MAX >= crate::wire::ptp::PLAIN_MESSAGE_LENGTH_MAX + 2) };
}

#[test]
fn effects_are_plain_values_that_fit_a_ring() {
    fn copy<T: Copy + Send + 'static>() {}
    copy::<Effect>();
    copy::<Input<'static>>();
    assert!(size_of::<Effect>() <= FRAME_MAX + 32, "{} bytes", size_of::<Effect>());
}

/// All kinds of messages that a slave hears, from its parent and from others.
fn valid_messages(script: &Script) -> Vec<Vec<u8>> {
    [
        "announce A seq=3 p1=10 int=0",
        "announce B seq=9 p1=5 steps=3",
        "announce A gm=C seq=4 p1=10 ptp utc=37 valid",
        "sync A seq=5 two t1=99",
        "sync A seq=6 t1=99",
        "fup A seq=5 t1=99",
        "resp A req=0 t4=100",
        "resp A req=0 t4=100 to=B",
        "req B seq=1",
    ]
    .map(|line| script.bytes(line))
    .to_vec()
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let place = random.below(bytes.len() as u64) as usize;
        match random.below(6) {
            0 => bytes[place] = random.next_u64() as u8,
            1 => bytes[place] ^= 1 << random.below(8),
            2 => bytes[place] = [0, 0x7f, 0x80, 0xff][random.below(4) as usize],
            3 => bytes.truncate(place.max(1)),
            4 => bytes.insert(place, random.next_u64() as u8),
            _ => {
                // The sequenceId, which decides what a message meets.
                if let Some(field) = bytes.get_mut(30..32) {
                    field.copy_from_slice(&(random.below(12) as u16).to_be_bytes());
                }
            }
        }
    }
}

#[test]
fn a_hundred_thousand_mutated_messages_never_stop_a_port() {
    let mut script = Script::following(config());
    script.line("4 run");
    let valid = valid_messages(&script);
    let mut random = Random::seeded(2019);
    let mut counted = 0_u32;
    let mut now = script.now;
    for round in 0..100_000 {
        let mut bytes = valid[random.below(valid.len() as u64) as usize].clone();
        mutate(&mut bytes, &mut random);
        let channel = if random.below(2) == 0 { Channel::Event } else { Channel::General };
        let at = Timestamp::from_ticks(i128::from(random.next_u64() as i64) << random.below(40));
        let arrival = (random.below(8) > 0).then(|| stamp(at));
        let mut out = Vec::new();
        script.port.step(now, Input::Received { bytes: &bytes, channel, stamp: arrival, from: None }, &mut out);
        counted += u32::from(out.iter().any(|effect| matches!(effect, Effect::Count(_))));
        if round % 10 == 0 {
            now = now + Duration::from_millis(3);
            script.port.step(now, Input::Tick { local: Timestamp::EPOCH }, &mut out);
        }
        for effect in &out {
            if let Effect::Send { token: Some(token), .. } = effect {
                let sent = (random.below(3) > 0).then(|| stamp(at));
                let mut more = Vec::new();
                script.port.step(now, Input::Sent { token: *token, stamp: sent }, &mut more);
            }
        }
        assert!(out.len() < 40, "the effects of one input are bounded: {out:?}");
        assert!(script.port.foreign_masters(now).count() <= FOREIGN_MASTER_MAX);
    }
    assert_eq!(counted, 100_000, "each packet is counted");
    still_works(script, now);
}

/// A port that has been through all that follows a master again, and measures.
fn still_works(mut script: Script, now: Timestamp<Mono>) {
    script.now = now;
    let start = now.seconds() + 100;
    script.line(&format!("{start} run"));
    assert_eq!(script.port.state(), PortState::Listening);
    for second in 0..4 {
        script.line(&format!("{} announce A seq={second} p1=10", start + second));
    }
    assert_eq!(script.port.state(), PortState::Uncalibrated);
    let effects = script.line(&format!("{} sync A seq=1 t1=99 t2=100", start + 4));
    assert!(matches!(effects.last(), Some(Effect::Observe(_))), "{effects:?}");
    script.requests.clear();
    script.line(&format!("{} run", start + 6));
    script.line(&format!("{} sent 0 t3=100", start + 6));
    let effects = script.line(&format!("{} resp A req=0 t4=101", start + 6));
    assert!(matches!(effects.last(), Some(Effect::Observe(_))), "{effects:?}");
}

#[test]
fn arbitrary_inputs_in_any_order_never_stop_either_engine() {
    let script = Script::following(config());
    let valid = valid_messages(&Script { requests: vec![(TxToken(0), 1, CorrectionField::default())], ..script });
    let mut random = Random::seeded(1588);
    let (mut port, mut master) = (Port::new(config()), Grandmaster::new(Wire::new(true).master.config().to_owned()));
    let mut now = Timestamp::EPOCH;
    let mut effects = 0_u64;
    for _ in 0..50_000 {
        now = now + Duration::from_micros(random.below(1 << 20) as i64);
        let at = Timestamp::from_nanos(i128::from(random.next_u64()));
        let token = TxToken(random.below(64) as u32);
        let optional = (random.below(2) == 0).then(|| stamp(at));
        let bytes = &valid[random.below(valid.len() as u64) as usize];
        let input = match random.below(12) {
            0 => Input::Sent { token, stamp: optional },
            1 => Input::SendFailed { token: optional.map(|_| token) },
            2 => {
                let [locked, calm, stepped] = [2, 2, 8].map(|of| random.below(of) == 0);
                Input::Clock(ClockReport { locked, calm, stepped, epoch: 0 })
            }
            3 => Input::Link { up: random.below(4) > 0 },
            4..6 => Input::Tick { local: at },
            _ => Input::Received { bytes, channel: Channel::Event, stamp: optional, from: None },
        };
        port.step(now, input, &mut Emit(|_| effects += 1));
        master.step(now, input, &mut Emit(|_| effects += 1));
    }
    assert!(effects > 50_000);
}

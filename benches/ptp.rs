//! How long a slave port takes from a packet to its effects, and a grandmaster from a Delay_Req to its answer.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use synchronome::engine::{Emit, Engine};
use synchronome::ptp::{Channel, Config, Effect, Frame, Grandmaster, GrandmasterConfig, Input, Port, TxToken};
use synchronome::time::{
    ClockEpoch, ClockId, Duration, LogInterval, Mono, SourceId, Stamp, StampSource, TICKS_PER_S, Timestamp,
};
use synchronome::wire::ptp::{ClockIdentity, MessageType, parse};

/// A grandmaster and a slave that follows it, at one instant.
#[derive(Clone)]
struct Pair {
    master: Grandmaster,
    slave: Port,
    now: Timestamp<Mono>,
}

fn stamp(now: Timestamp<Mono>) -> Stamp {
    Stamp {
        at: now.read_as(),
        clock: ClockId::System,
        epoch: ClockEpoch(0),
        source: StampSource::Kernel,
        error: Duration::ZERO,
    }
}

fn send(effect: &Effect) -> Option<(Frame, Channel, Option<TxToken>)> {
    match effect {
        Effect::Send { frame, channel, token, .. } => Some((*frame, *channel, *token)),
        _ => None,
    }
}

fn kind(frame: &Frame) -> MessageType {
    parse(frame.as_bytes()).expect("our own message").header.message_type
}

/// The first message of a kind that an engine sends by itself, and how many effects that took.
fn first<E: for<'a> Engine<Input<'a> = Input<'a>, Effect = Effect>>(
    engine: &mut E,
    now: &mut Timestamp<Mono>,
    wanted: MessageType,
    mut other: impl FnMut(Frame, Timestamp<Mono>),
) -> (Frame, Option<TxToken>) {
    loop {
        *now = (*now).max(engine.deadline().expect("a running engine has a timer"));
        let mut out = Vec::new();
        engine.step(*now, Input::Tick { local: now.read_as() }, &mut out);
        for (frame, _, token) in out.iter().filter_map(send) {
            if kind(&frame) == wanted {
                return (frame, token);
            }
            other(frame, *now);
        }
    }
}

impl Pair {
    /// After the slave has selected the master.
    fn following() -> Self {
        let config = GrandmasterConfig {
            log_announce_interval: LogInterval::new(-3),
            ..GrandmasterConfig::new(ClockIdentity([0x41; 8]), 1)
        };
        let mut master = Grandmaster::new(config);
        let mut slave = Port::new(Config::new(SourceId(0), ClockIdentity([0x53; 8]), 1));
        let mut now = Timestamp::from_ticks(TICKS_PER_S * 1_000);
        while !slave.state().follows() {
            let deliver = |frame: Frame, at| {
                let input =
                    Input::Received { bytes: frame.as_bytes(), channel: Channel::General, stamp: None, from: None };
                slave.step(at, input, &mut Emit(|_| ()));
            };
            // Until the next Sync, so that the Announce before it are delivered.
            first(&mut master, &mut now, MessageType::Sync, deliver);
        }
        Self { master, slave, now }
    }
}

/// Counts effects, so that none of them can be optimised away.
fn step(slave: &mut Port, now: Timestamp<Mono>, input: Input<'_>) -> u32 {
    let mut effects = 0;
    slave.step(now, input, &mut Emit(|effect| effects += u32::from(matches!(black_box(effect), Effect::Observe(_)))));
    effects
}

fn sync_and_follow_up(criterion: &mut Criterion) {
    let mut pair = Pair::following();
    let (sync, token) = first(&mut pair.master, &mut pair.now, MessageType::Sync, |_, _| ());
    let mut out = Vec::new();
    let token = token.expect("two-step");
    pair.master.step(pair.now, Input::Sent { token, stamp: Some(stamp(pair.now)) }, &mut out);
    let (follow_up, ..) = out.iter().find_map(send).expect("a Follow_Up");
    criterion.bench_function("ptp/port/sync_and_follow_up", |b| {
        b.iter_batched_ref(
            || pair.slave.clone(),
            |slave| {
                let stamp = Some(stamp(pair.now));
                let channel = Channel::Event;
                let first =
                    step(slave, pair.now, Input::Received { bytes: sync.as_bytes(), channel, stamp, from: None });
                let (channel, stamp) = (Channel::General, None);
                let then =
                    step(slave, pair.now, Input::Received { bytes: follow_up.as_bytes(), channel, stamp, from: None });
                assert_eq!((first, then), (0, 1));
            },
            BatchSize::SmallInput,
        );
    });
}

fn delay_resp(criterion: &mut Criterion) {
    let mut pair = Pair::following();
    let (request, token) = first(&mut pair.slave, &mut pair.now, MessageType::DelayReq, |_, _| ());
    let token = token.expect("a Delay_Req wants its stamp");
    let stamp = Some(stamp(pair.now));
    let mut out = Vec::new();
    let asked = Input::Received { bytes: request.as_bytes(), channel: Channel::Event, stamp, from: None };
    pair.master.step(pair.now, asked, &mut out);
    let (response, ..) = out.iter().find_map(send).expect("a Delay_Resp");
    pair.slave.step(pair.now, Input::Sent { token, stamp }, &mut Emit(|_| ()));
    criterion.bench_function("ptp/port/delay_resp", |b| {
        b.iter_batched_ref(
            || pair.slave.clone(),
            |slave| {
                let (channel, stamp) = (Channel::General, None);
                let observed =
                    step(slave, pair.now, Input::Received { bytes: response.as_bytes(), channel, stamp, from: None });
                assert_eq!(observed, 1);
            },
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("ptp/grandmaster/delay_req", |b| {
        b.iter(|| {
            let mut sent = 0;
            pair.master.step(
                pair.now,
                black_box(asked),
                &mut Emit(|effect| sent += u32::from(send(&effect).is_some())),
            );
            assert_eq!(sent, 1);
        });
    });
}

criterion_group!(benches, sync_and_follow_up, delay_resp);
criterion_main!(benches);

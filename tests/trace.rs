//! Recorded and repeated: simulated worlds, whose engines are the daemon's own.

use synchronome::clock::OscillatorModel;
use synchronome::coding::{Coded, Decoder, Encoder};
use synchronome::discipline::helm::{HelmConfig, SourceKind, SourceOptions};
use synchronome::discipline::servo::Kind;
use synchronome::discipline::{Config, MovingMedian};
use synchronome::engine::{EngineKind, Random, STEP};
use synchronome::ntp::client::Config as ClientConfig;
use synchronome::sim::{
    self, HostConfig, LinkModel, NTP_SOURCE, NodeId, NtpConfig, NtpWorld, ServerConfig, SlaveConfig, StampModel, World,
    master_config,
};
use synchronome::time::{Duration, FrequencyPpb, LogInterval, Mono, SourceId, Timestamp};
use synchronome::trace::{Course, ReplayError, Stream, Trace, TraceError, WhatIf, replay, what_if};

const MIB: usize = 1 << 20;

fn secs(seconds: i64) -> Duration {
    Duration::from_secs(seconds)
}

/// A grandmaster that sends 8 Sync a second, and a slave that is 2 s and 40 ppm off; 20 us each way and 5 us of jitter.
fn world(servo: Kind, seed: u64) -> (World, NodeId, NodeId) {
    let mut world = World::new(seed);
    let interval = LogInterval::new(-3);
    let master = world.add_master(master_config(1, interval, seed), StampModel::IDEAL, Duration::from_millis(137));
    let frequency = FrequencyPpb::from_ppm(40.0);
    let oscillator = OscillatorModel { frequency, wander: 1e-9, seed, ..OscillatorModel::PERFECT };
    let mut slave = SlaveConfig { offset: secs(2), oscillator, ..SlaveConfig::new(2, seed) };
    slave.steering.servo = servo;
    let slave = world.add_slave(&slave, StampModel::IDEAL);
    let way = LinkModel::new(Duration::from_micros(20), Duration::from_micros(5));
    world.connect(master, slave, way, way);
    (world, master, slave)
}

/// The same with all that can happen to it in two minutes.
fn eventful(servo: Kind, bytes_max: usize) -> World {
    let (mut world, master, slave) = world(servo, 5);
    world.record(bytes_max);
    world.run_until(secs(20));
    for (from, to) in [(master, slave), (slave, master)] {
        world.change_link(from, to, |link| {
            link.loss = 0.3;
            link.duplication = 0.2;
        });
    }
    world.change_stamps(slave, |stamps| stamps.tx.loss = 0.3);
    world.run_until(secs(60));
    world.set_link(slave, false);
    world.run_until(secs(70));
    world.announce_as(master, |quality, _| quality.clock_class = 7);
    world.set_link(slave, true);
    world.change_link(master, slave, |link| link.base = Duration::from_micros(300));
    world.run_until(secs(120));
    world
}

fn trace_of(world: &World) -> Trace {
    Trace::read(world.trace().expect("it was recorded")).expect("a trace")
}

fn clock(trace: &Trace) -> &Stream {
    trace.streams().iter().find(|stream| stream.kind == EngineKind::Discipline).expect("a clock")
}

#[test]
fn a_world_with_faults_is_repeated_bit_for_bit() {
    for servo in [Kind::Pi, Kind::Estimator] {
        let trace = trace_of(&eventful(servo, 64 * MIB));
        let replayed = replay(&trace).unwrap();
        for (kind, count) in [(EngineKind::Grandmaster, 1), (EngineKind::PtpPort, 1), (EngineKind::Discipline, 1)] {
            assert_eq!(replayed.iter().filter(|stream| stream.kind == kind).count(), count, "{kind:?}");
        }
        for stream in &replayed {
            assert_eq!(stream.difference, None, "{}", stream.name);
            assert!(stream.steps > 1_500 && stream.gaps == 0, "{stream:?}");
        }
    }
}

#[test]
fn what_is_kept_is_bounded_and_begins_with_a_state_that_the_repetition_comes_to_again() {
    // Three engines, of which each begins anew after 256 KiB of one of them: all that came since the beginning before the last.
    let limit = 2 * MIB;
    let (mut world, _, _) = world(Kind::Estimator, 7);
    world.record(limit);
    // Wherever between two beginnings it is looked at.
    for end in [1_500, 1_517, 1_534, 1_551] {
        world.run_until(secs(end));
        let file = world.trace().unwrap();
        assert!(file.len() < limit + limit / 2, "{} bytes", file.len());
        let trace = Trace::read(file).unwrap();
        for stream in replay(&trace).unwrap() {
            assert_eq!(stream.difference, None, "{}", stream.name);
            let (first, last) = stream.span.expect("there are steps");
            assert!(first - Timestamp::EPOCH > secs(10), "the beginning is forgotten");
            assert!(last - first > secs(60), "{} at {end} s", last - first);
            assert!(stream.states > 0, "{stream:?}");
        }
    }
}

#[test]
fn every_flipped_bit_and_every_truncation_is_found_and_none_panics() {
    let (mut world, _, _) = world(Kind::Pi, 3);
    world.record(MIB);
    world.run_until(secs(3));
    let file = world.trace().unwrap();
    for length in 0..file.len() {
        assert!(Trace::read(file[..length].to_vec()).is_err(), "{length} bytes");
    }
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(Trace::read(damaged).is_err(), "bit {} of byte {at}", at % 8);
    }
    let mut longer = file.clone();
    longer.push(0);
    assert_eq!(Trace::read(longer).err(), Some(TraceError::Checksum));
    assert!(Trace::read(file).is_ok());
}

/// A file with another byte at `at` of its content, sealed anew.
fn forged(file: &[u8], at: usize, by: u8) -> Trace {
    let mut content = file[14..].to_vec();
    content[at] ^= by;
    Trace::read(Trace::sealed(&content)).expect("one byte of a value is another value")
}

/// The first byte of [`Input::Adjusted`](synchronome::discipline::Input::Adjusted).
const ADJUSTED: u8 = 3;

/// The first byte of a step's input.
fn input_of(record: &[u8]) -> Option<u8> {
    let mut from = Decoder::new(record);
    let is_step = from.byte().ok()? == STEP;
    Timestamp::<Mono>::decode(&mut from).ok()?;
    from.byte().ok().filter(|_| is_step)
}

#[test]
fn one_byte_that_was_changed_is_a_difference_with_its_time_its_input_and_both_effects() {
    let (mut world, _, _) = world(Kind::Pi, 3);
    world.record(MIB);
    world.run_until(secs(20));
    let file = world.trace().unwrap();
    let trace = Trace::read(file.clone()).unwrap();
    let steps: Vec<&[u8]> = trace.records(clock(&trace)).collect();
    // What the clock was told, its last byte is the top of a frequency; the step after it says that the clock obeyed.
    let adjusting = steps.iter().rposition(|step| input_of(step) == Some(ADJUSTED)).expect("a command") - 1;
    let tail: usize = steps[adjusting + 1..].iter().map(|step| step.len() + 1).sum();
    let last_of_it = file.len() - 14 - tail - 1;
    let changed = forged(&file, last_of_it, 0x01);
    let replayed = replay(&changed).unwrap();
    assert!(replayed.iter().all(|stream| (stream.kind == EngineKind::Discipline) == stream.difference.is_some()));
    let difference = replayed.iter().find_map(|stream| stream.difference.clone()).unwrap();
    assert!(difference.input.starts_with("Observation"), "{difference:?}");
    assert!(difference.recorded.starts_with("Adjust(Frequency("), "{difference:?}");
    assert!(difference.replayed.starts_with("Adjust(Frequency("), "{difference:?}");
    assert_ne!(difference.recorded, difference.replayed);
    assert!(difference.at > Timestamp::from_secs(15));
}

/// The states of an NTP client and of a clock after some minutes, and the content of the trace that they stand in.
fn forgeable() -> Vec<u8> {
    let mut world = ntp_world(4);
    world.run_until(secs(100));
    world.record(MIB);
    world.run_until(secs(130));
    world.trace().unwrap()[14..].to_vec()
}

#[test]
fn a_forged_trace_is_an_error_with_its_place_or_another_course_and_never_a_panic() {
    let content = forgeable();
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let (mut unread, mut unsound, mut panicked) = (0, 0, Vec::new());
    for (at, by) in (0..content.len()).step_by(17).zip([0x01, 0x80, 0xff, 0x7f].into_iter().cycle()) {
        let mut forged = content.clone();
        forged[at] ^= by;
        match Trace::read(Trace::sealed(&forged)) {
            Ok(trace) => match replay(&trace) {
                Err(ReplayError::Panicked { record, message, .. }) => panicked.push((record, message)),
                Err(error) => {
                    assert!(error.to_string().contains("record"), "{error}");
                    unsound += 1;
                }
                Ok(_) => {}
            },
            Err(TraceError::Malformed { at: place }) => {
                assert!(place <= forged.len() + 14);
                unread += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    std::panic::set_hook(quiet);
    assert!(unread > 0 && unsound > 10, "{unread} {unsound}");
    assert!(panicked.iter().all(|(_, message)| message.contains("overflow")), "{panicked:?}");
}

#[test]
fn a_place_outside_of_its_array_is_malformed_and_names_the_record() {
    // A window of 64 delays with one more in it than it has places for.
    let mut out = Encoder::with_limit(1 << 16);
    [Duration::ZERO; 64].encode(&mut out);
    [Duration::ZERO; 64].encode(&mut out);
    0_i128.encode(&mut out);
    let head = out.written().unwrap().to_vec();
    for (len, next, is_sound) in
        [(0_usize, 0_usize, true), (64, 63, true), (65, 0, false), (64, 64, false), (3, 4, false)]
    {
        let mut out = Encoder::with_limit(1 << 16);
        out.raw(&head);
        len.encode(&mut out);
        next.encode(&mut out);
        let window = MovingMedian::<64>::decode(&mut Decoder::new(out.written().unwrap()));
        assert_eq!(window.is_ok(), is_sound, "{len} {next}");
    }
    let mut zeros = Encoder::with_limit(64);
    [0_u64; 4].encode(&mut zeros);
    assert!(Random::decode(&mut Decoder::new(zeros.written().unwrap())).is_err(), "it would draw for ever");
}

fn ask(trace: &Trace, change: impl Fn(&mut Config)) -> (Course, Course) {
    let WhatIf { recorded, otherwise, .. } = what_if(trace, clock(trace), Some(&change)).unwrap();
    (recorded, otherwise.expect("another course was asked for"))
}

/// Seconds, of the RMS of the true errors.
fn true_rms(course: &Course) -> f64 {
    course.true_errors().expect("the truth is known").rms_s
}

#[test]
fn another_servo_is_judged_on_the_same_oscillator_and_network() {
    let (mut recorded_world, _, slave) = world(Kind::Estimator, 11);
    recorded_world.record(64 * MIB);
    recorded_world.sample(Duration::from_millis(125));
    recorded_world.run_until(secs(300));
    let trace = trace_of(&recorded_world);
    let (recorded, otherwise) = ask(&trace, |config| config.servo = Kind::Pi);

    // The same world with that servo from the start: what the answer should be like.
    let (mut real, _, other) = world(Kind::Pi, 11);
    real.sample(Duration::from_millis(125));
    real.run_until(secs(60));
    real.clear_statistics();
    real.run_until(secs(300));
    let real = real.statistics(other).rms();
    let (asked, before) = (true_rms(&otherwise), true_rms(&recorded));
    assert!(asked > 1.5 * before, "the plain loop is noisier: {asked} against {before}");
    assert!(asked > 0.8 * real && asked < 1.25 * real, "{asked} s, and in truth it is {real} s");
    let (of_record, of_other) = (recorded.frequency(), otherwise.frequency());
    assert!((of_record.0 - of_other.0).abs() < 50.0, "both know the oscillator: {of_record:?} {of_other:?} ppb");
    assert!((of_record.1 - of_other.1).abs() > 100.0, "and correct it differently: {of_record:?} {of_other:?} ppb");
    assert_eq!((recorded.violations(), otherwise.violations()), (0, 0));
    let measured = recorded_world.statistics(slave).rms();
    assert!(measured > 0.0 && (recorded.offsets().rms_s - otherwise.offsets().rms_s).abs() < 5e-6);
}

#[test]
fn the_same_configuration_asked_as_a_what_if_goes_nearly_the_same_way() {
    let trace = trace_of(&eventful(Kind::Estimator, 64 * MIB));
    let (recorded, otherwise) = ask(&trace, |_| ());
    let (recorded, otherwise) = (true_rms(&recorded), true_rms(&otherwise));
    assert!((recorded - otherwise).abs() < 0.2 * recorded, "{recorded} and {otherwise}");
}

#[test]
fn a_recording_that_begins_in_the_middle_is_repeated_bit_for_bit() {
    let (mut world, _, _) = world(Kind::Estimator, 13);
    world.run_until(secs(100));
    world.record(MIB);
    world.run_until(secs(130));
    let trace = trace_of(&world);
    for stream in replay(&trace).unwrap() {
        assert_eq!(stream.difference, None, "{}", stream.name);
        assert!(stream.steps > 200);
    }
    let (recorded, otherwise) = ask(&trace, |config| config.servo = Kind::Pi);
    assert!(true_rms(&recorded) < 5e-6 && true_rms(&otherwise) < 2e-5);
}

/// A client that asks each 4 s over 10 ms with 100 us of jitter; its clock begins 50 ms and 30 ppm off.
fn ntp_world(seed: u64) -> NtpWorld {
    let frequency = FrequencyPpb::from_ppm(30.0);
    let way = LinkModel::new(Duration::from_millis(10), Duration::from_micros(100));
    let mut client = ClientConfig::new(SourceId(0), seed);
    client.poll = LogInterval::new(2);
    let mut steering = SlaveConfig::new(2, seed).steering;
    steering.servo = Kind::Estimator;
    steering.lock_limit = Duration::from_millis(50);
    let config = NtpConfig {
        client,
        steering,
        offset: Duration::from_millis(50),
        oscillator: OscillatorModel {
            frequency,
            wander: 1e-9,
            grid: Duration::SECOND,
            seed,
            ..OscillatorModel::PERFECT
        },
        there: way,
        back: way,
        departs_late: Duration::ZERO,
    };
    NtpWorld::new(config, seed, Duration::from_millis(137))
}

#[test]
fn an_ntp_client_and_its_clock_are_repeated_bit_for_bit() {
    let mut world = ntp_world(4);
    world.record(16 * MIB);
    world.run_until(secs(300));
    for way in world.ways() {
        way.loss = 0.4;
    }
    world.run_until(secs(600));
    let trace = Trace::read(world.trace().unwrap()).unwrap();
    let replayed = replay(&trace).unwrap();
    let steps = |kind| replayed.iter().find(|stream| stream.kind == kind).map_or(0, |stream| stream.steps);
    assert!(steps(EngineKind::NtpClient) > 300 && steps(EngineKind::Discipline) > 300, "{replayed:?}");
    assert!(replayed.iter().all(|stream| stream.difference.is_none() && stream.gaps == 0), "{replayed:?}");
    let (recorded, otherwise) = ask(&trace, |config| config.servo = Kind::Pi);
    assert!(recorded.offsets().rms_s < 1e-3 && otherwise.offsets().rms_s < 5e-3, "{:?}", otherwise.offsets());
}

#[test]
fn a_host_of_several_sources_is_repeated_bit_for_bit_with_its_helm() {
    let mut world = World::new(9);
    let master = world.add_master(master_config(1, LogInterval::new(-3), 9), StampModel::IDEAL, Duration::ZERO);
    let options = SourceOptions::of(SourceKind::Ptp);
    let config = HostConfig { helm: Some((HelmConfig::default(), Some(options))), ..HostConfig::new(2, 9) };
    let host = world.add_host(config, StampModel::IDEAL);
    let way = LinkModel::new(Duration::from_micros(20), Duration::from_micros(5));
    world.connect(master, host, way, way);
    for seed in 0..3 {
        let server = world.add_server(ServerConfig::RIGHT, Duration::ZERO);
        let far = LinkModel::new(Duration::from_micros(300), Duration::from_micros(20));
        world.connect(host, server, far, far);
        let client = ClientConfig { poll: LogInterval::new(0), ..ClientConfig::new(NTP_SOURCE, seed) };
        world.ask(host, server, sim::ClientConfig { client, options: SourceOptions::of(SourceKind::Ntp) });
    }
    world.record(64 * MIB);
    world.run_until(secs(30));
    world.set_link(host, false);
    for (from, to) in [(master, host), (host, master)] {
        world.change_link(from, to, |link| link.is_down = true);
    }
    world.run_until(secs(60));
    assert!(world.host(host).steered().len() >= 2, "{:?}", world.host(host).steered());
    let replayed = replay(&trace_of(&world)).unwrap();
    let steps = |kind| replayed.iter().filter(|stream| stream.kind == kind).map(|stream| stream.steps).sum::<u64>();
    for stream in &replayed {
        assert_eq!((&stream.difference, stream.gaps), (&None, 0), "{stream:?}");
    }
    // The judge is asked once a second where all agree, and more often while somebody takes over.
    assert!(steps(EngineKind::Helm) > 150 && steps(EngineKind::NtpClient) > 100, "{replayed:?}");
}

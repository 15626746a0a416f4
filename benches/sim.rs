//! How fast virtual time passes, and what one sample costs the discipline.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use synchronome::clock::{Counts, SoftwareClock, Steering};
use synchronome::discipline::servo::Pi;
use synchronome::discipline::{Reference, Timescale};
use synchronome::sim::{CELLS, LOCAL_EPOCH, SlaveConfig};
use synchronome::time::{
    ClockEpoch, ClockId, Duration, FrequencyPpb, LeapIndicator, LogInterval, Mono, Observation, SourceId, Stamp,
    StampSource, Timestamp,
};

const T: Duration = Duration::from_millis(125);

/// One grandmaster and one slave at 8 Sync/s, every event checked: elements are simulated seconds.
fn world(criterion: &mut Criterion) {
    const SECONDS: i64 = 100;
    let cell = CELLS[3];
    let mut group = criterion.benchmark_group("sim");
    group.throughput(Throughput::Elements(SECONDS as u64)).sample_size(10);
    group.bench_function("seconds_at_8_sync", |bencher| {
        bencher.iter_batched(
            || cell.world(&cell.slave(1), 1).0,
            |mut world| {
                world.run_until(Duration::from_secs(SECONDS));
                world.digest()
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// One sample of the PI servo.
fn servo(criterion: &mut Criterion) {
    let mut servo = Pi::new(FrequencyPpb::from_ppm(500.0), None, None);
    servo.set_interval(LogInterval::new(-3), None);
    servo.begin_tracking(FrequencyPpb::from_ppm(40.0));
    let mut at = LOCAL_EPOCH;
    let mut offset = Duration::from_nanos(300);
    criterion.bench_function("servo_step", |bencher| {
        bencher.iter(|| {
            at = at + T;
            offset = -offset;
            servo.track(black_box(at), black_box(offset), T)
        });
    });
}

/// One Sync from its two stamps to the adjusted clock: locate, timeline, envelope, link, gate, servo.
fn observe(criterion: &mut Criterion) {
    let config = SlaveConfig::new(2, 1);
    let now = Timestamp::<Mono>::from_secs(1);
    let source = SourceId(0);
    let clock = SoftwareClock::new(LOCAL_EPOCH, Duration::ZERO, config.oscillator, config.steering.max_frequency);
    let mut steering = Steering::new(clock, Counts::Utc, config.steering, now, LOCAL_EPOCH);
    let reference = Reference {
        source,
        timescale: Timescale::Utc,
        tai_utc: None,
        is_held_over: false,
        is_orphan: false,
        accuracy: None,
        ruler: None,
        proofs: 0,
        leap: LeapIndicator::NoWarning,
        stratum: 1,
        reference_id: *b"PTP\0",
        selected_at: now,
        continues: false,
        clock: 1,
        path: 0,
    };
    steering.follow(now, LOCAL_EPOCH, Some(reference), &mut |_| {});
    steering.set_interval(now, LOCAL_EPOCH, LogInterval::new(-3), &mut |_| {});
    let stamp = |at, clock| Stamp {
        at,
        clock,
        epoch: ClockEpoch::default(),
        source: StampSource::Kernel,
        error: Duration::from_nanos(1),
    };
    let mut passed = Duration::ZERO;
    let mut exchange = |steering: &mut Steering<SoftwareClock>| {
        passed += T;
        let (now, local) = (now + passed, LOCAL_EPOCH + passed);
        let delay = Duration::from_micros(5 + (passed.ticks() & 3) as i64);
        let remote = ClockId::Remote(source);
        let correction = Duration::ZERO;
        let sync = Observation {
            source,
            sent: stamp(local - delay, remote),
            received: stamp(local, ClockId::System),
            correction,
            exchange: 0,
        };
        let request =
            Observation { sent: stamp(local, ClockId::System), received: stamp(local + delay, remote), ..sync };
        steering.observe(now, local, &sync, &mut |_| {});
        steering.observe(now, local, &request, &mut |_| {});
    };
    (0..200).for_each(|_| exchange(&mut steering));
    assert!(steering.state().is_synchronised(), "else nothing is measured");
    criterion.bench_function("discipline_observe_sync_and_delay_req", |bencher| {
        bencher.iter(|| exchange(&mut steering));
    });
}

criterion_group!(benches, world, servo, observe);
criterion_main!(benches);

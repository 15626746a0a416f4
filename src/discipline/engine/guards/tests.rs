use super::*;
use crate::discipline::policy::{StepPolicy, StepRule};
use crate::discipline::servo::Kind;
use crate::discipline::{Adjustment, DRAIN, Input, Timescale};
use crate::engine::{Engine, Random};
use crate::time::{
    ClockEpoch, Duration, FrequencyPpb, LeapIndicator, LogInterval, Stamp, StampSource, SyncState, TaiUtc,
};

const A: SourceId = SourceId(1);
const B: SourceId = SourceId(2);

/// Two sources of the time, the second ahead of the first, and a clock that runs 20 ppm fast.
struct Bench {
    discipline: Discipline,
    now: Timestamp<Mono>,
    offset: Duration,
    correction: FrequencyPpb,
    b_ahead: Duration,
    random: Random,
}

fn reference(source: SourceId) -> Reference {
    Reference {
        source,
        timescale: Timescale::Utc,
        tai_utc: Some(TaiUtc(37)),
        is_held_over: false,
        is_orphan: false,
        accuracy: Some(Duration::from_micros(1)),
        ruler: None,
        proofs: 0,
        leap: LeapIndicator::NoWarning,
        stratum: 1,
        reference_id: *b"TEST",
        selected_at: Timestamp::from_secs(100),
        continues: false,
        clock: u64::from(source.0),
        path: 0,
    }
}

impl Bench {
    fn new(servo: Kind) -> Self {
        let config = Config {
            lock_limit: Duration::from_micros(200),
            max_drift: FrequencyPpb::from_ppm(1.0),
            max_frequency: FrequencyPpb::from_ppm(500.0),
            step: StepPolicy { first: StepRule::Any, later: StepRule::Never, panic: None },
            servo,
            proportional: None,
            integral: None,
            hold: false,
            saved: None,
            drain: DRAIN,
        };
        let (now, offset) = (Timestamp::from_secs(100), Duration::from_millis(3));
        let reading = now.read_as::<Local>() + offset;
        let mut discipline = Discipline::new(config, now, reading, ClockEpoch(0), FrequencyPpb::ZERO);
        discipline.reserve_guards(3);
        let (correction, random) = (FrequencyPpb::ZERO, Random::seeded(1));
        let mut bench = Self { discipline, now, offset, correction, b_ahead: Duration::from_micros(50), random };
        bench.step(Input::Reference(Some(reference(A))));
        bench.step(Input::Interval(LogInterval::new(-3)));
        bench.step(Input::Guard(B, Some(reference(B))));
        bench
    }

    fn reading(&self) -> Timestamp<Local> {
        self.now.read_as::<Local>() + self.offset
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.offset += time.scaled(20e-6 + self.correction.ratio());
    }

    fn step(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.discipline.step(self.now, input, &mut out);
        for effect in out {
            let Effect::Adjust(adjustment) = effect else { continue };
            let before = self.reading();
            match adjustment {
                Adjustment::Frequency(frequency) => self.correction = frequency,
                Adjustment::Step(by, frequency) => {
                    self.offset += by;
                    self.correction = frequency;
                }
                Adjustment::Hold => {}
            }
            let (after, epoch, frequency) = (self.reading(), ClockEpoch(0), self.correction);
            self.step(Input::Adjusted { before, after, epoch, frequency });
        }
    }

    /// Both messages of one source, the request first.
    fn exchange(&mut self, source: SourceId) {
        let ahead = if source == B { self.b_ahead } else { Duration::ZERO };
        let stamp = |at, clock| Stamp {
            at,
            clock,
            epoch: ClockEpoch(0),
            source: StampSource::Kernel,
            error: Duration::from_nanos(1),
        };
        let theirs = self.now.read_as::<Local>() + ahead;
        let mut way = || Duration::from_secs_f64(5e-6 + 1e-6 * self.random.exponential());
        let (there, back) = (way(), way());
        let remote = |at| stamp(at, ClockId::Remote(source));
        let ours = stamp(self.reading(), ClockId::Disciplined);
        for (sent, received) in [(ours, remote(theirs + there)), (remote(theirs - back), ours)] {
            let edge = Observation { source, sent, received, correction: Duration::ZERO, exchange: 0 };
            self.step(Input::Observation(&edge));
        }
    }

    fn run(&mut self, eighths: usize) {
        for _ in 0..eighths {
            self.exchange(A);
            self.exchange(B);
            self.pass(Duration::from_millis(125));
            self.step(Input::Tick { reading: self.reading() });
        }
    }
}

#[test]
fn a_warm_guard_takes_over_without_moving_the_clock_and_what_they_disagree_by_drains() {
    for servo in [Kind::Estimator, Kind::Pi] {
        let mut bench = Bench::new(servo);
        bench.run(400);
        assert!(bench.offset.abs() < Duration::from_micros(2), "{servo:?}: {}", bench.offset);
        bench.step(Input::Guard(A, None));
        bench.step(Input::Reference(Some(reference(B))));
        let bias = bench.discipline.bias();
        assert!((bias + bench.b_ahead).abs() < Duration::from_micros(3), "{servo:?}: {bias}");
        bench.run(4);
        assert!(bench.offset.abs() < Duration::from_micros(9), "{servo:?}: {} after half a second", bench.offset);
        assert_eq!(bench.discipline.state(), SyncState::Locked, "{servo:?}");
        bench.run(400);
        let left = bench.offset - bench.b_ahead;
        assert!(left.abs() < Duration::from_micros(2), "{servo:?}: {left}");
        assert_eq!(bench.discipline.bias(), Duration::ZERO);
    }
}

#[test]
fn who_came_to_steer_and_is_gone_at_once_has_not_confirmed_the_clock() {
    for servo in [Kind::Estimator, Kind::Pi] {
        let mut bench = Bench::new(servo);
        bench.run(400);
        bench.step(Input::Reference(Some(reference(B))));
        bench.step(Input::Reference(None));
        bench.step(Input::Tick { reading: bench.reading() });
        assert!(!bench.discipline.is_locked_to_source() && !bench.discipline.is_right(bench.reading()), "{servo:?}");
    }
}

#[test]
fn what_is_far_outside_of_the_new_source_s_proof_is_not_drained_but_corrected() {
    for servo in [Kind::Estimator, Kind::Pi] {
        let mut bench = Bench::new(servo);
        bench.b_ahead = Duration::from_secs(20);
        bench.run(400);
        bench.step(Input::Guard(A, None));
        bench.step(Input::Reference(Some(reference(B))));
        let bias = bench.discipline.bias();
        // 10 ppm for a minute, and half of the round trip.
        assert!(bias.abs() < Duration::from_micros(630), "{servo:?}: {bias}");
        let before = bench.offset;
        bench.run(80);
        let slewed = (bench.offset - before).as_secs_f64();
        assert!(slewed > 4e-3, "{servo:?}: {slewed} in ten seconds, at 500 ppm");
    }
}

#[test]
fn a_guard_that_stepped_does_not_take_over_with_the_time_of_before() {
    let mut bench = Bench::new(Kind::Estimator);
    bench.run(400);
    bench.b_ahead += Duration::from_secs(7);
    bench.run(8);
    bench.b_ahead -= Duration::from_secs(7);
    bench.run(1);
    bench.step(Input::Guard(A, None));
    bench.step(Input::Reference(Some(reference(B))));
    bench.run(80);
    let left = (bench.offset - bench.b_ahead).abs();
    assert!(left < Duration::from_micros(60), "{left}");
    assert!(bench.discipline.bias().abs() < Duration::from_micros(60), "{}", bench.discipline.bias());
}

#[test]
fn the_source_before_goes_on_as_a_guard_and_takes_over_as_well() {
    let mut bench = Bench::new(Kind::Estimator);
    bench.run(400);
    bench.step(Input::Reference(Some(reference(B))));
    bench.run(400);
    let of_a = bench.discipline.span_of(A, bench.reading()).expect("it is still heard");
    let ahead = bench.b_ahead;
    assert!(of_a.low <= ahead && ahead <= of_a.high, "{of_a:?}");
    bench.step(Input::Reference(Some(reference(A))));
    bench.run(4);
    assert!((bench.offset - ahead).abs() < Duration::from_micros(9), "{}", bench.offset);
    bench.run(400);
    assert!(bench.offset.abs() < Duration::from_micros(2), "{}", bench.offset);
}

#[test]
fn nobody_steers_by_what_is_measured_of_a_source_that_was_put_aside() {
    let mut bench = Bench::new(Kind::Estimator);
    bench.run(400);
    bench.step(Input::Reference(None));
    bench.step(Input::Guard(A, Some(reference(A))));
    let estimated = bench.discipline.estimated_offset(bench.reading()).expect("known");
    // It goes a second wrong: its readings are later by that.
    for _ in 0..80 {
        bench.now = bench.now + Duration::SECOND;
        bench.offset -= Duration::SECOND;
        bench.exchange(A);
        bench.offset += Duration::SECOND;
        bench.now = bench.now - Duration::SECOND;
        bench.pass(Duration::from_millis(125));
        bench.step(Input::Tick { reading: bench.reading() });
    }
    let moved = (bench.discipline.estimated_offset(bench.reading()).expect("known") - estimated).abs();
    assert!(
        moved < Duration::from_micros(5) && bench.offset.abs() < Duration::from_micros(5),
        "{moved} {}",
        bench.offset
    );
    let span = bench.discipline.span_of(A, bench.reading()).expect("it is heard");
    assert!(span.high < Duration::from_millis(-900), "{span:?}");
}

#[test]
fn a_disturbed_clock_knows_nothing_of_any_source_until_it_is_measured_again() {
    let mut bench = Bench::new(Kind::Estimator);
    bench.run(100);
    bench.offset += Duration::from_secs(5);
    bench.step(Input::Disturbed { reading: bench.reading(), epoch: ClockEpoch(0) });
    assert_eq!(bench.discipline.span_of(A, bench.reading()), None);
    assert_eq!(bench.discipline.span_of(B, bench.reading()), None);
    bench.run(1);
    let of_b = bench.discipline.span_of(B, bench.reading()).expect("both ways were heard");
    assert!(of_b.low <= bench.offset && of_b.high >= bench.offset - bench.b_ahead, "{of_b:?} {}", bench.offset);
}

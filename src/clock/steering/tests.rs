//! A clock and its discipline together, in virtual time: what a thread does to them that a simulator does not.

use super::*;
use crate::clock::{Counts, OscillatorModel, SoftwareClock};
use crate::discipline::Timescale;
use crate::discipline::policy::{StepPolicy, StepRule};
use crate::discipline::servo::Kind;
use crate::time::{ClockEpoch, LeapIndicator, SourceId, StampSource};

const SOURCE: SourceId = SourceId(0);
const T: Duration = Duration::from_millis(125);
const DELAY: Duration = Duration::from_micros(5);

/// A master whose time is the stamping clock's as it was before anybody set it.
struct Bench {
    steering: Steering<SoftwareClock>,
    now: Timestamp<Mono>,
    /// What the stamping clock reads beyond the master's time.
    set_by: Duration,
    notices: Vec<Notice>,
}

impl Bench {
    fn new(servo: Kind) -> Self {
        let now = Timestamp::<Mono>::from_secs(1_000_000);
        let limit = FrequencyPpb::from_ppm(500.0);
        let model =
            OscillatorModel { frequency: FrequencyPpb::from_ppm(40.0), wander: 1e-9, ..OscillatorModel::PERFECT };
        let clock = SoftwareClock::new(now.read_as(), Duration::from_secs(2), model, limit);
        let config = Config {
            lock_limit: Duration::from_micros(100),
            max_drift: FrequencyPpb::from_ppm(1.0),
            max_frequency: limit,
            step: StepPolicy { first: StepRule::Any, later: StepRule::Never, panic: Some(Duration::from_secs(1_000)) },
            servo,
            proportional: None,
            integral: None,
            hold: false,
            saved: None,
            drain: crate::discipline::DRAIN,
        };
        let steering = Steering::new(clock, Counts::Utc, config, now, now.read_as());
        let mut bench = Self { steering, now, set_by: Duration::ZERO, notices: Vec::new() };
        let reference = Reference {
            source: SOURCE,
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
        bench.drive(|steering, now, local, mut notify| steering.follow(now, local, Some(reference), &mut notify));
        bench.drive(|steering, now, local, mut notify| {
            steering.set_interval(now, local, LogInterval::new(-3), &mut notify);
        });
        bench
    }

    fn local(&self) -> Timestamp<Local> {
        self.now.read_as::<Local>() + self.set_by
    }

    fn drive(
        &mut self,
        act: impl FnOnce(&mut Steering<SoftwareClock>, Timestamp<Mono>, Timestamp<Local>, &mut dyn FnMut(Notice)),
    ) {
        let (now, local, notices) = (self.now, self.local(), &mut self.notices);
        act(&mut self.steering, now, local, &mut |notice| notices.push(notice));
    }

    fn stamp(at: Timestamp<Local>, clock: ClockId) -> Stamp {
        Stamp { at, clock, epoch: ClockEpoch::default(), source: StampSource::Kernel, error: Duration::ZERO }
    }

    fn exchange(&mut self) {
        let (master, local) = (self.now.read_as::<Local>(), self.local());
        let remote = |at| Self::stamp(at, ClockId::Remote(SOURCE));
        let ours = Self::stamp(local, ClockId::System);
        for (sent, received) in [(remote(master - DELAY), ours), (ours, remote(master + DELAY))] {
            let observation = Observation { source: SOURCE, sent, received, correction: Duration::ZERO, exchange: 0 };
            self.drive(|steering, now, local, mut notify| steering.observe(now, local, &observation, &mut notify));
        }
        self.now = self.now + T;
        self.drive(|steering, now, local, mut notify| steering.tick(now, local, &mut notify));
    }

    /// Our clock's true error.
    fn error(&mut self) -> Duration {
        let (local, master) = (self.local(), self.now.read_as::<Local>());
        let (reading, _) = self.steering.clock().line(local);
        reading - master
    }
}

#[test]
fn a_tick_from_before_the_first_step_does_not_bend_what_is_known() {
    for servo in [Kind::Pi, Kind::Estimator] {
        let mut bench = Bench::new(servo);
        for _ in 0..40 {
            let earlier = (bench.now, bench.local());
            bench.exchange();
            // A thread that took its reading before the messages and ticks after them.
            let notices = &mut bench.notices;
            bench.steering.tick(earlier.0, earlier.1, &mut |notice| notices.push(notice));
        }
        assert!(!bench.notices.contains(&Notice::Contradiction), "{servo:?}: {:?}", bench.notices);
        assert_eq!(bench.steering.state(), SyncState::Locked);
        assert!(bench.error().abs() < Duration::from_micros(1), "{}", bench.error());
    }
}

#[test]
fn a_stamping_clock_set_by_an_hour_is_measured_again_within_three_seconds() {
    for servo in [Kind::Pi, Kind::Estimator] {
        for by in [-3_600, 3_600] {
            let mut bench = Bench::new(servo);
            (0..80).for_each(|_| bench.exchange());
            bench.set_by = Duration::from_secs(by);
            bench.drive(|steering, now, local, mut notify| steering.disturbed(now, local, &mut notify));
            assert_eq!(bench.steering.state(), SyncState::Disrupted);
            assert!(bench.steering.bound(bench.now.read_as::<Local>() + bench.set_by).is_none());
            (0..24).for_each(|_| bench.exchange());
            assert_eq!(bench.steering.state(), SyncState::Locked, "{servo:?} {by}");
            assert!(bench.error().abs() < Duration::from_micros(1), "{}", bench.error());
        }
    }
}

#[test]
fn when_samples_stop_there_is_no_deadline_left_to_spin_on() {
    for servo in [Kind::Pi, Kind::Estimator] {
        let mut bench = Bench::new(servo);
        (0..80).for_each(|_| bench.exchange());
        bench.now = bench.now + Duration::from_secs(2);
        bench.drive(|steering, now, local, mut notify| steering.tick(now, local, &mut notify));
        assert_eq!(bench.steering.state(), SyncState::Holdover);
        assert_eq!(bench.steering.deadline(), None);
    }
}

#[test]
fn a_stamp_from_before_the_clock_was_set_back_measures_nothing() {
    let mut bench = Bench::new(Kind::Pi);
    (0..80).for_each(|_| bench.exchange());
    let before = bench.local();
    bench.set_by = Duration::from_secs(-3);
    bench.drive(|steering, now, local, mut notify| steering.disturbed(now, local, &mut notify));
    let master = bench.now.read_as::<Local>();
    let sent = Bench::stamp(master - DELAY, ClockId::Remote(SOURCE));
    let received = Bench::stamp(before, ClockId::System);
    let old = Observation { source: SOURCE, sent, received, correction: Duration::ZERO, exchange: 0 };
    bench.drive(|steering, now, local, mut notify| steering.observe(now, local, &old, &mut notify));
    (0..24).for_each(|_| bench.exchange());
    assert!(!bench.notices.contains(&Notice::Contradiction), "{:?}", bench.notices);
    assert!(bench.error().abs() < Duration::from_micros(1), "{}", bench.error());
}

fn told(at: Timestamp<Local>, ppm: f64, between: Option<(Timestamp<Mono>, Timestamp<Mono>)>) -> Adjusted {
    let frequency = FrequencyPpb::from_ppm(ppm);
    Adjusted { before: at, after: at, epoch: ClockEpoch::default(), frequency, between }
}

#[test]
fn a_command_is_placed_where_the_clock_obeyed_it() {
    let mut bench = Bench::new(Kind::Estimator);
    let (now, local) = (bench.now, bench.steering.reading(bench.local()));
    let was = bench.steering.discipline.frequency();
    // The thread was kept from it for 10 ms, during which the clock went on as before.
    let (late, rate) = (Duration::from_millis(10), FrequencyPpb::from_ppm(500.0));
    let obeyed_at = local + late + was.drift(late);
    let before = bench.steering.discipline.free(obeyed_at);
    bench.steering.obeyed(now, told(local, 500.0, Some((now + late, now + late))), &mut |_| ());
    let later = Duration::SECOND;
    let gained = bench.steering.discipline.free(obeyed_at + later + rate.drift(later)) - before;
    assert!((gained - later).abs() <= Duration::from_nanos(1), "{gained}, and 5 us more where it was asked for");
}

#[test]
fn not_to_know_when_the_clock_obeyed_widens_the_bound() {
    let mut bench = Bench::new(Kind::Estimator);
    for _ in 0..400 {
        bench.exchange();
    }
    let (now, local) = (bench.now, bench.local());
    let at = bench.steering.reading(local);
    let greatest = |bench: &mut Bench| bench.steering.bound(local).expect("bounded").total().greatest_error();
    let own = bench.steering.discipline.frequency().ppb() / 1e3;
    let before = greatest(&mut bench);
    // The same instant, known exactly: nothing is added.
    bench.steering.obeyed(now, told(at, own + 400.0, Some((now, now))), &mut |_| ());
    let exact = greatest(&mut bench);
    assert!((exact - before).abs() < Duration::from_nanos(2), "{before} {exact}");
    // To within 20 ms: 10 ms of 400 ppm either way.
    let from = now - Duration::from_millis(10);
    bench.steering.obeyed(now, told(at, own, Some((from, now + Duration::from_millis(10)))), &mut |_| ());
    let wider = greatest(&mut bench) - exact;
    assert!((wider - Duration::from_micros(4)).abs() < Duration::from_nanos(50), "{wider}");
}

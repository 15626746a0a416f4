//! The discipline against a scripted master, in virtual time.

use super::*;
use crate::discipline::Timescale;
use crate::discipline::policy::StepRule;
use crate::engine::Random;
use crate::time::{ClockId, SourceId, Stamp, StampSource, TaiUtc};

mod calm;
mod saved;
mod steps;

/// A clock with an exact law, a master without error, and a path, at 8 messages a second.
struct Bench {
    discipline: Discipline,
    now: Timestamp<Mono>,
    /// Reading of ours minus the truth, and our uncorrected frequency.
    offset: Duration,
    ppm: f64,
    correction: FrequencyPpb,
    epoch: ClockEpoch,
    random: Random,
    jitter: f64,
    notices: Vec<Notice>,
    obeys: bool,
    /// What the source is ahead of the truth.
    ahead: Duration,
    /// A Sync is told only after the request that follows it, as where its Follow_Up is late.
    tells_late: bool,
}

const SOURCE: SourceId = SourceId(0);
const T: Duration = Duration::from_millis(125);

fn config() -> Config {
    Config {
        lock_limit: Duration::from_micros(100),
        max_drift: FrequencyPpb::from_ppm(1.0),
        max_frequency: FrequencyPpb::from_ppm(500.0),
        step: StepPolicy { first: StepRule::Any, later: StepRule::Never, panic: Some(Duration::from_secs(1_000)) },
        servo: Kind::Pi,
        proportional: None,
        integral: None,
        hold: false,
        saved: None,
        drain: crate::discipline::DRAIN,
    }
}

fn reference() -> Reference {
    Reference {
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
        selected_at: Timestamp::from_secs(100),
        continues: false,
        clock: 1,
        path: 0,
    }
}

impl Bench {
    #[expect(clippy::large_types_passed_by_value, reason = "each test makes one of its own")]
    fn new(config: Config, offset: Duration, ppm: f64) -> Self {
        let now = Timestamp::from_secs(100);
        let reading = now.read_as::<Local>() + offset;
        let mut discipline = Discipline::new(config, now, reading, ClockEpoch(0), FrequencyPpb::ZERO);
        let mut out = Vec::new();
        discipline.step(now, Input::Reference(Some(reference())), &mut out);
        discipline.step(now, Input::Interval(LogInterval::new(-3)), &mut out);
        Self {
            discipline,
            now,
            offset,
            ppm,
            correction: FrequencyPpb::ZERO,
            epoch: ClockEpoch(0),
            random: Random::seeded(1),
            jitter: 1e-6,
            notices: Vec::new(),
            obeys: true,
            ahead: Duration::ZERO,
            tells_late: false,
        }
    }

    fn reading(&self) -> Timestamp<Local> {
        self.now.read_as::<Local>() + self.offset
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        let rate = self.ppm * 1e-6 + self.correction.ratio();
        self.offset += time.scaled(rate);
    }

    fn stamp(at: Timestamp<Local>, clock: ClockId, epoch: ClockEpoch) -> Stamp {
        Stamp { at, clock, epoch, source: StampSource::Kernel, error: Duration::ZERO }
    }

    fn exchange(&mut self, extra_delay: Duration) {
        let mut delay = || Duration::from_secs_f64(5e-6 + self.jitter * self.random.exponential());
        let (forth, back) = (delay() + extra_delay, delay());
        let truth = self.now.read_as::<Local>() + self.ahead;
        let remote = |at| Self::stamp(at, ClockId::Remote(SOURCE), ClockEpoch(0));
        let received = Self::stamp(self.reading(), ClockId::Disciplined, self.epoch);
        let sync = Observation {
            source: SOURCE,
            sent: remote(truth - forth),
            received,
            correction: Duration::ZERO,
            exchange: 0,
        };
        if !self.tells_late {
            self.step(Input::Observation(&sync));
        }
        self.pass(T.half());
        let sent = Self::stamp(self.reading(), ClockId::Disciplined, self.epoch);
        let request = Observation {
            source: SOURCE,
            sent,
            received: remote(self.now.read_as::<Local>() + self.ahead + back),
            correction: Duration::ZERO,
            exchange: 0,
        };
        self.step(Input::Observation(&request));
        if self.tells_late {
            self.step(Input::Observation(&sync));
        }
        self.pass(T.half());
        self.step(Input::Tick { reading: self.reading() });
    }

    fn step(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.discipline.step(self.now, input, &mut out);
        for effect in out {
            match effect {
                Effect::Notice(notice) => self.notices.push(notice),
                Effect::Adjust(adjustment) => self.obey(adjustment),
            }
        }
    }

    fn obey(&mut self, adjustment: Adjustment) {
        let before = self.reading();
        match adjustment {
            Adjustment::Frequency(frequency) if self.obeys => self.correction = frequency,
            Adjustment::Step(step, frequency) => {
                self.offset += step;
                self.correction = frequency;
                self.epoch = self.epoch.next();
            }
            Adjustment::Frequency(_) | Adjustment::Hold => {}
        }
        let (after, epoch, frequency) = (self.reading(), self.epoch, self.correction);
        self.step(Input::Adjusted { before, after, epoch, frequency });
    }

    fn bound(&self) -> Option<Duration> {
        self.discipline.bound(self.reading()).map(|parts| parts.total().greatest_error())
    }
}

#[test]
fn it_locks_within_three_seconds_from_two_seconds_and_forty_ppm_off() {
    let mut bench = Bench::new(config(), Duration::from_secs(2), 40.0);
    for _ in 0..24 {
        bench.exchange(Duration::ZERO);
        assert!(bench.bound().is_none_or(|bound| bench.offset.abs() <= bound), "{} {:?}", bench.offset, bench.bound());
    }
    assert_eq!(bench.discipline.state(), SyncState::Locked);
    assert!(bench.offset.abs() < Duration::from_micros(10), "{}", bench.offset);
    let steps = bench.notices.iter().filter(|notice| matches!(notice, Notice::Stepped(_))).count();
    assert_eq!(steps, 1);
}

#[test]
fn the_estimator_locks_as_well_and_is_quieter() {
    let rms = |servo| {
        let mut bench = Bench::new(Config { servo, ..config() }, Duration::from_secs(2), 40.0);
        bench.jitter = 1e-5;
        (0..400).for_each(|_| bench.exchange(Duration::ZERO));
        assert_eq!(bench.discipline.state(), SyncState::Locked);
        let mut sum = 0.0;
        for _ in 0..2_000 {
            bench.exchange(Duration::ZERO);
            sum += bench.offset.as_secs_f64() * bench.offset.as_secs_f64();
            assert!(bench.bound().is_some_and(|bound| bench.offset.abs() <= bound));
        }
        (sum / 2_000.0).sqrt()
    };
    let (pi, estimator) = (rms(Kind::Pi), rms(Kind::Estimator));
    assert!(estimator < 0.2 * pi, "{estimator} against {pi}");
}

#[test]
fn what_was_learnt_of_a_restless_oscillator_never_makes_the_bound_wider_than_the_proof() {
    let mut bench = Bench::new(Config { servo: Kind::Estimator, ..config() }, Duration::ZERO, 3.0);
    let mut narrowed = 0;
    assert!(!bench.discipline.errs_within(Duration::MAX, bench.reading()), "nothing bounds it yet");
    for round in 0..2_400 {
        if round == 2_000 {
            (0..4).for_each(|_| bench.discipline.stability.refuted());
            let walk = bench.discipline.stability.walk(bench.discipline.config.max_drift).unwrap();
            bench.discipline.learnt.believe(walk);
        }
        bench.exchange(Duration::ZERO);
        let discipline = &bench.discipline;
        let Some(span) = discipline.envelope.at(discipline.free(bench.reading())) else { continue };
        let proven = bounding::farthest(span.shifted(discipline.timeline.correction(bench.reading())));
        let snapshot = discipline.snapshot(bench.now, bench.reading(), bench.reading(), FrequencyPpb::ZERO);
        let after = Duration::from_millis(250);
        let bound = snapshot.bound_after(after).greatest_error();
        let most = proven + discipline.stale_rate().drift(after);
        assert!(bound <= most + Duration::from_nanos(1), "{bound} where {most} is proven, in round {round}");
        narrowed += u32::from(round < 2_000 && bound < most);
        // Both words together, and the proof alone where that is enough.
        let total = discipline.greatest_error(bench.reading()).expect("there is a proof");
        for limit in [total - Duration::from_ticks(1), total, proven, proven - Duration::from_ticks(1)] {
            assert_eq!(discipline.errs_within(limit, bench.reading()), total <= limit, "{total} of {limit}");
        }
    }
    assert!(narrowed > 500, "what was learnt has a say: {narrowed} times");
}

#[test]
fn held_it_measures_and_never_corrects() {
    let mut bench = Bench::new(Config { hold: true, ..config() }, Duration::ZERO, 40.0);
    for _ in 0..80 {
        bench.exchange(Duration::ZERO);
    }
    assert_eq!(bench.correction, FrequencyPpb::ZERO);
    assert!((bench.offset - Duration::from_micros(400)).abs() < Duration::from_micros(1), "drifts as configured");
    assert_ne!(bench.discipline.state(), SyncState::Locked);
    assert!(bench.bound().is_some_and(|bound| bench.offset.abs() <= bound), "the bound knows how far off it is");
}

#[test]
fn without_samples_locked_becomes_holdover_then_freerun_and_the_bound_holds() {
    let mut bench = Bench::new(config(), Duration::from_millis(1), -30.0);
    for _ in 0..400 {
        bench.exchange(Duration::ZERO);
    }
    assert_eq!(bench.discipline.state(), SyncState::Locked);
    bench.pass(Duration::SECOND);
    bench.step(Input::Tick { reading: bench.reading() });
    assert!((bench.correction.ppm() - 30.0).abs() < 0.2, "held over with the average: {}", bench.correction);
    let mut seen = Vec::new();
    for _ in 0..80_000 {
        bench.pass(Duration::from_millis(250));
        bench.step(Input::Tick { reading: bench.reading() });
        assert!(bench.bound().is_some_and(|bound| bench.offset.abs() <= bound));
        if seen.last() != Some(&bench.discipline.state()) {
            seen.push(bench.discipline.state());
        }
    }
    assert_eq!(seen, [SyncState::Holdover, SyncState::Freerun]);
    bench.exchange(Duration::ZERO);
    bench.exchange(Duration::ZERO);
    assert_eq!(bench.discipline.state(), SyncState::Acquiring);
}

#[test]
fn what_answers_one_offset_ends_when_the_next_sync_is_lost() {
    let mut bench = Bench::new(config(), Duration::ZERO, 20.0);
    bench.jitter = 1e-5;
    let answer = |bench: &Bench| (bench.correction + bench.discipline.runs_off_by()).ppm();
    (0..400).for_each(|_| bench.exchange(Duration::ZERO));
    let mut exchanges = 0;
    while answer(&bench).abs() < 3.0 {
        bench.exchange(Duration::ZERO);
        exchanges += 1;
        assert!(exchanges < 100, "no offset of some microseconds in {exchanges} exchanges");
    }
    bench.pass(T.half());
    bench.step(Input::Tick { reading: bench.reading() });
    assert!(answer(&bench).abs() < 1e-9, "what is left is what the oscillator needs: {}", bench.correction);
    assert_eq!(bench.discipline.state(), SyncState::Locked, "one Sync is no loss");
}

#[test]
fn a_message_delayed_by_a_millisecond_does_not_move_the_clock() {
    let mut bench = Bench::new(config(), Duration::ZERO, 20.0);
    for _ in 0..80 {
        bench.exchange(Duration::ZERO);
    }
    bench.exchange(Duration::from_millis(1));
    for _ in 0..8 {
        bench.exchange(Duration::ZERO);
        assert!(bench.offset.abs() < Duration::from_micros(8), "{}", bench.offset);
    }
}

#[test]
fn an_offset_beyond_the_panic_limit_is_reported_and_not_followed() {
    let step = StepPolicy { panic: Some(Duration::from_millis(10)), ..config().step };
    let mut bench = Bench::new(Config { step, ..config() }, Duration::from_secs(2), 0.0);
    for _ in 0..40 {
        bench.exchange(Duration::ZERO);
    }
    let correction = bench.correction;
    bench.offset += Duration::from_millis(500);
    for _ in 0..40 {
        bench.exchange(Duration::ZERO);
    }
    assert!(bench.notices.iter().any(|notice| matches!(notice, Notice::Panic(_))));
    assert!((bench.correction - correction).abs() < FrequencyPpb::from_ppm(3.0), "{}", bench.correction);
}

#[test]
fn later_offsets_are_slewed_or_stepped_as_the_policy_says() {
    for (later, expect_steps) in [(StepRule::Never, 1), (StepRule::Above(Duration::from_millis(1)), 2)] {
        let step = StepPolicy { later, ..config().step };
        let mut bench = Bench::new(Config { step, ..config() }, Duration::from_secs(2), 0.0);
        (0..40).for_each(|_| bench.exchange(Duration::ZERO));
        bench.offset += Duration::from_millis(50);
        (0..40).for_each(|_| bench.exchange(Duration::ZERO));
        let steps = bench.notices.iter().filter(|notice| matches!(notice, Notice::Stepped(_))).count();
        assert_eq!(steps, expect_steps, "{later:?}");
        assert!(bench.correction.abs() <= config().max_frequency);
    }
}

#[test]
fn a_clock_that_does_not_obey_is_reported() {
    let mut bench = Bench::new(config(), Duration::from_secs(2), 0.0);
    (0..16).for_each(|_| bench.exchange(Duration::ZERO));
    bench.obeys = false;
    bench.offset += Duration::from_millis(5);
    (0..16).for_each(|_| bench.exchange(Duration::ZERO));
    assert!(bench.notices.iter().any(|notice| matches!(notice, Notice::Ineffective { .. })));
}

#[test]
fn what_somebody_elses_rate_may_have_done_is_added_to_the_bound_and_contradicts_nothing() {
    for (moved, ahead, behind) in [(25, 25, 0), (3, 25, 0), (-180, 0, -200), (10, 40, -5)] {
        let mut bench = Bench::new(config(), Duration::from_millis(1), -30.0);
        (0..400).for_each(|_| bench.exchange(Duration::ZERO));
        let before = bench.bound().expect("a bound");
        bench.notices.clear();
        bench.offset += Duration::from_micros(moved);
        let (ahead, behind) = (Duration::from_micros(ahead), Duration::from_micros(behind));
        bench.step(Input::Slewed { reading: bench.reading(), ahead, behind });
        let wider = bench.bound().expect("a bound still") - before;
        assert!(wider >= ahead.max(-behind) - Duration::from_micros(8), "{moved}: wider by {wider}");
        assert!(bench.offset.abs() <= bench.bound().expect("a bound"), "{moved}");
        for _ in 0..80 {
            bench.exchange(Duration::ZERO);
            assert!(bench.bound().is_some_and(|bound| bench.offset.abs() <= bound), "{moved}: {}", bench.offset);
        }
        assert!(!bench.notices.contains(&Notice::Contradiction), "{moved}");
        assert!(
            bench.bound().expect("a bound") <= before + Duration::from_micros(2),
            "{moved}: proofs narrow it again"
        );
    }
}

#[test]
fn a_stamp_taken_under_somebody_elses_rate_is_not_used() {
    let mut bench = Bench::new(config(), Duration::from_millis(1), -30.0);
    (0..80).for_each(|_| bench.exchange(Duration::ZERO));
    let sample = bench.discipline.last_sample;
    let reading = bench.reading() + Duration::from_millis(60);
    bench.step(Input::Slewed { reading, ahead: Duration::ZERO, behind: Duration::ZERO });
    bench.exchange(Duration::ZERO);
    assert_eq!(bench.discipline.last_sample, sample, "its Sync came before");
    bench.exchange(Duration::ZERO);
    assert_ne!(bench.discipline.last_sample, sample);
}

#[test]
fn a_clock_is_never_told_more_than_it_obeys_and_it_is_told_once_if_that_is_not_enough() {
    for servo in [Kind::Pi, Kind::Estimator] {
        for (ppm, is_unheld) in [(-20.0, false), (-80.0, true)] {
            let mut bench = Bench::new(Config { servo, ..config() }, Duration::from_millis(2), ppm);
            bench.discipline.limit_corrections(FrequencyPpb::from_ppm(50.0));
            for _ in 0..800 {
                bench.exchange(Duration::ZERO);
                assert!(bench.correction.abs() <= FrequencyPpb::from_ppm(50.0), "{servo:?}: {}", bench.correction);
                assert!(bench.bound().is_none_or(|bound| bench.offset.abs() <= bound), "{servo:?} {ppm}");
            }
            let told = bench.notices.iter().filter(|notice| matches!(notice, Notice::Unheld { .. })).count();
            assert_eq!(told, usize::from(is_unheld), "{servo:?} {ppm}");
            assert!(!bench.notices.iter().any(|notice| matches!(notice, Notice::Ineffective { .. })));
            assert_eq!(bench.offset.abs() < Duration::from_micros(10), !is_unheld, "{servo:?} {ppm}: {}", bench.offset);
        }
    }
}

#[test]
fn tai_without_a_utc_offset_is_never_followed() {
    for timescale in [Timescale::TaiWithoutUtc, Timescale::Refused] {
        let mut bench = Bench::new(config(), Duration::from_secs(2), 40.0);
        bench.step(Input::Reference(Some(Reference { timescale, ..reference() })));
        (0..40).for_each(|_| bench.exchange(Duration::ZERO));
        assert_eq!(bench.correction, FrequencyPpb::ZERO);
        assert!(bench.bound().is_none());
    }
}

#[test]
fn tai_is_converted_by_the_offset_that_came_with_it() {
    let mut bench = Bench::new(config(), Duration::from_secs(-36), 0.0);
    bench.step(Input::Reference(Some(Reference { timescale: Timescale::Tai(TaiUtc(37)), ..reference() })));
    (0..40).for_each(|_| bench.exchange(Duration::ZERO));
    // The scripted master counts TAI, so UTC is 37 s behind it.
    assert!((bench.offset + Duration::from_secs(37)).abs() < Duration::from_micros(20), "{}", bench.offset);
}

#[test]
fn a_disturbed_clock_is_disrupted_until_its_error_is_bounded_again_and_acquires_from_then_on() {
    for servo in [Kind::Pi, Kind::Estimator] {
        let mut bench = Bench::new(Config { servo, ..config() }, Duration::from_secs(2), 10.0);
        (0..80).for_each(|_| bench.exchange(Duration::ZERO));
        disturb(&mut bench);
        assert_eq!(bench.discipline.state(), SyncState::Disrupted);
        assert_eq!(bench.bound(), None, "an unbounded error until it is measured");
        bench.notices.clear();
        bench.exchange(Duration::ZERO);
        assert!(bench.bound().is_some());
        assert_eq!(bench.discipline.state(), SyncState::Acquiring, "{servo:?}: one exchange bounds it");
        (0..24).for_each(|_| bench.exchange(Duration::ZERO));
        assert_eq!(bench.discipline.state(), SyncState::Locked);
        assert!(bench.offset.abs() < Duration::from_micros(10), "recovered in 3 s: {}", bench.offset);
        let states = bench.notices.iter().filter_map(|notice| match notice {
            Notice::State { to, why, .. } => Some((*to, *why)),
            _ => None,
        });
        let expected =
            [(SyncState::Acquiring, StateEvent::MeasuredAgain), (SyncState::Locked, StateEvent::LockReached)];
        assert_eq!(states.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_disturbed_clock_that_hears_one_direction_or_another_source_without_a_bound_stays_disrupted() {
    let mut bench = Bench::new(config(), Duration::from_secs(2), 10.0);
    (0..80).for_each(|_| bench.exchange(Duration::ZERO));
    disturb(&mut bench);
    bench.step(Input::Reference(None));
    let selected_at = bench.now;
    bench.step(Input::Reference(Some(Reference { selected_at, ..reference() })));
    assert_eq!((bench.discipline.state(), bench.bound()), (SyncState::Disrupted, None));
    let sync = Observation {
        source: SOURCE,
        sent: Bench::stamp(bench.now.read_as(), ClockId::Remote(SOURCE), ClockEpoch(0)),
        received: Bench::stamp(bench.reading(), ClockId::Disciplined, bench.epoch),
        correction: Duration::ZERO,
        exchange: 0,
    };
    bench.step(Input::Observation(&sync));
    assert_eq!((bench.discipline.state(), bench.bound()), (SyncState::Disrupted, None));
    bench.exchange(Duration::ZERO);
    assert_eq!(bench.discipline.state(), SyncState::Acquiring);
}

#[test]
fn a_clock_that_was_measured_again_and_hears_no_more_is_free() {
    let mut bench = Bench::new(config(), Duration::from_secs(2), 10.0);
    (0..80).for_each(|_| bench.exchange(Duration::ZERO));
    disturb(&mut bench);
    bench.exchange(Duration::ZERO);
    assert_eq!(bench.discipline.state(), SyncState::Acquiring);
    for _ in 0..8 {
        bench.pass(T);
        bench.step(Input::Tick { reading: bench.reading() });
    }
    assert_eq!(bench.discipline.state(), SyncState::Freerun);
}

/// Somebody sets the clock by five minutes.
fn disturb(bench: &mut Bench) {
    bench.offset += Duration::from_secs(-300);
    bench.epoch = bench.epoch.next();
    let (reading, epoch) = (bench.reading(), bench.epoch);
    bench.step(Input::Disturbed { reading, epoch });
}

#[test]
fn who_follows_a_host_without_a_source_is_never_locked_nor_bounded_and_goes_to_a_source_at_once() {
    for servo in [Kind::Pi, Kind::Estimator] {
        let mut bench = Bench::new(Config { servo, ..config() }, Duration::from_secs(2), 30.0);
        let follow = |bench: &mut Bench, is_orphan| {
            let selected_at = bench.now;
            bench.step(Input::Reference(Some(Reference { is_orphan, stratum: 11, selected_at, ..reference() })));
        };
        let served = |bench: &Bench| {
            let snapshot = bench.discipline.snapshot(bench.now, bench.reading(), bench.reading(), FrequencyPpb::ZERO);
            (snapshot.state.is_synchronised(), snapshot.is_bounded, snapshot.stratum, snapshot.leap)
        };
        (0..80).for_each(|_| bench.exchange(Duration::ZERO));
        assert_eq!(bench.discipline.state(), SyncState::Locked);

        bench.ahead = Duration::from_secs(7);
        follow(&mut bench, true);
        for _ in 0..80 {
            bench.exchange(Duration::ZERO);
            assert_eq!(bench.bound(), None);
            assert_eq!(served(&bench), (false, false, 11, LeapIndicator::Unknown));
        }
        assert_eq!(bench.discipline.state(), SyncState::Freerun);
        assert!((bench.offset - bench.ahead).abs() < Duration::from_micros(20), "{}", bench.offset);

        bench.ahead = Duration::ZERO;
        follow(&mut bench, false);
        assert_eq!(bench.bound(), None, "nothing is known of the time yet");
        for _ in 0..80 {
            bench.exchange(Duration::ZERO);
            assert!(bench.bound().is_none_or(|bound| bench.offset.abs() <= bound), "{}", bench.offset);
        }
        assert_eq!(bench.discipline.state(), SyncState::Locked, "{servo:?}");
        assert!(bench.offset.abs() < Duration::from_micros(20), "{}", bench.offset);
    }
}

#[test]
fn a_disturbed_clock_that_is_given_another_source_keeps_the_range_of_its_frequency() {
    let mut bench = Bench::new(config(), Duration::from_millis(3), 20.0);
    (0..400).for_each(|_| bench.exchange(Duration::ZERO));
    let width = |bench: &Bench| {
        let range = bench.discipline.envelope.frequency();
        range.high - range.low
    };
    let before = width(&bench);
    assert!(before < FrequencyPpb::from_ppm(10.0), "{before}");
    let (reading, epoch) = (bench.reading(), ClockEpoch(bench.epoch.0 + 1));
    bench.step(Input::Disturbed { reading, epoch });
    bench.step(Input::Reference(Some(Reference { source: SourceId(1), selected_at: bench.now, ..reference() })));
    assert_eq!(width(&bench), before, "it is the same oscillator");
}

#[test]
fn until_a_new_source_has_proved_anything_the_bound_rests_on_how_right_the_old_one_was() {
    let mut bench = Bench::new(config(), Duration::ZERO, 0.0);
    let rough = Reference { accuracy: Some(Duration::from_micros(30)), ..reference() };
    bench.step(Input::Reference(Some(rough)));
    (0..40).for_each(|_| bench.exchange(Duration::ZERO));
    assert!(bench.bound().unwrap() >= Duration::from_micros(30));
    let exact = Reference {
        source: SourceId(7),
        accuracy: Some(Duration::from_nanos(100)),
        selected_at: bench.now,
        ..reference()
    };
    bench.step(Input::Reference(Some(exact)));
    assert!(bench.bound().unwrap() >= Duration::from_micros(30), "{:?}", bench.bound());
}

#[test]
fn a_step_that_no_proof_contradicts_never_leaves_a_bound_about_neither_time() {
    let servos = [Kind::Estimator, Kind::Pi];
    for (servo, step) in servos.into_iter().flat_map(|servo| [-7, -6, 6, 7].map(|step| (servo, step))) {
        let mut bench = Bench::new(Config { servo, ..config() }, Duration::from_millis(3), 20.0);
        bench.jitter = 1e-7;
        (0..400).for_each(|_| bench.exchange(Duration::ZERO));
        // Each way takes 5 us: what was proven and what is proven from now on share some microseconds.
        let step = Duration::from_micros(step);
        bench.offset += step;
        let proven = bench.notices.len();
        for exchange in 0..200 {
            bench.exchange(Duration::ZERO);
            let Some(bound) = bench.bound() else { continue };
            let is_right = bench.offset.abs() <= bound;
            let was_right = (bench.offset - step).abs() <= bound && exchange < 40;
            assert!(is_right || was_right, "{servo:?} {step}, {exchange}: {} and {bound}", bench.offset);
        }
        assert!(!bench.notices[proven..].contains(&Notice::Contradiction), "{servo:?} {step}");
        assert!(bench.offset.abs() < Duration::from_micros(1), "{servo:?} {step}: {}", bench.offset);
    }
}

#[test]
fn what_was_proven_by_a_source_that_has_begun_anew_is_forgotten() {
    let mut bench = Bench::new(config(), Duration::ZERO, 0.0);
    (0..40).for_each(|_| bench.exchange(Duration::ZERO));
    assert!(bench.bound().is_some());
    bench.step(Input::Reference(Some(reference())));
    assert!(bench.bound().is_some(), "it says the same");
    bench.step(Input::Reference(Some(Reference { proofs: 1, ..reference() })));
    assert_eq!(bench.bound(), None);
    (0..4).for_each(|_| bench.exchange(Duration::ZERO));
    assert!(bench.bound().is_some());
}

#[test]
fn what_a_transparent_clock_says_is_not_believed_to_the_nanosecond() {
    let mut bench = Bench::new(config(), Duration::ZERO, 0.0);
    (0..40).for_each(|_| bench.exchange(Duration::ZERO));
    let mut stamps = |correction: Duration| {
        let at = bench.now.read_as::<Local>() - correction - Duration::from_micros(5);
        let sent = Bench::stamp(at, ClockId::Remote(SOURCE), ClockEpoch(0));
        let received = Bench::stamp(bench.reading(), ClockId::Disciplined, bench.epoch);
        bench.step(Input::Observation(&Observation { source: SOURCE, sent, received, correction, exchange: 0 }));
        bench.discipline.bound(bench.reading()).unwrap().stamps
    };
    assert_eq!(stamps(Duration::from_ticks(9_000)), Duration::ZERO, "what a stamp of whole nanoseconds leaves over");
    assert_eq!(stamps(Duration::from_micros(10)), Duration::from_nanos(51));
}

#[test]
fn an_estimate_that_is_outside_of_what_is_proven_is_begun_anew() {
    let mut bench = Bench::new(Config { servo: Kind::Estimator, ..config() }, Duration::from_millis(3), 20.0);
    let us = Duration::from_micros;
    (0..400).for_each(|_| bench.exchange(us(20)));
    // Asymmetric by 20 us, so half of that off.
    assert!((bench.offset + us(10)).abs() < us(1), "{}", bench.offset);
    // The clock jumps just as the long way becomes short: Sync looks as before, and Delay_Req as on a shorter way.
    bench.offset += us(20);
    (0..200).for_each(|_| bench.exchange(Duration::ZERO));
    assert!(bench.offset.abs() < us(1), "{}", bench.offset);
}

#[test]
fn the_clock_is_not_held_where_an_estimate_has_it_that_cannot_be() {
    let mut bench = Bench::new(Config { servo: Kind::Estimator, ..config() }, Duration::from_millis(3), 20.0);
    let us = Duration::from_micros;
    (0..400).for_each(|_| bench.exchange(us(200)));
    // As above, and far outside of what is proven then.
    bench.offset += us(200);
    assert!((bench.offset - us(100)).abs() < us(2), "{}", bench.offset);
    // It takes some messages until the short way is seen, and sixteen more until the estimate is begun anew.
    (0..8).for_each(|_| bench.exchange(Duration::ZERO));
    assert!(bench.offset.abs() < us(30), "{}", bench.offset);
}

#[test]
fn with_the_estimator_the_first_exchange_is_enough_for_the_first_step() {
    let mut bench = Bench::new(Config { servo: Kind::Estimator, ..config() }, Duration::SECOND, 100.0);
    bench.exchange(Duration::ZERO);
    assert!(bench.notices.iter().any(|notice| matches!(notice, Notice::Stepped(_))), "{:?}", bench.notices);
    assert!(bench.offset.abs() < Duration::from_micros(100), "{}", bench.offset);
    // 1.5 s after selection.
    (0..11).for_each(|_| bench.exchange(Duration::ZERO));
    assert!(bench.offset.abs() < Duration::from_micros(2), "{}", bench.offset);
}

#[test]
fn a_slew_never_exceeds_the_limit_and_does_not_end_before_its_time() {
    let step = StepPolicy { first: StepRule::Never, later: StepRule::Never, panic: None };
    let config = Config { servo: Kind::Estimator, step, max_frequency: FrequencyPpb::from_ppm(200.0), ..config() };
    let mut bench = Bench::new(config, Duration::from_millis(2), 50.0);
    bench.discipline.step(bench.now, Input::Interval(LogInterval::new(0)), &mut Vec::new());
    for _ in 0..8 {
        (0..8).for_each(|_| bench.exchange(Duration::ZERO));
        assert!(bench.correction.abs() <= FrequencyPpb::from_ppm(200.0));
    }
    // 150 ppm are left for the slew: 1.2 ms in 8 s, but for the first exchange.
    assert!(bench.offset < Duration::from_micros(900), "{}", bench.offset);
    assert!(bench.offset > Duration::from_micros(700), "{}", bench.offset);
}

//! The engine, sample by sample.

use super::*;
use crate::time::{Duration, Local, Timestamp};

const SOURCE: SourceId = SourceId(0x200);

fn ms(millis: i64) -> Duration {
    Duration::from_millis(millis)
}

/// A clock, and a system clock that is `ahead` of the truth; the engine's effects.
struct Bench {
    clock: Refclock,
    now: Timestamp<Mono>,
    ahead: Duration,
}

impl Bench {
    fn new(config: Config) -> Self {
        let now = Timestamp::from_secs(1_000);
        Self { clock: Refclock::new(config, now), now, ahead: ms(250) }
    }

    /// After its first measurement, a second later.
    fn settled(config: Config) -> Self {
        let mut bench = Self::new(config);
        let wanted = bench.clock.samples_wanted();
        for _ in 0..wanted {
            bench.wait(ms(100));
            bench.take(bench.sample());
        }
        assert_eq!(bench.clock.reach(), 1);
        bench.wait(Duration::SECOND);
        bench
    }

    fn truth(&self) -> Timestamp<Local> {
        Timestamp::from_secs(1_800_000_000) + (self.now - Timestamp::from_secs(1_000))
    }

    fn sample(&self) -> Sample {
        let at = self.truth() + self.ahead;
        Sample {
            before: at,
            after: at,
            reference: self.truth(),
            error: None,
            leap: LeapIndicator::NoWarning,
            is_pulse: false,
            stamped: StampSource::Program,
        }
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.clock.step(self.now, input, &mut effects);
        effects
    }

    fn take(&mut self, sample: Sample) -> Vec<Effect> {
        let local = self.truth() + self.ahead;
        self.step(Input::Sample { sample, local })
    }

    fn wait(&mut self, by: Duration) {
        self.now = self.now + by;
    }
}

fn observed(effects: &[Effect]) -> Vec<Observation> {
    let of = |effect: &Effect| if let Effect::Observe(observation) = effect { Some(*observation) } else { None };
    effects.iter().filter_map(of).collect()
}

/// What our clock is ahead by, whichever way the message went; and how far off that may be.
fn said(observation: &Observation) -> (Duration, Duration) {
    let is_from = matches!(observation.sent.clock, ClockId::Remote(_));
    let (ours, theirs) =
        if is_from { (observation.received, observation.sent) } else { (observation.sent, observation.received) };
    (ours.at - theirs.at, theirs.error)
}

fn counted(effects: &[Effect]) -> Vec<ClockCounter> {
    let of = |effect: &Effect| if let Effect::Count(what) = effect { Some(*what) } else { None };
    effects.iter().filter_map(of).collect()
}

#[test]
fn samples_take_turns_as_messages_to_the_reference_and_from_it() {
    let mut bench = Bench::settled(Config::new(SOURCE));
    let mut ways = Vec::new();
    for _ in 0..4 {
        let observation = observed(&bench.take(bench.sample()))[0];
        assert_eq!(said(&observation), (ms(250), ms(1)));
        ways.push(matches!(observation.sent.clock, ClockId::Remote(_)));
        bench.wait(Duration::SECOND);
    }
    assert_eq!(ways, [true, false, true, false]);
    assert_eq!((bench.clock.reach(), bench.clock.state()), (0b1_1111, ClockState::Delivering));
}

#[test]
fn the_first_measurement_is_the_median_of_three_and_what_is_late_at_first_moves_nothing() {
    let mut bench = Bench::new(Config::new(SOURCE));
    let mut found = Vec::new();
    for late in [900, 0, 1] {
        bench.wait(Duration::SECOND);
        assert!(found.is_empty(), "{found:?}");
        bench.step(Input::Tick);
        let sample = Sample { reference: bench.truth() - ms(late), ..bench.sample() };
        found = observed(&bench.take(sample));
    }
    assert_eq!(said(&found[0]).0, ms(251));
}

#[test]
fn a_reading_between_two_of_the_system_clock_is_both() {
    let mut bench = Bench::settled(Config::new(SOURCE));
    let sample = Sample { before: bench.sample().before - ms(2), ..bench.sample() };
    let effects = bench.take(sample);
    let both = observed(&effects);
    assert_eq!(both.len(), 2);
    assert_eq!((both[0].sent.at, both[1].received.at), (sample.before, sample.after));
    assert!(effects.contains(&Effect::Says { leap: LeapIndicator::NoWarning, is_between: true }));
}

#[test]
fn what_is_known_of_the_clock_is_taken_out_and_its_precision_is_the_operators_its_own_or_the_usual_one() {
    let config = Config { offset: ms(100), ..Config::new(SOURCE) };
    let mut bench = Bench::settled(config);
    let sample = Sample { error: Some(ms(7)), ..bench.sample() };
    let observation = observed(&bench.take(sample))[0];
    assert_eq!(said(&observation), (ms(150), ms(7)), "it was 100 ms behind");
    let mut bench = Bench::settled(Config { precision: Some(ms(3)), ..config });
    let sample = Sample { error: Some(ms(7)), ..bench.sample() };
    let observation = observed(&bench.take(sample))[0];
    assert_eq!(said(&observation), (ms(150), ms(3)));
}

#[test]
fn of_several_samples_the_median_is_the_measurement() {
    let mut bench = Bench::new(Config { samples: 5, ..Config::new(SOURCE) });
    for late in [0, 1, 900, 2, 700] {
        bench.wait(ms(200));
        let sample = Sample { reference: bench.truth() - ms(late), ..bench.sample() };
        let found = observed(&bench.take(sample));
        if late == 700 {
            assert_eq!(said(&found[0]).0, ms(252));
        } else {
            assert!(found.is_empty());
        }
    }
}

#[test]
fn fewer_samples_than_wanted_are_used_when_the_poll_is_over_and_none_is_a_poll_missed() {
    let mut bench = Bench::settled(Config { samples: 5, ..Config::new(SOURCE) });
    assert!(observed(&bench.take(bench.sample())).is_empty());
    bench.wait(ms(600));
    assert_eq!(observed(&bench.step(Input::Tick)).len(), 1);
    assert_eq!(bench.clock.reach(), 0b11);
    for _ in 0..4 {
        bench.wait(Duration::SECOND);
        assert!(bench.step(Input::Tick).is_empty());
    }
    bench.wait(Duration::SECOND);
    bench.step(Input::Tick);
    assert_eq!(bench.clock.state(), ClockState::Silent);
    assert_eq!(bench.clock.reach() & 0b1111, 0);
}

#[test]
fn ten_samples_a_second_are_one_measurement_a_second() {
    let mut bench = Bench::new(Config::new(SOURCE));
    let mut measured = 0;
    for _ in 0..100 {
        measured += observed(&bench.take(bench.sample())).len();
        bench.wait(ms(100));
    }
    assert!((9..=13).contains(&measured), "{measured}");
}

#[test]
fn what_cannot_be_believed_is_refused_and_counted() {
    let mut bench = Bench::settled(Config::new(SOURCE));
    let good = bench.sample();
    let hour = Duration::from_secs(3_600);
    let refused = [
        (Sample { leap: LeapIndicator::Unknown, ..good }, ClockCounter::Unsynchronised),
        (Sample { before: good.before + hour, after: good.after + hour, ..good }, ClockCounter::Future),
        (Sample { before: good.before - hour, after: good.after - hour, ..good }, ClockCounter::Stale),
        (Sample { before: good.after + ms(1), ..good }, ClockCounter::Future),
        (Sample { reference: Timestamp::from_secs(1_000_000_000), ..good }, ClockCounter::Implausible),
        (Sample { is_pulse: true, ..good }, ClockCounter::OtherKind),
    ];
    for (sample, why) in refused {
        assert_eq!(bench.take(sample), [Effect::Count(why)], "{sample:?}");
    }
    assert_eq!(observed(&bench.take(good)).len(), 1);
    assert_eq!(counted(&bench.take(good)), [ClockCounter::Repeated]);
    let torn = bench.step(Input::Refused(ClockCounter::Torn));
    assert_eq!(torn, [Effect::Count(ClockCounter::Torn)]);
}

#[test]
fn what_was_read_before_a_step_is_of_no_use() {
    let mut bench = Bench::settled(Config { samples: 2, ..Config::new(SOURCE) });
    bench.take(bench.sample());
    bench.ahead = ms(-100);
    bench.step(Input::Stepped(ClockEpoch(1)));
    bench.wait(ms(500));
    assert!(observed(&bench.take(bench.sample())).is_empty(), "one of two");
    bench.wait(ms(500));
    let found = observed(&bench.take(bench.sample()));
    assert_eq!((found[0].received.epoch, said(&found[0]).0), (ClockEpoch(1), ms(-100)));
}

#[test]
fn a_pulse_is_of_the_nearest_second_and_those_of_a_window_are_of_the_same_side() {
    let config = Config { is_pulse: true, samples: 3, ..Config::new(SOURCE) };
    for (ahead, expected) in [(ms(250), ms(250)), (ms(-250), ms(-250)), (ms(700), ms(-300))] {
        let mut bench = Bench::new(config);
        bench.ahead = ahead;
        let mut found = Vec::new();
        for _ in 0..3 {
            bench.wait(Duration::SECOND);
            let sample = Sample { is_pulse: true, reference: Timestamp::EPOCH, ..bench.sample() };
            found.extend(observed(&bench.take(sample)));
        }
        let observation = found[0];
        assert_eq!(said(&observation).0, expected, "{ahead}");
    }
    let mut bench = Bench::new(config);
    let mut found = Vec::new();
    for ahead in [ms(499), ms(501), ms(502)] {
        bench.ahead = ahead;
        bench.wait(Duration::SECOND);
        let sample = Sample { is_pulse: true, reference: Timestamp::EPOCH, ..bench.sample() };
        found.extend(observed(&bench.take(sample)));
    }
    assert_eq!(said(&found[0]).0, ms(501), "the median of 499, 501, 502");
}

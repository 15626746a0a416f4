//! Pulses beside a server that says which second they begin. The clock that stamps is 3.4 s ahead of the truth.

use super::*;
use crate::clock::{ClockWords, reference_of_clock};
use crate::discipline::helm::{HelmConfig, SourceKind, SourceOptions, Verdict};
use crate::engine::{Emit, Engine, Random};
use crate::refclock::{Config as ClockConfig, Effect, Input, Refclock, Sample};
use crate::time::{Stamp, StampSource};

const SERVER: SourceId = SourceId(0x100);
const PULSE: SourceId = SourceId(0x200);
const AHEAD: Duration = Duration::from_millis(3_400);
/// A pulse is stamped late by so much at most.
const LATE: u64 = 2_000;

struct Bench {
    cascade: Cascade<SoftwareClock>,
    engine: Refclock,
    now: Timestamp<Mono>,
    random: Random,
    /// One way to the server, and what it is ahead by.
    delay: Duration,
    lie: Duration,
    has_server: bool,
    has_pulses: bool,
    helm: Vec<(Option<SourceId>, Why)>,
    greatest: Duration,
}

impl Bench {
    fn new() -> Self {
        Self::with(HostUtc::default())
    }

    fn with(utc: HostUtc) -> Self {
        let (now, start) = (Timestamp::from_secs(500), Timestamp::from_secs(1_800_000_000) + AHEAD);
        let config = CascadeConfig {
            steering: steering(Kind::Estimator),
            lock_limit: None,
            utc,
            utc_policy: UtcPolicy::Check,
            leap: LeapPolicy::Kernel,
        };
        let mut cascade = Cascade::new(software(start, Duration::ZERO, 20.0), config, now, start);
        cascade.judge_by(HelmConfig::default(), now);
        cascade.add_source(SERVER, SourceOptions::of(SourceKind::Ntp));
        cascade.add_source(PULSE, SourceOptions::of(SourceKind::Pulse));
        let engine = Refclock::new(
            ClockConfig { is_pulse: true, precision: Some(Duration::from_micros(2)), ..ClockConfig::new(PULSE) },
            now,
        );
        Self {
            cascade,
            engine,
            now,
            random: Random::seeded(5),
            delay: Duration::from_millis(5),
            lie: Duration::ZERO,
            has_server: true,
            has_pulses: true,
            helm: Vec::new(),
            greatest: Duration::ZERO,
        }
    }

    fn truth(&self) -> Timestamp<Local> {
        Timestamp::from_secs(1_800_000_000) + (self.now - Timestamp::from_secs(500))
    }

    fn local(&self) -> Timestamp<Local> {
        self.truth() + AHEAD
    }

    fn introduce(&mut self, source: SourceId, accuracy: Duration, interval: i8) {
        let words = ClockWords {
            is_tai: false,
            tai_utc: None,
            accuracy,
            leap: LeapIndicator::NoWarning,
            stratum: 0,
            reference_id: *b"TEST",
        };
        let reference = Some(reference_of_clock(source, &words, Timestamp::from_secs(500)));
        let (now, local) = (self.now, self.local());
        let interval = Some(LogInterval::new(interval));
        self.tell(|cascade, mut notify| {
            cascade.introduce(now, local, (source, ClockId::System), reference, interval, &mut notify);
        });
    }

    fn tell(&mut self, mut what: impl FnMut(&mut Cascade<SoftwareClock>, &mut dyn FnMut(CascadeNotice))) {
        let helm = &mut self.helm;
        what(&mut self.cascade, &mut |notice| {
            if let CascadeNotice::Helm { to, why, .. } = notice {
                helm.push((to, why));
            }
        });
    }

    fn observe(&mut self, observation: &Observation) {
        let (now, local) = (self.now, self.local());
        self.tell(|cascade, mut notify| cascade.observe(now, local, observation, &mut notify));
    }

    /// An exchange with the server, a quarter of a second after the second.
    fn ask(&mut self) {
        let theirs = |at| Stamp { error: Duration::ZERO, ..local_stamp(at, ClockId::Remote(SERVER)) };
        let at = self.truth() + self.lie;
        let (before, after) = (self.local() - self.delay, self.local() + self.delay);
        for (sent, received) in
            [(local_stamp(before, ClockId::System), theirs(at)), (theirs(at), local_stamp(after, ClockId::System))]
        {
            self.now = self.now + self.delay;
            self.observe(&Observation { source: SERVER, sent, received, correction: Duration::ZERO, exchange: 1 });
        }
    }

    fn pulse(&mut self) {
        let late = Duration::from_nanos(self.random.below(LATE) as i64);
        let at = self.local() + late;
        let sample = Sample {
            before: at,
            after: at,
            reference: Timestamp::EPOCH,
            error: None,
            leap: LeapIndicator::NoWarning,
            is_pulse: true,
            stamped: StampSource::Kernel,
        };
        self.now = self.now + Duration::from_millis(1);
        let mut observations = Vec::new();
        let mut take = Emit(|effect| {
            if let Effect::Observe(observation) = effect {
                observations.push(observation);
            }
        });
        self.engine.step(self.now, Input::Sample { sample, local: self.truth() + AHEAD }, &mut take);
        for observation in &observations {
            self.observe(observation);
        }
    }

    /// Each second a pulse at its beginning and an exchange later; the greatest error at its end.
    fn run(&mut self, seconds: i64) {
        for _ in 0..seconds {
            let second = self.now;
            if self.has_pulses {
                self.pulse();
            }
            self.wait_until(second + Duration::from_millis(250));
            if self.has_server {
                self.ask();
            }
            self.wait_until(second + Duration::SECOND);
            self.greatest = self.greatest.max(self.error().abs());
        }
    }

    /// A slew ends when it is to end.
    fn wait_until(&mut self, then: Timestamp<Mono>) {
        while self.now < then {
            self.now = self.cascade.deadline(self.now).map_or(then, |at| at.min(then));
            let (now, local) = (self.now, self.local());
            self.tell(|cascade, mut notify| cascade.tick(now, local, &mut notify));
        }
    }

    fn error(&mut self) -> Duration {
        let (local, truth) = (self.local(), self.truth());
        let ahead = self.cascade.system().ahead().duration();
        self.cascade.system().reading(local) - ahead - truth
    }

    fn standing(&self, source: SourceId) -> Standing {
        self.cascade.standings().find(|standing| standing.source == source).unwrap()
    }
}

#[test]
fn a_server_numbers_the_seconds_and_the_pulse_steers_then_goes_on_alone() {
    let mut bench = Bench::new();
    bench.introduce(SERVER, Duration::from_millis(2), 0);
    bench.introduce(PULSE, Duration::ZERO, 1);
    bench.run(120);
    assert_eq!(bench.cascade.steered_by(), Some(PULSE), "{:?}", bench.helm);
    assert_eq!(bench.standing(SERVER).verdict, Verdict::Agrees);
    bench.greatest = Duration::ZERO;
    bench.run(60);
    assert!(bench.greatest < Duration::from_micros(2), "{}", bench.greatest);
    // Without the server the seconds are counted on.
    bench.has_server = false;
    bench.run(600);
    assert_eq!((bench.cascade.steered_by(), bench.standing(PULSE).is_unnumbered), (Some(PULSE), false));
    assert!(bench.greatest < Duration::from_micros(2), "{}", bench.greatest);
}

#[test]
fn without_anybody_who_numbers_them_pulses_say_nothing() {
    let mut bench = Bench::new();
    bench.has_server = false;
    bench.introduce(PULSE, Duration::ZERO, 1);
    bench.run(30);
    assert_eq!((bench.cascade.steered_by(), bench.standing(PULSE).is_unnumbered), (None, true));
    assert_eq!(bench.standing(PULSE).verdict, Verdict::Silent);
    // A server that leaves a second open cannot say which it is.
    bench.has_server = true;
    bench.introduce(SERVER, Duration::SECOND, 0);
    bench.run(30);
    assert!(bench.standing(PULSE).is_unnumbered);
    assert_eq!(bench.cascade.steered_by(), Some(SERVER));
}

#[test]
fn a_pulse_that_is_lost_hands_over_and_takes_over_again_when_it_has_been_back_for_long_enough() {
    let mut bench = Bench::new();
    bench.introduce(SERVER, Duration::from_millis(2), 0);
    bench.introduce(PULSE, Duration::ZERO, 1);
    bench.run(120);
    assert_eq!(bench.cascade.steered_by(), Some(PULSE));
    (bench.has_pulses, bench.greatest) = (false, Duration::ZERO);
    bench.run(7);
    assert_eq!(bench.cascade.steered_by(), Some(SERVER), "{:?}", bench.helm);
    bench.run(53);
    bench.has_pulses = true;
    bench.run(20);
    assert_eq!(bench.cascade.steered_by(), Some(SERVER), "not yet");
    bench.run(100);
    assert_eq!(bench.cascade.steered_by(), Some(PULSE), "{:?}", bench.helm);
    assert!(bench.greatest < Duration::from_millis(1), "nothing jumped: {}", bench.greatest);
}

#[test]
fn who_is_named_numbers_and_nobody_else() {
    let mut bench = Bench::new();
    bench.cascade.number_by(PULSE, SourceId(0x201));
    bench.introduce(SERVER, Duration::from_millis(2), 0);
    bench.introduce(PULSE, Duration::ZERO, 1);
    bench.run(30);
    assert!(bench.standing(PULSE).is_unnumbered, "the one that is named is not heard");
    bench.cascade.number_by(PULSE, SERVER);
    bench.run(10);
    assert!(!bench.standing(PULSE).is_unnumbered);
}

#[test]
fn a_clock_that_counts_tai_is_of_use_where_somebody_says_what_utc_is() {
    for utc in [HostUtc::default(), HostUtc::from(TaiUtc(37))] {
        let is_known = utc.tai_utc.is_some();
        let mut bench = Bench::with(utc);
        let words = ClockWords {
            is_tai: true,
            tai_utc: None,
            accuracy: Duration::ZERO,
            leap: LeapIndicator::NoWarning,
            stratum: 0,
            reference_id: *b"TEST",
        };
        let reference = Some(reference_of_clock(SERVER, &words, Timestamp::from_secs(500)));
        let (now, local, each) = (bench.now, bench.local(), Some(LogInterval::new(0)));
        bench.cascade.introduce(now, local, (SERVER, ClockId::System), reference, each, &mut |_| {});
        bench.lie = Duration::from_secs(37);
        bench.has_pulses = false;
        bench.run(10);
        assert_eq!(bench.standing(SERVER).lacks_utc, !is_known);
        assert_eq!(bench.cascade.steered_by(), is_known.then_some(SERVER));
        assert!(!is_known || bench.error().abs() < Duration::from_millis(20), "{}", bench.error());
    }
}

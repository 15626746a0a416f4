//! A slave with one clock in software: a port, and the discipline that it feeds.
//!
//! The clock that stamps is true time, which nobody touches, so the slave's true error is its clock's reading less that, at
//! any instant. It is the plainest node that the whole way from a frame to a snapshot runs through; the cells that other
//! daemons were measured in are made of it. A machine with real clocks is a [`Host`](super::Host).

use super::node::Record;
use super::truth::Truth;
use crate::clock::{ArbPolicy, Clock, Counts, OscillatorModel, SoftwareClock, Steering, SteeringConfig, reference_of};
use crate::discipline::Notice;
use crate::discipline::policy::{StepPolicy, StepRule};
use crate::discipline::servo::Kind;
use crate::engine::{Engine, Random, Recorder, Taped};
use crate::ptp::{ClockReport, Config, Counter, Effect, Port};
use crate::sharing::TimeSnapshot;
use crate::time::{Duration, FrequencyPpb, Local, Mono, SourceId, SyncState, TaiUtc, Timestamp};
use crate::wire::ptp::ClockIdentity;

/// How often the discipline gets a tick and the snapshot is published at least.
const TICK: Duration = Duration::from_millis(250);

/// How often the port is told that the clock is (still) locked.
const TELL_PORT_EVERY: Duration = Duration::SECOND;

/// What a slave is made of.
#[derive(Clone, Copy, Debug)]
pub struct SlaveConfig {
    /// The port.
    pub ptp: Config,
    /// The discipline.
    pub steering: SteeringConfig,
    /// What the clock is ahead of true time by at the start.
    pub offset: Duration,
    /// What the clock's oscillator is like.
    pub oscillator: OscillatorModel,
    /// How an ARB grandmaster is read.
    pub arb: ArbPolicy,
    /// TAI - UTC as the host knows it.
    pub fallback: Option<TaiUtc>,
}

impl SlaveConfig {
    /// In domain 0: 100 us lock limit, a first step of any size and no other, 500 ppm at most; a perfect clock.
    pub fn new(identity: u8, seed: u64) -> Self {
        let identity = ClockIdentity([0x02, 0, 0, 0, 0, 0, 0, identity]);
        Self {
            ptp: Config::new(SourceId(0), identity, seed),
            steering: SteeringConfig {
                lock_limit: Duration::from_micros(100),
                max_drift: FrequencyPpb::from_ppm(1.0),
                max_frequency: FrequencyPpb::from_ppm(500.0),
                step: StepPolicy {
                    first: StepRule::Any,
                    later: StepRule::Never,
                    panic: Some(Duration::from_secs(1_000)),
                },
                servo: Kind::Estimator,
                proportional: None,
                integral: None,
                hold: false,
                saved: None,
                drain: crate::discipline::DRAIN,
            },
            offset: Duration::ZERO,
            oscillator: OscillatorModel::PERFECT,
            arb: ArbPolicy::Utc,
            fallback: None,
        }
    }
}

/// A slave: a port, and the clock that it feeds.
#[derive(Debug)]
pub struct Slave {
    pub(super) port: Taped<Port>,
    steering: Steering<SoftwareClock>,
    config: SlaveConfig,
    published: TimeSnapshot,
    truth: Truth,
    next_tick: Timestamp<Mono>,
    record: Record,
    report: Option<ClockReport>,
    told: (bool, bool),
    tell_at: Timestamp<Mono>,
    notices: Vec<Notice>,
}

impl Slave {
    pub(super) fn new(config: &SlaveConfig, truth: Truth, now: Timestamp<Mono>) -> Self {
        let local = truth.local(now);
        let clock = SoftwareClock::new(local, config.offset, config.oscillator, config.steering.max_frequency);
        let mut steering = Steering::new(clock, Counts::Utc, config.steering, now, local);
        let published = steering.published(now, local);
        Self {
            port: Taped::new(Port::new(config.ptp)),
            steering,
            config: *config,
            published,
            truth,
            next_tick: now,
            record: Record::default(),
            report: None,
            told: (false, false),
            tell_at: now,
            notices: Vec::new(),
        }
    }

    /// Whoever asks these recorders for them gets the steps of both engines.
    pub(super) fn record_by(&mut self, port: Recorder, clock: Recorder) {
        self.port.record_by(port);
        self.steering.record_by(clock);
    }

    /// The time as this node publishes it: what its NTP server would answer from.
    pub fn published(&self) -> &TimeSnapshot {
        &self.published
    }

    /// What the clock reads less the truth.
    pub(super) fn true_error(&mut self, now: Timestamp<Mono>) -> Duration {
        let local = self.truth.local(now);
        self.steering.clock().line(local).0 - local
    }

    /// The oscillator wanders differently from now on.
    pub(super) fn set_wander(&mut self, wander: f64) {
        self.steering.clock().oscillator().set_wander(wander);
    }

    /// Its commands act at another instant than it thinks from now on.
    pub(super) fn report_late(&mut self, mean: Duration, random: Random) {
        self.steering.clock().report_late(mean, random);
    }

    /// What the clock reads, and its rate.
    pub(super) fn line(&mut self, now: Timestamp<Mono>) -> (Timestamp<Local>, FrequencyPpb) {
        self.steering.clock().line(self.truth.local(now))
    }

    /// The frequency correction in force.
    pub fn frequency(&mut self) -> FrequencyPpb {
        self.steering.clock().frequency()
    }

    /// What it was made with.
    pub fn config(&self) -> &SlaveConfig {
        &self.config
    }

    /// The port.
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// What happened to it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// How often the port counted this.
    pub fn count(&self, counter: Counter) -> u64 {
        self.record.count(counter)
    }

    /// The states of the clock, with when each began.
    pub fn states(&self) -> &[(Timestamp<Mono>, SyncState)] {
        self.record.states()
    }

    /// The grandmasters that were followed, with since when; `None`: nobody.
    pub fn parents(&self) -> &[(Timestamp<Mono>, Option<ClockIdentity>)] {
        self.record.parents()
    }

    /// The steps of the clock.
    pub fn steps(&self) -> &[(Timestamp<Mono>, Duration)] {
        self.record.steps()
    }

    /// How often the proofs of the bound contradicted each other.
    pub fn contradictions(&self) -> u32 {
        self.record.contradictions()
    }

    /// When it wants to be called.
    pub(super) fn deadline(&self) -> Timestamp<Mono> {
        [self.port.deadline(), self.steering.deadline()]
            .into_iter()
            .flatten()
            .min()
            .map_or(self.next_tick, |at| at.min(self.next_tick))
    }

    /// The discipline's part of a tick.
    pub(super) fn tick(&mut self, now: Timestamp<Mono>) {
        if now >= self.next_tick || self.steering.deadline().is_some_and(|at| at <= now) {
            self.next_tick = now + TICK;
            self.steer(now, |steering, local, notices| steering.tick(now, local, &mut |n| notices.push(n)));
        }
    }

    /// Passes what the port says on to the discipline.
    pub(super) fn apply(&mut self, now: Timestamp<Mono>, effect: &Effect) {
        match effect {
            Effect::Observe(observation) => {
                self.steer(now, |steering, local, notices| {
                    steering.observe(now, local, observation, &mut |n| notices.push(n));
                });
            }
            Effect::Parent(parent) => {
                self.record.follows(now, parent.map(|parent| parent.grandmaster));
                let SlaveConfig { arb, fallback, ptp, .. } = self.config;
                let reference = parent.map(|parent| reference_of(ptp.source, &parent, arb, fallback));
                self.steer(now, |steering, local, notices| {
                    steering.follow(now, local, reference, &mut |n| notices.push(n));
                });
            }
            Effect::SyncInterval(interval) => {
                self.steer(now, |steering, local, notices| {
                    steering.set_interval(now, local, *interval, &mut |n| notices.push(n));
                });
            }
            Effect::Count(counter) => self.record.counted(*counter),
            // Sent by the world; the state of the port is read from the port.
            Effect::Send { .. } | Effect::State { .. } | Effect::Best(_) | Effect::Forward(_) => {}
        }
    }

    /// What the port is to be told of the clock, if something happened to it.
    pub(super) fn take_report(&mut self) -> Option<ClockReport> {
        self.report.take()
    }

    fn steer(
        &mut self,
        now: Timestamp<Mono>,
        act: impl FnOnce(&mut Steering<SoftwareClock>, Timestamp<Local>, &mut Vec<Notice>),
    ) {
        let local = self.truth.local(now);
        let mut notices = std::mem::take(&mut self.notices);
        act(&mut self.steering, local, &mut notices);
        for notice in notices.drain(..) {
            self.record.note(now, notice);
        }
        self.notices = notices;
        self.published = self.steering.published(now, local);
        self.tell_port(now);
    }

    /// As the discipline thread does it: when it changes, and once a second, since a port that has changed its parent waits
    /// to hear it again. A step of ours voids no stamp: all stamps are of the stamping clock, which nobody steps here.
    fn tell_port(&mut self, now: Timestamp<Mono>) {
        let (locked, calm) = (self.steering.is_locked_to_source(), self.steering.is_calm());
        if (locked, calm) != self.told || now >= self.tell_at {
            self.told = (locked, calm);
            self.tell_at = now + TELL_PORT_EVERY;
            self.report = Some(ClockReport { locked, calm, ..ClockReport::default() });
        }
    }
}

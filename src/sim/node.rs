//! The nodes of the world: the production engines, and how their packets are stamped.

use super::LOCAL_EPOCH;
use crate::clock::{ArbPolicy, Clock, Counts, OscillatorModel, SoftwareClock, Steering, SteeringConfig, reference_of};
use crate::discipline::Notice;
use crate::discipline::policy::{StepPolicy, StepRule};
use crate::discipline::servo::Kind;
use crate::engine::{Engine, Random, Recorder, Taped};
use crate::ptp::{ClockReport, Config, Counter, Effect, Grandmaster, GrandmasterConfig, Input, Port};
use crate::sharing::{CounterSet, TimeSnapshot};
use crate::time::{
    ClockEpoch, ClockId, Duration, FrequencyPpb, Local, LogInterval, Mono, SourceId, Stamp, StampSource, SyncState,
    TaiUtc, Timestamp,
};
use crate::wire::ptp::ClockIdentity;

/// The most changes of each kind that a slave's record keeps; the first ones.
pub const RECORDS_MAX: usize = 1_024;

/// How often the discipline gets a tick and the snapshot is published at least.
const TICK: Duration = Duration::from_millis(250);

/// How often the port is told that the clock is (still) locked.
const TELL_PORT_EVERY: Duration = Duration::SECOND;

/// A node, in the order in which it was added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NodeId(pub usize);

/// How a node's packets are stamped.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StampModel {
    /// Who stamps.
    pub source: StampSource,
    /// Stamps are rounded down to a multiple of this.
    pub resolution: Duration,
    /// What becomes of transmit stamps.
    pub tx: TxStampModel,
}

/// How transmit stamps come back from the kernel.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TxStampModel {
    /// How long each takes.
    pub latency: Duration,
    /// The share that takes longer, 0 to 1.
    pub late_share: f64,
    /// By how much.
    pub late_by: Duration,
    /// The share that never comes, 0 to 1.
    pub loss: f64,
}

impl StampModel {
    /// Exact to a nanosecond, transmit stamps at once.
    pub const IDEAL: Self = Self {
        source: StampSource::Hardware,
        resolution: Duration::from_nanos(1),
        tx: TxStampModel { latency: Duration::ZERO, late_share: 0.0, late_by: Duration::ZERO, loss: 0.0 },
    };

    /// The stamp of an event at true time `local`.
    pub fn stamp(&self, local: Timestamp<Local>) -> Stamp {
        let resolution = self.resolution.ticks().max(1);
        Stamp {
            at: Timestamp::from_ticks(local.ticks().div_euclid(resolution) * resolution),
            clock: ClockId::System,
            epoch: ClockEpoch::default(),
            source: self.source,
            error: self.resolution,
        }
    }
}

impl TxStampModel {
    /// How long one transmit stamp takes, and whether it comes at all.
    pub(super) fn draw(&self, random: &mut Random) -> (Duration, bool) {
        let mut happens = |share: f64| share > 0.0 && random.unit() < share;
        let is_lost = happens(self.loss);
        let late = if happens(self.late_share) { self.late_by } else { Duration::ZERO };
        (self.latency + late, !is_lost)
    }
}

/// A grandmaster whose clock is true time, plus what its configuration says.
#[derive(Debug)]
pub struct Master {
    pub(super) engine: Grandmaster,
}

/// A two-step grandmaster on the PTP timescale that knows UTC; Announce each second, Sync and Delay_Req at `interval`.
pub fn master_config(identity: u8, interval: LogInterval, seed: u64) -> GrandmasterConfig {
    let tai_utc = TaiUtc(37);
    let defaults = GrandmasterConfig::new(ClockIdentity([0x02, 0, 0, 0, 0, 0, 1, identity]), seed);
    let mut time_properties = defaults.time_properties;
    time_properties.ptp_timescale = true;
    time_properties.current_utc_offset = Some(tai_utc);
    GrandmasterConfig {
        time_properties,
        log_announce_interval: LogInterval::new(0),
        log_sync_interval: interval,
        log_min_delay_req_interval: interval,
        time_offset: tai_utc.duration(),
        ..defaults
    }
}

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
                saved_frequency: None,
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
    next_tick: Timestamp<Mono>,
    counts: Vec<u64>,
    states: Vec<(Timestamp<Mono>, SyncState)>,
    parents: Vec<(Timestamp<Mono>, Option<ClockIdentity>)>,
    steps: Vec<(Timestamp<Mono>, Duration)>,
    contradictions: u32,
    report: Option<ClockReport>,
    told_locked: bool,
    tell_at: Timestamp<Mono>,
    notices: Vec<Notice>,
}

impl Slave {
    pub(super) fn new(config: &SlaveConfig, now: Timestamp<Mono>) -> Self {
        let local = local_at(now);
        let clock = SoftwareClock::new(local, config.offset, config.oscillator, config.steering.max_frequency);
        let mut steering = Steering::new(clock, Counts::Utc, config.steering, now, local);
        let published = steering.snapshot(now, local);
        Self {
            port: Taped::new(Port::new(config.ptp)),
            steering,
            config: *config,
            published,
            next_tick: now,
            counts: vec![0; Counter::ALL.len()],
            states: Vec::new(),
            parents: Vec::new(),
            steps: Vec::new(),
            contradictions: 0,
            report: None,
            told_locked: false,
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
        let local = local_at(now);
        self.steering.clock().line(local).0 - local
    }

    /// What the clock reads, and its rate.
    pub(super) fn line(&mut self, now: Timestamp<Mono>) -> (Timestamp<Local>, FrequencyPpb) {
        self.steering.clock().line(local_at(now))
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

    /// How often the port counted this.
    pub fn count(&self, counter: Counter) -> u64 {
        self.counts[counter.index()]
    }

    /// The states of the clock, with when each began.
    pub fn states(&self) -> &[(Timestamp<Mono>, SyncState)] {
        &self.states
    }

    /// The grandmasters that were followed, with since when; `None`: nobody.
    pub fn parents(&self) -> &[(Timestamp<Mono>, Option<ClockIdentity>)] {
        &self.parents
    }

    /// The steps of the clock.
    pub fn steps(&self) -> &[(Timestamp<Mono>, Duration)] {
        &self.steps
    }

    /// How often the proofs of the bound contradicted each other.
    pub fn contradictions(&self) -> u32 {
        self.contradictions
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
                record(&mut self.parents, now, parent.map(|parent| parent.grandmaster));
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
            Effect::Count(counter) => self.counts[counter.index()] += 1,
            // Sent by the world; the state of the port is read from the port.
            Effect::Send { .. } | Effect::State { .. } => {}
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
        let local = local_at(now);
        let mut notices = std::mem::take(&mut self.notices);
        act(&mut self.steering, local, &mut notices);
        for notice in notices.drain(..) {
            self.note(now, notice);
        }
        self.notices = notices;
        self.published = self.steering.snapshot(now, local);
        self.tell_port(now);
    }

    /// As the discipline thread does it: when it changes, and once a second, since a port that has changed its parent waits
    /// to hear it again. A step of ours voids no stamp: all stamps are of the stamping clock, which nobody steps here.
    fn tell_port(&mut self, now: Timestamp<Mono>) {
        let locked = self.steering.is_locked_to_source();
        if locked != self.told_locked || now >= self.tell_at {
            self.told_locked = locked;
            self.tell_at = now + TELL_PORT_EVERY;
            self.report = Some(ClockReport { locked, ..ClockReport::default() });
        }
    }

    fn note(&mut self, now: Timestamp<Mono>, notice: Notice) {
        match notice {
            Notice::State { to, .. } => record(&mut self.states, now, to),
            Notice::Stepped(by) => record(&mut self.steps, now, by),
            Notice::Contradiction => self.contradictions += 1,
            Notice::Measured(_)
            | Notice::Panic(_)
            | Notice::Ineffective { .. }
            | Notice::Refused { .. }
            | Notice::Obeys => {}
        }
    }
}

fn record<T>(records: &mut Vec<(Timestamp<Mono>, T)>, now: Timestamp<Mono>, what: T) {
    if records.len() < RECORDS_MAX {
        records.push((now, what));
    }
}

/// What the stamping clocks of all nodes read: the truth.
pub(super) fn local_at(now: Timestamp<Mono>) -> Timestamp<Local> {
    LOCAL_EPOCH + (now - Timestamp::EPOCH)
}

/// What one step of a node's engine wants done.
pub(super) type Effects = Vec<Effect>;

/// One node of the world.
#[derive(Debug)]
pub(super) enum Role {
    Master(Box<Master>),
    Slave(Box<Slave>),
}

impl Role {
    /// One input of the PTP engine.
    pub fn step(&mut self, now: Timestamp<Mono>, input: Input<'_>, out: &mut Effects) {
        match self {
            Self::Master(master) => master.engine.step(now, input, out),
            Self::Slave(slave) => {
                if matches!(input, Input::Tick { .. }) {
                    slave.tick(now);
                }
                slave.port.step(now, input, out);
            }
        }
    }

    pub fn deadline(&self) -> Option<Timestamp<Mono>> {
        match self {
            Self::Master(master) => master.engine.deadline(),
            Self::Slave(slave) => Some(slave.deadline()),
        }
    }
}

impl Master {
    pub(super) fn new(config: GrandmasterConfig) -> Self {
        Self { engine: Grandmaster::new(config) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::TICKS_PER_NS;

    #[test]
    fn a_stamp_is_never_later_than_the_event_and_its_error_covers_the_rounding() {
        let model = StampModel { resolution: Duration::from_nanos(8), ..StampModel::IDEAL };
        for ticks in [0, 1, 7 * TICKS_PER_NS + 9, 8 * TICKS_PER_NS, 1_700_000_000_000_000_123 * TICKS_PER_NS] {
            let local = Timestamp::from_ticks(ticks);
            let stamp = model.stamp(local);
            let late = local - stamp.at;
            assert!(!late.is_negative() && late < stamp.error, "{late}");
        }
    }

    #[test]
    fn transmit_stamps_are_lost_and_late_as_often_as_asked_for() {
        let second = Duration::SECOND;
        let model = TxStampModel { latency: second, late_share: 0.25, late_by: second, loss: 0.5 };
        let mut random = Random::seeded(8);
        let drawn: Vec<_> = (0..10_000).map(|_| model.draw(&mut random)).collect();
        let share = |which: &dyn Fn(&(Duration, bool)) -> bool| drawn.iter().filter(|d| which(d)).count();
        assert!((4_800..5_200).contains(&share(&|(_, comes)| !comes)));
        assert!((2_300..2_700).contains(&share(&|(takes, _)| *takes == second.times(2))));
    }
}

//! The nodes of the world: how their packets are stamped, grandmasters, and what a node remembers.

use super::truth::Truth;
use super::{Host, Server, Slave};
use crate::discipline::Notice;
use crate::engine::{Engine, Random, Recorder, Taped};
use crate::ptp::{Counter, Effect, Grandmaster, GrandmasterConfig, Input, TimeProperties};
use crate::sharing::CounterSet;
use crate::time::{
    ClockEpoch, ClockId, Duration, Local, LogInterval, Mono, Stamp, StampSource, SyncState, TaiUtc, Timestamp,
};
use crate::wire::ptp::{ClockIdentity, ClockQuality};

/// The most changes of each kind that a node's record keeps; the first ones.
pub const RECORDS_MAX: usize = 1_024;

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
    /// Receive stamps are so much later than the message was at the connector; not negative.
    pub ingress: Duration,
    /// Transmit stamps are so much earlier than that; not negative.
    pub egress: Duration,
    /// The mean of an exponential part of both: interrupts, where the kernel stamps.
    pub noise: Duration,
    /// The share of messages that arrive without a stamp, 0 to 1.
    pub rx_loss: f64,
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

/// Which way a message goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    In,
    Out,
}

impl StampModel {
    /// Exact to a nanosecond, transmit stamps at once.
    pub const IDEAL: Self = Self {
        source: StampSource::Hardware,
        resolution: Duration::from_nanos(1),
        ingress: Duration::ZERO,
        egress: Duration::ZERO,
        noise: Duration::ZERO,
        rx_loss: 0.0,
        tx: TxStampModel { latency: Duration::ZERO, late_share: 0.0, late_by: Duration::ZERO, loss: 0.0 },
    };

    /// The stamp of a message that passes the connector when the stamping clock reads `local`.
    pub(super) fn stamp(&self, way: Way, (clock, local): (ClockId, Timestamp<Local>), random: &mut Random) -> Stamp {
        let noise = if self.noise > Duration::ZERO { self.noise.scaled(random.exponential()) } else { Duration::ZERO };
        let at = match way {
            Way::In => local + self.ingress + noise,
            Way::Out => local - self.egress - noise,
        };
        let resolution = self.resolution.ticks().max(1);
        Stamp {
            at: Timestamp::from_ticks(at.ticks().div_euclid(resolution) * resolution),
            clock,
            epoch: ClockEpoch::default(),
            source: self.source,
            error: self.resolution,
        }
    }
}

/// Whether something happens that happens to a share of all.
pub(super) fn happens(share: f64, random: &mut Random) -> bool {
    share > 0.0 && random.unit() < share
}

impl TxStampModel {
    /// How long one transmit stamp takes, and whether it comes at all.
    pub(super) fn draw(&self, random: &mut Random) -> (Duration, bool) {
        let is_lost = happens(self.loss, random);
        let late = if happens(self.late_share, random) { self.late_by } else { Duration::ZERO };
        (self.latency + late, !is_lost)
    }
}

/// A grandmaster whose clock is true time, plus what its configuration says, plus its error.
#[derive(Debug)]
pub struct Master {
    engine: Taped<Grandmaster>,
    /// What its clock is ahead of the truth by.
    error: Duration,
}

impl Master {
    pub(super) fn new(config: GrandmasterConfig) -> Self {
        Self { engine: Taped::new(Grandmaster::new(config)), error: Duration::ZERO }
    }

    pub(super) fn record_by(&mut self, recorder: Recorder) {
        self.engine.record_by(recorder);
    }

    /// Who it is.
    pub fn identity(&self) -> ClockIdentity {
        self.engine.config().identity
    }

    /// What it says and does.
    pub fn config(&self) -> &GrandmasterConfig {
        self.engine.config()
    }

    /// What its clock is ahead of the truth by.
    pub fn error(&self) -> Duration {
        self.error
    }

    pub(super) fn step_by(&mut self, by: Duration) {
        self.error += by;
    }

    pub(super) fn announce_as(&mut self, change: impl FnOnce(&mut ClockQuality, &mut TimeProperties)) {
        let (mut quality, mut properties) = (self.engine.config().quality, self.engine.config().time_properties);
        change(&mut quality, &mut properties);
        self.engine.change(|engine| engine.announce_as(quality, properties));
    }
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

/// What happened to a node that follows, and when.
#[derive(Clone, Debug)]
pub struct Record {
    counts: Vec<u64>,
    states: Vec<(Timestamp<Mono>, SyncState)>,
    parents: Vec<(Timestamp<Mono>, Option<ClockIdentity>)>,
    steps: Vec<(Timestamp<Mono>, Duration)>,
    contradictions: u32,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            counts: vec![0; Counter::ALL.len()],
            states: Vec::new(),
            parents: Vec::new(),
            steps: Vec::new(),
            contradictions: 0,
        }
    }
}

impl Record {
    /// How often the port counted this.
    pub fn count(&self, counter: Counter) -> u64 {
        self.counts[counter.index()]
    }

    /// The states of the served clock, with when each began.
    pub fn states(&self) -> &[(Timestamp<Mono>, SyncState)] {
        &self.states
    }

    /// The grandmasters that were followed, with since when; `None`: nobody.
    pub fn parents(&self) -> &[(Timestamp<Mono>, Option<ClockIdentity>)] {
        &self.parents
    }

    /// The steps of the served clock that we made.
    pub fn steps(&self) -> &[(Timestamp<Mono>, Duration)] {
        &self.steps
    }

    /// How often the proofs of the bound contradicted each other.
    pub fn contradictions(&self) -> u32 {
        self.contradictions
    }

    pub(super) fn counted(&mut self, counter: Counter) {
        self.counts[counter.index()] += 1;
    }

    pub(super) fn follows(&mut self, now: Timestamp<Mono>, grandmaster: Option<ClockIdentity>) {
        keep(&mut self.parents, now, grandmaster);
    }

    pub(super) fn note(&mut self, now: Timestamp<Mono>, notice: Notice) {
        match notice {
            Notice::State { to, .. } => keep(&mut self.states, now, to),
            Notice::Stepped(by) => keep(&mut self.steps, now, by),
            Notice::Contradiction => self.contradictions += 1,
            Notice::Measured(_)
            | Notice::Panic(_)
            | Notice::Ineffective { .. }
            | Notice::Refused { .. }
            | Notice::Unheld { .. }
            | Notice::Obeys => {}
        }
    }
}

pub(super) fn keep<T>(records: &mut Vec<(Timestamp<Mono>, T)>, now: Timestamp<Mono>, what: T) {
    if records.len() < RECORDS_MAX {
        records.push((now, what));
    }
}

/// What one step of a node's engine wants done.
pub(super) type Effects = Vec<Effect>;

/// One node of the world.
#[derive(Debug)]
pub(super) enum Role {
    Master(Box<Master>),
    Slave(Box<Slave>),
    Host(Box<Host>),
    Server(Box<Server>),
}

impl Role {
    /// One input of the PTP engine of a port.
    pub fn step(&mut self, now: Timestamp<Mono>, port: u8, input: Input<'_>, out: &mut Effects) {
        match self {
            Self::Master(master) => master.engine.step(now, input, out),
            Self::Slave(slave) => {
                if matches!(input, Input::Tick { .. }) {
                    slave.tick(now);
                }
                slave.port.step(now, input, out);
            }
            Self::Host(host) => host.step(now, port, input, out),
            // It knows nothing of PTP.
            Self::Server(_) => {}
        }
    }

    /// What a port wants of the rest of the node.
    pub fn apply(&mut self, now: Timestamp<Mono>, port: u8, effect: &Effect) {
        match self {
            Self::Master(_) | Self::Server(_) => {}
            Self::Slave(slave) => slave.apply(now, effect),
            Self::Host(host) => host.apply(now, port, effect),
        }
    }

    /// How long what it was told of is not looked at yet.
    pub fn stalled_for(&self, now: Timestamp<Mono>) -> Duration {
        match self {
            Self::Master(_) | Self::Slave(_) | Self::Server(_) => Duration::ZERO,
            Self::Host(host) => host.stalled_for(now),
        }
    }

    /// How many ports it has.
    pub fn ports(&self) -> u8 {
        match self {
            Self::Master(_) | Self::Slave(_) => 1,
            Self::Host(host) => host.ports().len() as u8,
            Self::Server(_) => 0,
        }
    }

    /// The clock that stamps the messages of a port, and what that reads.
    pub fn stamping(&mut self, truth: &Truth, now: Timestamp<Mono>, port: u8) -> (ClockId, Timestamp<Local>) {
        match self {
            Self::Master(master) => (ClockId::System, truth.local(now) + master.error),
            Self::Slave(_) | Self::Server(_) => (ClockId::System, truth.local(now)),
            Self::Host(host) => host.stamping(now, port),
        }
    }

    pub fn deadline(&self, now: Timestamp<Mono>) -> Option<Timestamp<Mono>> {
        match self {
            Self::Master(master) => master.engine.deadline(),
            Self::Slave(slave) => Some(slave.deadline()),
            Self::Host(host) => Some(host.deadline(now)),
            Self::Server(_) => None,
        }
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
            let stamp = model.stamp(Way::In, (ClockId::System, local), &mut Random::seeded(1));
            let late = local - stamp.at;
            assert!(!late.is_negative() && late < stamp.error, "{late}");
        }
    }

    #[test]
    fn a_card_stamps_what_comes_in_later_and_what_goes_out_earlier_than_the_connector_sees_it() {
        let (ingress, egress, noise) = (Duration::from_nanos(300), Duration::from_nanos(200), Duration::from_nanos(50));
        let model = StampModel { ingress, egress, noise, ..StampModel::IDEAL };
        let at = (ClockId::Phc(0), Timestamp::from_secs(1_000));
        let mut random = Random::seeded(2);
        for _ in 0..100 {
            assert!(model.stamp(Way::In, at, &mut random).at - at.1 >= ingress);
            assert!(at.1 - model.stamp(Way::Out, at, &mut random).at >= egress);
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

//! A machine with real clocks: a port, a card's PHC or the kernel's stamps, the system clock, and the star over them.
//!
//! ```text
//!  frames, stamped by a PHC ---> ptp::Port --ring--> clock::Cascade<Device>
//!                                    ^                 |  crossings: system, PHC, system
//!                                    |-- orders -------'  adjusts: the PHCs, the system clock
//!                                    '-- lines <-------'-> TimeSnapshot, PhcLines
//! ```
//!
//! With several ports it is a boundary clock: each port is told what to be, and serves by what is published.
//!
//! It is what `runtime`'s discipline and port threads are around the same engines, with virtual time in the place of
//! sleeping: the same ring, the same rounds, the same word to the port after a step. The threads can be kept from running,
//! one or both; the clocks can be set, reset and frozen from outside, and what the daemon makes of it is what is seen.
//!
//! CLOCK_MONOTONIC, which the timers run on, is true time: the kernel's runs off by some parts per million, which no timer
//! here is meant to notice. Where it matters, in telling a clock that was set from one that was slewed, the clocks' own is
//! taken. Only a pause of the whole machine stops it, with the system clock: whoever wakes up from that finds no trace of it in
//! himself, no timer has run out and no age has grown, and the first to tell him is a message from outside. So `now` from
//! the world is the world's here, and what the engines are told is the machine's own.

use std::collections::VecDeque;

mod clients;
mod crossing;
mod gnss;
mod ports;

use clients::{Asked, Wanted};
pub use clients::{ClientConfig, NTP_SOURCE, Steered};
use crossing::cross;
pub use crossing::{CrossingModel, CrossingShape};
use gnss::Receiver;
pub use gnss::{GNSS_SOURCE, ReceiverModel};
use ports::HostPort;
pub(super) use ports::Order;

use super::device::{Device, DeviceModel};
use super::node::{Record, keep};
use super::truth::Truth;
use crate::clock::{
    ArbPolicy, Cascade, CascadeConfig, CascadeNotice, Clock, Heartbeat, HostUtc, JumpDetector, LeapPolicy, PHCS_MAX,
    SteeringConfig, UtcPolicy,
};
use crate::discipline::Reference;
use crate::discipline::helm::{HelmConfig, SourceKind, SourceOptions, Verdict};
use crate::discipline::policy::{StepPolicy, StepRule};
use crate::discipline::servo::Kind;
use crate::engine::{EngineKind, Random, Recorder};
use crate::ptp::{AnnouncedQuality, Announcement, Config, DataSet, Forwarded, ParentInfo, Port, PtpClockConfig};
use crate::sharing::{PhcLines, TimeSnapshot};
use crate::time::{
    ClockEpoch, ClockId, Duration, FrequencyPpb, LeapIndicator, Local, LogInterval, Mono, Observation, SourceId,
    TaiUtc, Timestamp,
};
use crate::wire::ptp::ClockIdentity;

/// Messages from the port to the discipline that fit into the ring; what does not is lost.
pub const RING_MAX: usize = 512;
/// The snapshot is renewed at least this often.
const PUBLISH_EVERY: Duration = Duration::SECOND;
/// How often the port is told that the clock is (still) locked.
const TELL_PORT_EVERY: Duration = Duration::SECOND;
const DAY_S: i64 = 86_400;

/// What a host is made of.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// The first port.
    pub ptp: Config,
    /// The further ones; their identities, numbers and sources are set by their places.
    pub more_ports: Vec<Config>,
    /// What it says of itself as a PTP clock, where a port may be master.
    pub ptp_clock: PtpClockConfig,
    /// How the clocks are steered.
    pub cascade: CascadeConfig,
    /// The system clock.
    pub system: DeviceModel,
    /// The PHCs: each port is stamped by the one of its place, or else the last. None: the kernel stamps by the system clock.
    pub phcs: Vec<DeviceModel>,
    /// How they are read.
    pub crossing: CrossingModel,
    /// How an ARB grandmaster is read; `None`: by who stamps.
    pub arb: Option<ArbPolicy>,
    /// Whether the kernel makes a leap second that it was told of.
    pub kernel_leaps: bool,
    /// If there are several sources: how they are judged, and its port among them, if it is one.
    pub helm: Option<(HelmConfig, Option<SourceOptions>)>,
    /// A GNSS receiver, with a helm.
    pub receiver: Option<ReceiverModel>,
    /// The mean of an exponential part of the kernel's stamps of NTP packets: interrupts.
    pub ntp_noise: Duration,
}

impl HostConfig {
    /// As the daemon is by default, with perfect clocks: 500 ppm at most, a first step of any size and no other.
    pub fn new(identity: u8, seed: u64) -> Self {
        let identity = ClockIdentity([0x02, 0, 0, 0, 0, 0, 0, identity]);
        let steering = SteeringConfig {
            lock_limit: crate::clock::LOCK_LIMIT_SOFTWARE,
            max_drift: FrequencyPpb::from_ppm(1.0),
            max_frequency: FrequencyPpb::from_ppm(500.0),
            step: StepPolicy { first: StepRule::Any, later: StepRule::Never, panic: Some(Duration::from_secs(1_000)) },
            servo: Kind::Estimator,
            proportional: None,
            integral: None,
            hold: false,
            saved: None,
            drain: crate::discipline::DRAIN,
        };
        Self {
            ptp: Config::new(SourceId(0), identity, seed),
            more_ports: Vec::new(),
            ptp_clock: PtpClockConfig::default(),
            cascade: CascadeConfig {
                steering,
                lock_limit: None,
                utc: HostUtc::default(),
                utc_policy: UtcPolicy::Check,
                leap: LeapPolicy::Kernel,
            },
            system: DeviceModel::PERFECT,
            phcs: vec![DeviceModel::PERFECT],
            crossing: CrossingModel::PCIE,
            arb: None,
            kernel_leaps: true,
            helm: None,
            receiver: None,
            ntp_noise: Duration::ZERO,
        }
    }

    /// The clock that stamps the first port.
    pub fn hub(&self) -> ClockId {
        self.stamping(0)
    }

    /// The clock that stamps a port.
    pub fn stamping(&self, port: usize) -> ClockId {
        self.phcs.len().checked_sub(1).map_or(ClockId::System, |last| ClockId::Phc(port.min(last) as u8))
    }
}

/// What the ports, which have numbers, and the clients tell the discipline.
#[derive(Clone, Copy, Debug)]
enum Message {
    Observation(usize, Observation),
    Parent(usize, Option<ParentInfo>),
    SyncInterval(usize, LogInterval),
    Best(usize, Option<DataSet>),
    Forward(usize, Forwarded),
    /// What a client has measured.
    OfServer(Observation),
    /// What a server says of itself.
    Server(SourceId, Option<Reference>),
    /// How often a server is asked.
    ServerInterval(SourceId, LogInterval),
    /// The halves of measurements in flight were thrown away, on the report with this number.
    Flushed(usize, u32),
}

/// See the module's text.
#[derive(Debug)]
pub struct Host {
    ports: Vec<HostPort>,
    cascade: Cascade<Device>,
    config: HostConfig,
    random: Random,
    receiver: Option<Receiver>,
    clients: Vec<Asked>,
    random_of_clients: Random,
    /// What each server has said last, and how often it is asked.
    servers: Vec<(Option<Reference>, LogInterval)>,
    /// What the clients are to hear.
    wanted: Wanted,
    heartbeat: Heartbeat,
    /// Its name server answers.
    has_names: bool,
    ring: VecDeque<Message>,
    overflows: u64,
    /// Those while the discipline's thread ran.
    overflows_awake: u64,
    /// The port whose parent steers.
    followed: Option<usize>,
    /// What it says of itself as a grandmaster.
    quality: AnnouncedQuality,
    own: Option<Announcement>,
    jumps: JumpDetector,
    /// The steps of any clock, as the port is told them.
    steps: u32,
    orders: Vec<(u8, Order)>,
    system_epoch: ClockEpoch,
    phc_epochs: [Option<ClockEpoch>; PHCS_MAX],
    told: (bool, bool),
    tell_at: Timestamp<Mono>,
    ticked_at: Timestamp<Mono>,
    publish_at: Timestamp<Mono>,
    /// The commands that the clocks had obeyed then.
    commands: u64,
    stalled_until: Timestamp<Mono>,
    /// How long the machine has stood still so far, in all: its CLOCK_MONOTONIC is behind by that.
    paused: Duration,
    /// When, in the world's time, it runs again.
    resumes_at: Timestamp<Mono>,
    /// The kernel will set the clock at this reading, by this.
    kernel_leap: Option<(Timestamp<Local>, Duration)>,
    published: TimeSnapshot,
    lines: PhcLines,
    record: Record,
    jumped: Vec<(Timestamp<Mono>, Duration)>,
    steered: Vec<(Timestamp<Mono>, Steered)>,
    verdicts: Vec<(Timestamp<Mono>, (SourceId, Verdict))>,
    was_set: Vec<(Timestamp<Mono>, Duration)>,
    notices: Vec<CascadeNotice>,
}

impl Host {
    pub(super) fn new(config: HostConfig, truth: Truth, now: Timestamp<Mono>, mut random: Random) -> Self {
        assert!(config.phcs.len() <= PHCS_MAX, "a cascade has {PHCS_MAX} places");
        let system = Device::new(ClockId::System, config.system, now, truth.utc(now).read_as());
        let local = system.reading();
        let mut cascade = Cascade::new(system, config.cascade, now, local);
        let random_of_clients = random.branch(1);
        if let Some((helm, port)) = config.helm {
            cascade.judge_by(helm, now);
            if let Some(options) = port {
                let sources = 0..=config.more_ports.len() as u16;
                sources.for_each(|port| _ = cascade.add_source(SourceId(port), options));
            }
            if config.receiver.is_some() {
                cascade.add_source(GNSS_SOURCE, SourceOptions::of(SourceKind::Refclock));
            }
        }
        for (index, model) in (0..).zip(&config.phcs) {
            let device = Device::new(ClockId::Phc(index), *model, now, truth.tai(now));
            let crossing = cross(&config.crossing, cascade.system().clock(), &device, now, &mut random);
            cascade.add_phc(index, device, &crossing, None);
        }
        let (published, lines) = (cascade.snapshot(now, local), PhcLines::default());
        Self {
            ports: ports::all(&config),
            receiver: config.receiver.map(|model| Receiver::new(model, truth, now, random.branch(2))),
            phc_epochs: cascade.phc_epochs(),
            cascade,
            config,
            random,
            clients: Vec::new(),
            random_of_clients,
            servers: Vec::new(),
            wanted: Wanted::default(),
            heartbeat: Heartbeat::default(),
            has_names: true,
            ring: VecDeque::with_capacity(RING_MAX),
            overflows: 0,
            overflows_awake: 0,
            followed: None,
            quality: AnnouncedQuality::default(),
            own: None,
            jumps: JumpDetector::default(),
            steps: 0,
            orders: Vec::new(),
            system_epoch: ClockEpoch::default(),
            told: (false, false),
            tell_at: now,
            ticked_at: now,
            publish_at: now,
            commands: 0,
            stalled_until: now,
            paused: Duration::ZERO,
            resumes_at: now,
            kernel_leap: None,
            published,
            lines,
            record: Record::default(),
            jumped: Vec::new(),
            steered: Vec::new(),
            verdicts: Vec::new(),
            was_set: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Whoever asks for these recorders gets the steps of every engine: `stream` makes one by its name.
    pub(super) fn record_by(&mut self, now: Timestamp<Mono>, mut stream: impl FnMut(&str, EngineKind) -> Recorder) {
        let mono = self.mono(now);
        for (place, port) in self.ports.iter_mut().enumerate() {
            let name = if place == 0 { "port".to_owned() } else { format!("port-{}", place + 1) };
            port.engine.record_by(stream(&name, EngineKind::PtpPort));
        }
        self.cascade.system().record_by(stream("system", EngineKind::Discipline));
        self.cascade.record_helm_by(stream("helm", EngineKind::Helm));
        for (place, asked) in self.clients.iter_mut().enumerate() {
            asked.client.record_by(stream(&format!("client-{place}"), EngineKind::NtpClient));
        }
        for index in 0..self.config.phcs.len() {
            if let Some((steering, ..)) = self.cascade.phc(index as u8, mono) {
                steering.record_by(stream(&format!("phc-{index}"), EngineKind::Discipline));
            }
        }
    }

    // ---- What there is to see ----

    /// The time as this node publishes it: what its NTP server would answer from.
    pub fn published(&self) -> &TimeSnapshot {
        &self.published
    }

    /// What readings of its PHCs mean, as its NTP server would be told.
    pub fn lines(&self) -> &PhcLines {
        &self.lines
    }

    /// The first port.
    pub fn port(&self) -> &Port {
        &self.ports[0].engine
    }

    /// What it was made with.
    pub fn config(&self) -> &HostConfig {
        &self.config
    }

    /// What happened to it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The jumps of PHCs that it has found.
    pub fn jumped(&self) -> &[(Timestamp<Mono>, Duration)] {
        &self.jumped
    }

    /// Who of several sources has steered, and since when.
    pub fn steered(&self) -> &[(Timestamp<Mono>, Steered)] {
        &self.steered
    }

    /// What was thought of each source, and since when.
    pub fn verdicts(&self) -> &[(Timestamp<Mono>, (SourceId, Verdict))] {
        &self.verdicts
    }

    /// Who of several sources steers.
    pub(super) fn steered_by(&self) -> Option<SourceId> {
        self.cascade.steered_by()
    }

    /// The times at which it has found that somebody else had set its system clock.
    pub fn was_set(&self) -> &[(Timestamp<Mono>, Duration)] {
        &self.was_set
    }

    /// How many messages there are between its threads, and how many did not fit.
    pub fn ring(&self) -> (usize, u64) {
        (self.ring.len(), self.overflows)
    }

    /// How many messages did not fit although the thread that takes them out was running.
    pub(super) fn lost_awake(&self) -> u64 {
        self.overflows_awake
    }

    /// What its CLOCK_MONOTONIC reads; it stands still while the machine does.
    pub(super) fn mono(&self, now: Timestamp<Mono>) -> Timestamp<Mono> {
        now.max(self.resumes_at) - self.paused
    }

    /// How long the machine has stood still in all.
    pub(super) fn paused(&self) -> Duration {
        self.paused
    }

    /// The whole machine stands still until then, with all of its clocks but those of its cards.
    pub(super) fn pause(&mut self, now: Timestamp<Mono>, until: Timestamp<Mono>) {
        self.system(now).freeze(until);
        self.paused += (until - now.max(self.resumes_at)).max(Duration::ZERO);
        self.resumes_at = self.resumes_at.max(until);
    }

    /// TAI - UTC as it has it.
    pub fn tai_utc(&self) -> Option<TaiUtc> {
        self.cascade.leap().known()
    }

    pub(super) fn system(&mut self, now: Timestamp<Mono>) -> &mut Device {
        self.advance(now);
        self.cascade.system().clock()
    }

    pub(super) fn phc(&mut self, index: u8, now: Timestamp<Mono>) -> Option<&mut Device> {
        self.advance(now);
        let mono = self.mono(now);
        self.cascade.phc(index, mono).map(|(steering, ..)| steering.clock())
    }

    /// Brings all clocks to `now`.
    fn advance(&mut self, now: Timestamp<Mono>) {
        let system = self.cascade.system().clock();
        system.advance(now);
        if let Some((at, by)) = self.kernel_leap
            && system.reading() >= at
        {
            system.set(by);
            self.kernel_leap = None;
        }
        let mono = self.mono(now);
        for index in 0..self.config.phcs.len() {
            if let Some((steering, ..)) = self.cascade.phc(index as u8, mono) {
                steering.clock().advance(now);
            }
        }
    }

    // ---- The discipline's thread ----

    /// How long the discipline's thread does not run yet.
    pub(super) fn stalled_for(&self, now: Timestamp<Mono>) -> Duration {
        (self.stalled_until - now).max(Duration::ZERO)
    }

    /// The discipline's thread does not run until then.
    pub(super) fn stall(&mut self, until: Timestamp<Mono>) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// When the discipline's thread wants to go round next.
    pub(super) fn discipline_deadline(&self, now: Timestamp<Mono>) -> Timestamp<Mono> {
        if now < self.stalled_until {
            return self.stalled_until;
        }
        self.discipline_wants().min(self.tell_at) + self.paused
    }

    /// When there is something to do for it though nobody calls, by the machine's own clock.
    fn discipline_wants(&self) -> Timestamp<Mono> {
        let receiver = self.receiver.as_ref().map(Receiver::deadline);
        let others = [self.cascade.deadline(self.ticked_at), receiver];
        others.into_iter().flatten().fold(self.publish_at, Timestamp::min)
    }

    pub(super) fn deadline(&self, now: Timestamp<Mono>) -> Timestamp<Mono> {
        let discipline = self.discipline_deadline(now);
        let discipline = self.clients_deadline().map_or(discipline, |at| at.min(discipline));
        self.ports_deadline().map_or(discipline, |at| (at + self.paused).min(discipline))
    }

    /// One round of the discipline's thread.
    pub(super) fn round(&mut self, now: Timestamp<Mono>) {
        self.advance(now);
        if now < self.stalled_until {
            return;
        }
        let wanted = self.discipline_wants();
        let (world, now) = (now, self.mono(now));
        self.wanted.hurries |= self.heartbeat.beat(now, wanted).is_some() && !self.clients.is_empty();
        self.look_for_foreign_hands(now);
        let mut is_changed = self.take_crossings(now, Cascade::is_crossing_overdue) || !self.ring.is_empty();
        while let Some(message) = self.ring.pop_front() {
            self.take(now, message);
        }
        is_changed |= self.read_receiver(world, now);
        is_changed |= self.take_crossings(now, Cascade::is_crossing_due);
        self.look_at_leap(now);
        self.ticked_at = now;
        self.steer(now, |cascade, local, notices| cascade.tick(now, local, &mut |notice| notices.push(notice)));
        self.look_at_followed();
        self.tell_ports(now);
        self.look_at_demand();
        // A command changes the line that a clock is on.
        if is_changed || now >= self.publish_at || self.cascade.commands() != self.commands {
            self.look_at_rate(now);
            self.publish(now);
        }
    }

    /// Something is done with the clocks, and what it led to is seen to.
    fn steer<T>(
        &mut self,
        now: Timestamp<Mono>,
        act: impl FnOnce(&mut Cascade<Device>, Timestamp<Local>, &mut Vec<CascadeNotice>) -> T,
    ) -> T {
        let local = self.cascade.system().clock().reading();
        let mut notices = std::mem::take(&mut self.notices);
        let done = act(&mut self.cascade, local, &mut notices);
        // What is remembered is remembered in the world's time.
        let at = now + self.paused;
        for notice in notices.drain(..) {
            match notice {
                CascadeNotice::Discipline(ClockId::System, notice) => self.record.note(at, notice),
                CascadeNotice::Jumped(_, by, _) => keep(&mut self.jumped, at, by),
                CascadeNotice::StoodStill(by) => keep(&mut self.was_set, at, -by),
                CascadeNotice::Helm { from, to, why, heard } => {
                    let heard = heard.map(|heard| heard + self.paused);
                    keep(&mut self.steered, at, Steered { from, to, why, heard });
                }
                CascadeNotice::Verdict(source, verdict) => keep(&mut self.verdicts, at, (source, verdict)),
                CascadeNotice::Discipline(..)
                | CascadeNotice::Disrupted(_)
                | CascadeNotice::Hub(_)
                | CascadeNotice::Gate(_)
                | CascadeNotice::Leap(..)
                | CascadeNotice::LeapWorkedOff
                | CascadeNotice::Utc(_) => {}
            }
        }
        self.notices = notices;
        self.wanted.hurries |= self.cascade.take_hurry();
        self.look_at_steps(now);
        done
    }

    fn take(&mut self, now: Timestamp<Mono>, message: Message) {
        match message {
            Message::Observation(port, _) if !self.heeds(port) => {}
            Message::OfServer(observation) if self.is_of_before(&observation) => {}
            Message::OfServer(observation) => {
                self.look_at_rate(now);
                self.steer(now, |cascade, local, notices| {
                    cascade.observe(now, local, &observation, &mut |notice| notices.push(notice));
                });
            }
            Message::Server(source, reference) => self.server_says(now, source, reference),
            Message::ServerInterval(source, interval) => self.server_is_asked(now, source, interval),
            Message::Observation(_, observation) => {
                if self.cascade.hub() == Some(ClockId::System) {
                    self.look_at_rate(now);
                }
                self.steer(now, |cascade, local, notices| {
                    cascade.observe(now, local, &observation, &mut |notice| notices.push(notice));
                });
            }
            Message::Flushed(port, step) => self.ports[port].known.flushed(step),
            Message::Best(port, best) => self.ports[port].known.best = best,
            Message::Forward(port, forwarded) => self.ports[port].known.forwarded = forwarded,
            Message::Parent(port, parent) => {
                self.ports[port].known.parent = parent;
                self.choose(now, port);
            }
            Message::SyncInterval(port, interval) => {
                self.ports[port].known.sync_interval = Some(interval);
                self.choose(now, port);
            }
        }
    }

    fn look_for_foreign_hands(&mut self, now: Timestamp<Mono>) {
        let system = self.cascade.system().clock();
        let (mono, reading) = (system.slewed().read_as(), system.reading());
        let Some(by) = self.jumps.jump(mono, reading, Duration::ZERO) else { return };
        let is_foreign = self.steer(now, |cascade, local, notices| {
            cascade.system_was_set(now, local, by, &mut |notice| notices.push(notice))
        });
        if is_foreign {
            keep(&mut self.was_set, now + self.paused, by);
            self.wanted.hurries = !self.clients.is_empty();
        }
        self.stepped(ClockId::System);
        self.told = (false, false);
        self.system_epoch = self.cascade.system().clock().epoch();
        self.publish(now);
    }

    /// Whether another program has changed the system clock's rate since the last look.
    fn look_at_rate(&mut self, now: Timestamp<Mono>) {
        let Some(tampering) = self.cascade.system().clock().look() else { return };
        self.steer(now, |cascade, local, _| {
            cascade.system_was_slewed(now, local, tampering.ahead, tampering.behind);
        });
        self.publish_at = now;
    }

    fn look_at_leap(&mut self, now: Timestamp<Mono>) {
        let is_past = self.steer(now, |cascade, local, notices| {
            cascade.look_at_leap(now, local, true, &mut |notice| notices.push(notice))
        });
        if is_past {
            self.stepped(ClockId::System);
            self.publish_at = now;
        }
    }

    /// Whether a clock of ours was stepped: stamps in flight are of before.
    fn look_at_steps(&mut self, now: Timestamp<Mono>) {
        let system_epoch = self.cascade.system().clock().epoch();
        if system_epoch != self.system_epoch {
            self.system_epoch = system_epoch;
            self.jumps.restart();
            self.stepped(ClockId::System);
            self.publish_at = now;
        }
        let phc_epochs = self.cascade.phc_epochs();
        if phc_epochs != self.phc_epochs {
            let before = std::mem::replace(&mut self.phc_epochs, phc_epochs);
            for (index, (before, after)) in (0..).zip(before.into_iter().zip(phc_epochs)) {
                if before.is_some() && after.is_some() && before != after {
                    self.stepped(ClockId::Phc(index));
                }
            }
            let local = self.cascade.system().clock().reading();
            self.lines = self.cascade.lines(now, local);
        }
    }

    fn publish(&mut self, now: Timestamp<Mono>) {
        let local = self.cascade.system().clock().reading();
        self.published = self.cascade.snapshot(now, local);
        self.lines = self.cascade.lines(now, local);
        self.look_at_masters(now);
        self.publish_at = now + PUBLISH_EVERY;
        self.commands = self.cascade.commands();
        if self.config.kernel_leaps {
            self.kernel_leap = self.leap_for_the_kernel(local);
        }
    }

    /// What the kernel is told: it inserts after 23:59:59 and deletes that second, by its own clock.
    fn leap_for_the_kernel(&self, local: Timestamp<Local>) -> Option<(Timestamp<Local>, Duration)> {
        let is_good = self.published.state.is_synchronised() && self.published.is_bounded;
        let midnight = || Timestamp::from_secs((local.seconds().div_euclid(DAY_S) + 1) * DAY_S);
        match self.cascade.leap_for_the_kernel() {
            LeapIndicator::Insert if is_good => Some((midnight(), -Duration::SECOND)),
            LeapIndicator::Delete if is_good => Some((midnight() - Duration::SECOND, Duration::SECOND)),
            _ => None,
        }
    }
}

//! An NTP client in virtual time: the production client and discipline, and a server that is our own.
//!
//! ```text
//!   client::Client --request--> link --> server::respond      true time, plus what the server is ahead by
//!        |         <--answer--- link <--
//!        | Observe, Source, Interval
//!   Steering<SoftwareClock> --> TimeSnapshot
//! ```
//!
//! Two nodes and the way between them, each direction of which has its own model. The datagrams are real octets. As in
//! the world of many nodes, the clock that stamps is true time, so the true error of the client's clock is known at any
//! instant; and after each event the [checker](super::Checker) looks whether its rules hold.

use super::checker::{JUDGES_MAX, Judges, Look, Rate, Watch};
use super::digest::Digest;
use super::lateness::{Lateness, Waking};
use super::node::{Way, happens};
use super::{
    BoundStatistics, Checker, EVENTS_MAX, GRACE, LOCAL_EPOCH, Link, LinkModel, NodeId, Passage, Queue, RING_MAX,
    StampModel, Statistics,
};
use crate::clock::{Clock, Counts, OscillatorModel, SoftwareClock, Steering, SteeringConfig, reference_of_server};
use crate::engine::{Engine, EngineKind, Random, Taped};
use crate::ntp::client::{Client, ClientCounter, Config, Effect, Input, RequestToken};
use crate::ntp::server::{ANSWER_LENGTH_MAX, Departure, Departures, Request, ResponseConfig, respond_interleaved};
use crate::sharing::{CounterSet, TimeSnapshot};
use crate::time::{ClockId, Duration, FrequencyPpb, LeapIndicator, Local, Mono, Stamp, SyncState, Timestamp};
use crate::trace::{Collector, Origin};
use crate::wire::ntp::parse;

/// The client is node 0, the server node 1.
const CLIENT: NodeId = NodeId(0);
const SERVER_NODE: NodeId = NodeId(1);
/// The port that requests seem to come from.
const CLIENT_PORT: u16 = 40_000;
/// As fine as the format holds it.
const SERVER: ResponseConfig = ResponseConfig { precision: -29, poll_min: -6, ..ResponseConfig::PLAIN };
/// How often the discipline gets a tick and the snapshot is published at least.
const TICK: Duration = Duration::from_millis(250);
/// The most effects of one input: a request's and an answer's, with room to spare.
const EFFECTS_MAX: usize = 16;
/// What a server's clock was set by may be noticed after so many polls: one can be lost, and the next just gone.
const POLLS_TO_NOTICE: i64 = 3;
/// The reference ID of those who follow the server.
const SERVER_ADDRESS: [u8; 4] = [192, 0, 2, 1];

/// What a client and its way to the server are made of.
#[derive(Clone, Copy, Debug)]
pub struct NtpConfig {
    /// The client.
    pub client: Config,
    /// The discipline.
    pub steering: SteeringConfig,
    /// What the clock is ahead of true time by at the start.
    pub offset: Duration,
    /// What the clock's oscillator is like.
    pub oscillator: OscillatorModel,
    /// From the client to the server.
    pub there: LinkModel,
    /// From the server to the client.
    pub back: LinkModel,
    /// The mean of an exponential time for which an answer is still in the server after it was stamped.
    pub departs_late: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Request { token: RequestToken, frame: [u8; ANSWER_LENGTH_MAX] },
    Answer { token: RequestToken, frame: [u8; ANSWER_LENGTH_MAX] },
    Sent { token: RequestToken, stamp: Option<Stamp> },
    Wake,
    Sample(Duration),
}

/// See the module's text.
#[derive(Debug)]
pub struct NtpWorld {
    now: Timestamp<Mono>,
    queue: Queue<Event>,
    client: Taped<Client>,
    steering: Steering<SoftwareClock>,
    config: NtpConfig,
    there: Link,
    back: Link,
    /// What the server's clock is ahead of the truth by.
    server_ahead: Duration,
    /// What the server remembers of its answers.
    departures: Departures,
    random: Random,
    /// The same before it was set, and until when the client cannot know.
    server_before: (Duration, Timestamp<Mono>),
    next_tick: Timestamp<Mono>,
    wake: Option<Timestamp<Mono>>,
    published: TimeSnapshot,
    statistics: Statistics,
    bounds: BoundStatistics,
    checker: Checker,
    watch: Watch,
    effects_most: usize,
    counts: Vec<u64>,
    events: u64,
    digest: Digest,
    effects: Vec<Effect>,
    collector: Option<Collector>,
    stamps: StampModel,
    waking: Option<Waking>,
    stamp_random: Random,
}

fn local_at(now: Timestamp<Mono>) -> Timestamp<Local> {
    LOCAL_EPOCH + (now - Timestamp::EPOCH)
}

impl NtpWorld {
    /// A client that begins `delay` from now; the server is there.
    pub fn new(config: NtpConfig, seed: u64, delay: Duration) -> Self {
        let (now, random) = (Timestamp::EPOCH, Random::seeded(seed));
        let clock = SoftwareClock::new(local_at(now), config.offset, config.oscillator, config.steering.max_frequency);
        let mut steering = Steering::new(clock, Counts::Utc, config.steering, now, local_at(now));
        let published = steering.published(now, local_at(now));
        let mut world = Self {
            now,
            queue: Queue::default(),
            client: Taped::new(Client::new(config.client)),
            steering,
            there: Link::new(CLIENT, SERVER_NODE, config.there, random.branch(1)),
            back: Link::new(SERVER_NODE, CLIENT, config.back, random.branch(2)),
            config,
            server_ahead: Duration::ZERO,
            departures: Departures::default(),
            random: random.branch(3),
            server_before: (Duration::ZERO, now),
            next_tick: now,
            wake: None,
            published,
            statistics: Statistics::default(),
            bounds: BoundStatistics::default(),
            checker: Checker::default(),
            watch: Watch::default(),
            effects_most: 0,
            counts: vec![0; ClientCounter::ALL.len()],
            events: 0,
            digest: Digest::default(),
            effects: Vec::new(),
            collector: None,
            stamps: StampModel::IDEAL,
            waking: None,
            stamp_random: random.branch(4),
        };
        world.wake_at(now + delay);
        world
    }

    /// Records both engines from now on, the last `bytes_max` bytes or so: see [`NtpWorld::trace`].
    pub fn record(&mut self, bytes_max: usize) {
        let mut collector = Collector::new(bytes_max);
        self.client.record_by(collector.stream("client", EngineKind::NtpClient));
        self.steering.record_by(collector.stream("clock", EngineKind::Discipline));
        collector.start();
        self.collector = Some(collector);
    }

    /// What was recorded, as the bytes of a trace file; `None` if nothing is recorded.
    pub fn trace(&self) -> Option<Vec<u8>> {
        let truth = local_at(Timestamp::EPOCH);
        self.collector.as_ref().map(|collector| collector.file(Origin::Simulation { truth }))
    }

    /// The way to the server, and the way back.
    pub fn ways(&mut self) -> [&mut LinkModel; 2] {
        [&mut self.there.model, &mut self.back.model]
    }

    /// The server's clock is set.
    pub fn step_server(&mut self, by: Duration) {
        let unnoticed = self.config.client.poll.duration().times(POLLS_TO_NOTICE).max(GRACE);
        self.server_before = (self.server_ahead, self.now + unnoticed);
        self.server_ahead += by;
    }

    /// The server starts anew, and remembers nothing.
    pub fn restart_server(&mut self) {
        self.departures = Departures::default();
    }

    /// How the client's packets are stamped from now on; it begins with [`StampModel::IDEAL`], as the tables have it.
    pub fn set_stamps(&mut self, stamps: StampModel) {
        self.stamps = stamps;
    }

    /// The client is late from now on.
    pub fn set_lateness(&mut self, lateness: Lateness) {
        self.waking = Some(Waking::new(lateness.wake, self.stamp_random.branch(0)));
        self.steering.clock().report_late(lateness.command, self.stamp_random.branch(1));
    }

    /// The client's oscillator wanders differently from now on, as in its model.
    pub fn set_wander(&mut self, wander: f64) {
        self.steering.clock().oscillator().set_wander(wander);
    }

    /// Samples the true error each `interval`, aligned to the world's beginning.
    pub fn sample(&mut self, interval: Duration) {
        self.push(self.now + interval, Event::Sample(interval));
    }

    /// Forgets the samples up to now.
    pub fn clear_statistics(&mut self) {
        self.statistics = Statistics::default();
        self.bounds = BoundStatistics::default();
    }

    /// Runs until `time` since the world's beginning.
    pub fn run_until(&mut self, time: Duration) {
        let until = Timestamp::EPOCH + time;
        while let Some((at, event)) = self.queue.pop(until) {
            self.now = at;
            self.events += 1;
            self.digest.word(at.ticks() as u64);
            self.handle(event);
            self.check();
            self.collector.iter_mut().for_each(Collector::collect);
        }
        self.now = until;
        self.check();
    }

    /// What the clock reads less the server's time: the truth, unless the server was set.
    pub fn true_error(&mut self) -> Duration {
        let local = local_at(self.now);
        self.steering.clock().line(local).0 - local - self.server_ahead
    }

    /// The time as the client publishes it.
    pub fn published(&self) -> &TimeSnapshot {
        &self.published
    }

    /// The samples of the true error.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The bounds that were published, sampled with the true errors.
    pub fn bounds(&self) -> &BoundStatistics {
        &self.bounds
    }

    /// What the checker found.
    pub fn checker(&self) -> &Checker {
        &self.checker
    }

    /// How often the client counted this.
    pub fn count(&self, counter: ClientCounter) -> u64 {
        self.counts[counter.index()]
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A hash of all events, datagrams and published snapshots so far.
    pub fn digest(&self) -> u64 {
        self.digest.value()
    }

    fn push(&mut self, at: Timestamp<Mono>, event: Event) {
        self.queue.push(at, event).expect("no scenario has so many events under way");
    }

    fn wake_at(&mut self, at: Timestamp<Mono>) {
        let at = at.max(self.now);
        let at = match &mut self.waking {
            Some(waking) => {
                let Some(at) = waking.wakes(at) else { return };
                at
            }
            None => at,
        };
        if self.wake != Some(at) {
            self.wake = Some(at);
            self.push(at, Event::Wake);
        }
    }

    fn stamp(&mut self, way: Way) -> Stamp {
        self.stamps.stamp(way, (ClockId::System, local_at(self.now)), &mut self.stamp_random)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Request { token, frame } => self.serve(token, &frame),
            Event::Answer { token, frame } => {
                let is_lost = happens(self.stamps.rx_loss, &mut self.stamp_random);
                let stamp = (!is_lost).then(|| self.stamp(Way::In));
                self.step(Input::Received { token, bytes: &frame, stamp });
            }
            Event::Sent { token, stamp } => self.step(Input::Sent { token, stamp }),
            Event::Wake if self.wake == Some(self.now) => {
                self.wake = None;
                self.waking.iter_mut().for_each(Waking::woke);
                if self.now >= self.next_tick || self.steering.deadline().is_some_and(|at| at <= self.now) {
                    self.next_tick = self.now + TICK;
                    self.steering.tick(self.now, local_at(self.now), &mut |_| ());
                    self.publish();
                }
                self.step(Input::Tick);
            }
            Event::Wake => {}
            Event::Sample(interval) => {
                let error = self.true_error();
                self.statistics.push(error);
                self.bounds.push(&self.published, local_at(self.now));
                self.push(self.now + interval, Event::Sample(interval));
            }
        }
    }

    fn departs_after(&mut self) -> Duration {
        let mean = self.config.departs_late;
        if mean > Duration::ZERO { mean.scaled(self.random.exponential()) } else { Duration::ZERO }
    }

    /// The server answers at once; what its card does with the answer takes its time.
    fn serve(&mut self, token: RequestToken, frame: &[u8]) {
        let local = local_at(self.now);
        let right = TimeSnapshot {
            state: SyncState::Locked,
            leap: LeapIndicator::NoWarning,
            stratum: 1,
            reference_id: *b"GPS\0",
            anchor_local: local,
            anchor_utc: (local + self.server_ahead).read_as(),
            is_bounded: true,
            last_sample: Some(self.now),
            reference_time: (local + self.server_ahead).read_as(),
            ..TimeSnapshot::unsynchronised(self.now)
        };
        let request = Request { data: frame, from_port: CLIENT_PORT, received: local, hardware: None, now: local };
        let mut answer = [0; ANSWER_LENGTH_MAX];
        respond_interleaved(&request, &right, SERVER, &mut self.departures, &mut answer)
            .expect("what our client sends is a request");
        let leaves = self.now + self.departs_after();
        let receive = parse(&answer).expect("what our server sends is an answer").header.receive_timestamp;
        self.departures.departed(receive, Departure::new(right.utc_at(local_at(leaves)), Duration::ZERO));
        for Passage { arrival, .. } in self.back.carry(leaves, &answer).into_iter().flatten() {
            self.push(arrival, Event::Answer { token, frame: answer });
        }
    }

    fn step(&mut self, input: Input<'_>) {
        let mut effects = std::mem::take(&mut self.effects);
        self.client.step(self.now, input, &mut effects);
        self.effects_most = self.effects_most.max(effects.len());
        for effect in effects.drain(..) {
            self.apply(effect);
        }
        self.effects = effects;
        let deadlines = [self.client.deadline(), self.steering.deadline()];
        self.wake_at(deadlines.into_iter().flatten().fold(self.next_tick, Timestamp::min));
    }

    fn apply(&mut self, effect: Effect) {
        let (now, local) = (self.now, local_at(self.now));
        match effect {
            Effect::Send { frame, token } => {
                self.digest.bytes(&frame);
                for Passage { arrival, .. } in self.there.carry(now, &frame).into_iter().flatten() {
                    self.push(arrival, Event::Request { token, frame });
                }
                let (takes, comes) = self.stamps.tx.draw(&mut self.stamp_random);
                let stamp = self.stamp(Way::Out);
                self.push(now + takes, Event::Sent { token, stamp: comes.then_some(stamp) });
                return;
            }
            Effect::Observe(observation) => self.steering.observe(now, local, &observation, &mut |_| ()),
            Effect::Source(info) => {
                let source = self.config.client.source;
                let reference = info.map(|info| reference_of_server(source, &info, SERVER_ADDRESS, Timestamp::EPOCH));
                self.steering.follow(now, local, reference, &mut |_| ());
            }
            Effect::Interval(interval) => self.steering.set_interval(now, local, interval, &mut |_| ()),
            Effect::Count(counter) => {
                self.counts[counter.index()] += 1;
                return;
            }
            Effect::Close(_) | Effect::State { .. } => return,
        }
        self.publish();
    }

    fn publish(&mut self) {
        self.published = self.steering.published(self.now, local_at(self.now));
        self.digest.snapshot(&self.published);
    }

    fn check(&mut self) {
        let (now, local) = (self.now, local_at(self.now));
        let (before, until) = self.server_before;
        let mut judges = Judges::EXACT;
        judges.errors = [self.server_ahead; JUDGES_MAX];
        judges.errors[1] = if now <= until { before } else { self.server_ahead };
        let clock = self.steering.clock();
        let look = Look {
            now,
            mono: now,
            truth: local.read_as(),
            judges,
            local,
            reading: clock.line(local).0,
            rate: Rate {
                in_force: clock.frequency(),
                told: Some(self.published.frequency),
                quantum: FrequencyPpb::ZERO,
                max: self.config.steering.max_frequency,
            },
            phcs: None,
            tables: [
                ("effects of one input", self.effects_most, EFFECTS_MAX),
                ("events", self.queue.len(), EVENTS_MAX),
                ("ring", 0, RING_MAX),
            ],
            published: &self.published,
        };
        self.checker.check(CLIENT, &look, &mut self.watch);
    }
}

//! Virtual time, and who is told what.

use super::digest::Digest;
use super::node::{Effects, Role, local_at};
use super::statistics::BoundStatistics;
use super::{Checker, Link, LinkModel, Master, NodeId, Queue, Slave, SlaveConfig, StampModel, Statistics};
use crate::engine::{EngineKind, Random};
use crate::ptp::{Channel, ClockReport, Effect, Frame, GrandmasterConfig, Input, TxToken};
use crate::time::{Duration, Local, Mono, Stamp, Timestamp};
use crate::trace::{Collector, Origin};

/// What the stamping clocks read at the world's beginning, CLOCK_MONOTONIC 0: a date in 2026. The two scales are far
/// apart on purpose, so that taking one for the other shows.
pub const LOCAL_EPOCH: Timestamp<Local> = Timestamp::from_secs(1_790_000_000);

/// What happens at an instant.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A message arrives.
    Arrival { to: NodeId, frame: Frame, channel: Channel },
    /// A transmit stamp comes back, or is given up.
    TxStamp { of: NodeId, token: TxToken, stamp: Option<Stamp> },
    /// The discipline tells its port what it did.
    Report { to: NodeId, report: ClockReport },
    /// A node wanted to be called.
    Wake(NodeId),
    /// The true errors are sampled.
    Sample(Duration),
}

#[derive(Debug)]
struct Node {
    role: Role,
    stamps: StampModel,
    random: Random,
    /// When its next `Wake` that counts will come.
    wake: Option<Timestamp<Mono>>,
    statistics: Statistics,
    bounds: BoundStatistics,
}

/// See the module's text.
#[derive(Debug)]
pub struct World {
    now: Timestamp<Mono>,
    queue: Queue<Event>,
    nodes: Vec<Node>,
    links: Vec<Link>,
    random: Random,
    checker: Checker,
    is_sampling: bool,
    digest: Digest,
    events: u64,
    effects: Effects,
    collector: Option<Collector>,
}

impl World {
    /// An empty world.
    pub fn new(seed: u64) -> Self {
        Self {
            now: Timestamp::EPOCH,
            queue: Queue::default(),
            nodes: Vec::new(),
            links: Vec::new(),
            random: Random::seeded(seed),
            checker: Checker::default(),
            is_sampling: false,
            digest: Digest::default(),
            events: 0,
            effects: Effects::new(),
            collector: None,
        }
    }

    /// A grandmaster that begins `delay` from now.
    pub fn add_master(&mut self, config: GrandmasterConfig, stamps: StampModel, delay: Duration) -> NodeId {
        self.add(Role::Master(Box::new(Master::new(config))), stamps, delay)
    }

    /// A slave that begins now.
    pub fn add_slave(&mut self, config: &SlaveConfig, stamps: StampModel) -> NodeId {
        let slave = Slave::new(config, self.now);
        self.add(Role::Slave(Box::new(slave)), stamps, Duration::ZERO)
    }

    fn add(&mut self, role: Role, stamps: StampModel, delay: Duration) -> NodeId {
        let id = NodeId(self.nodes.len());
        let random = self.random.branch(id.0 as u64);
        self.nodes.push(Node {
            role,
            stamps,
            random,
            wake: None,
            statistics: Statistics::default(),
            bounds: BoundStatistics::default(),
        });
        self.wake(id, self.now + delay);
        id
    }

    /// Connects two nodes, each direction with its own model.
    pub fn connect(&mut self, a: NodeId, b: NodeId, from_a: LinkModel, from_b: LinkModel) {
        for (from, to, model) in [(a, b, from_a), (b, a, from_b)] {
            let random = self.random.branch(1_000 + self.links.len() as u64);
            self.links.push(Link::new(from, to, model, random));
        }
    }

    /// Changes the link from one node to another.
    pub fn change_link(&mut self, from: NodeId, to: NodeId, change: impl Fn(&mut LinkModel)) {
        for link in self.links.iter_mut().filter(|link| (link.from, link.to) == (from, to)) {
            change(&mut link.model);
        }
    }

    /// Changes how a node's packets are stamped.
    pub fn change_stamps(&mut self, node: NodeId, change: impl FnOnce(&mut StampModel)) {
        change(&mut self.nodes[node.0].stamps);
    }

    /// A node's cable is pulled, or plugged in again.
    pub fn set_link(&mut self, node: NodeId, up: bool) {
        self.step(node, Input::Link { up });
    }

    /// Samples the true error of every slave each `interval`, aligned to the world's beginning.
    pub fn sample(&mut self, interval: Duration) {
        assert!(!self.is_sampling, "one sampling grid at a time");
        self.is_sampling = true;
        self.push(self.now + interval, Event::Sample(interval));
    }

    /// Forgets the samples up to now.
    pub fn clear_statistics(&mut self) {
        for node in &mut self.nodes {
            node.statistics = Statistics::default();
            node.bounds = BoundStatistics::default();
        }
    }

    /// Records the engines of all slaves from now on, the last `bytes_max` bytes or so: see [`World::trace`].
    pub fn record(&mut self, bytes_max: usize) {
        let mut collector = Collector::new(bytes_max);
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if let Role::Slave(slave) = &mut node.role {
                let port = collector.stream(&format!("node-{index} port"), EngineKind::PtpPort);
                let clock = collector.stream(&format!("node-{index} clock"), EngineKind::Discipline);
                slave.record_by(port, clock);
            }
        }
        collector.start();
        self.collector = Some(collector);
    }

    /// What was recorded, as the bytes of a trace file; `None` if nothing is recorded.
    pub fn trace(&self) -> Option<Vec<u8>> {
        let truth = local_at(Timestamp::EPOCH);
        self.collector.as_ref().map(|collector| collector.file(Origin::Simulation { truth }))
    }

    /// Runs until `time` since the world's beginning.
    pub fn run_until(&mut self, time: Duration) {
        let until = Timestamp::EPOCH + time;
        while let Some((at, event)) = self.queue.pop(until) {
            self.now = at;
            self.events += 1;
            self.handle(event);
            self.check();
            self.collector.iter_mut().for_each(Collector::collect);
        }
        self.now = until;
        self.check();
    }

    /// Time since the world's beginning.
    pub fn elapsed(&self) -> Duration {
        self.now - Timestamp::EPOCH
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A hash of all events, effects and published snapshots so far.
    pub fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// What the checker found.
    pub fn checker(&self) -> &Checker {
        &self.checker
    }

    /// A slave; anything else is our own bug.
    pub fn slave(&self, node: NodeId) -> &Slave {
        match &self.nodes[node.0].role {
            Role::Slave(slave) => slave,
            Role::Master(_) => panic!("node {} is a grandmaster", node.0),
        }
    }

    /// What a slave's clock reads less the truth.
    pub fn true_error(&mut self, node: NodeId) -> Duration {
        match &mut self.nodes[node.0].role {
            Role::Slave(slave) => slave.true_error(self.now),
            Role::Master(_) => Duration::ZERO,
        }
    }

    /// The samples of a slave's true error.
    pub fn statistics(&self, node: NodeId) -> &Statistics {
        &self.nodes[node.0].statistics
    }

    /// The bounds that a slave published, sampled with its true errors.
    pub fn bounds(&self, node: NodeId) -> &BoundStatistics {
        &self.nodes[node.0].bounds
    }

    fn push(&mut self, at: Timestamp<Mono>, event: Event) {
        self.queue.push(at, event).expect("no scenario has so many events under way");
    }

    fn wake(&mut self, id: NodeId, at: Timestamp<Mono>) {
        let at = at.max(self.now);
        let node = &mut self.nodes[id.0];
        if node.wake != Some(at) {
            node.wake = Some(at);
            self.push(at, Event::Wake(id));
        }
    }

    fn handle(&mut self, event: Event) {
        self.digest.word(self.now.ticks() as u64);
        match event {
            Event::Arrival { to, frame, channel } => {
                // The receive stamp is of this instant, whatever stands in the queue of the socket.
                let stamp = (channel == Channel::Event).then(|| self.nodes[to.0].stamps.stamp(local_at(self.now)));
                self.step(to, Input::Received { bytes: frame.as_bytes(), channel, stamp });
            }
            Event::TxStamp { of, token, stamp } => self.step(of, Input::Sent { token, stamp }),
            Event::Report { to, report } => self.step(to, Input::Clock(report)),
            Event::Wake(id) => {
                let node = &mut self.nodes[id.0];
                if node.wake == Some(self.now) {
                    node.wake = None;
                    self.step(id, Input::Tick { local: local_at(self.now) });
                }
            }
            Event::Sample(interval) => {
                let now = self.now;
                for node in &mut self.nodes {
                    if let Role::Slave(slave) = &mut node.role {
                        node.statistics.push(slave.true_error(now));
                        node.bounds.push(slave.published(), local_at(now));
                    }
                }
                self.push(now + interval, Event::Sample(interval));
            }
        }
    }

    /// One input of a node, and all that follows at once.
    fn step(&mut self, id: NodeId, input: Input<'_>) {
        let now = self.now;
        let mut effects = std::mem::take(&mut self.effects);
        self.nodes[id.0].role.step(now, input, &mut effects);
        for effect in &effects {
            match effect {
                Effect::Send { frame, channel, token } => self.transmit(id, frame, *channel, *token),
                other => {
                    if let Role::Slave(slave) = &mut self.nodes[id.0].role {
                        slave.apply(now, other);
                    }
                }
            }
        }
        effects.clear();
        self.effects = effects;
        if let Role::Slave(slave) = &mut self.nodes[id.0].role {
            self.digest.snapshot(slave.published());
            if let Some(report) = slave.take_report() {
                self.push(now, Event::Report { to: id, report });
            }
        }
        if let Some(deadline) = self.nodes[id.0].role.deadline() {
            self.wake(id, deadline);
        }
    }

    /// A message leaves: multicast, so over every link of the node.
    fn transmit(&mut self, id: NodeId, frame: &Frame, channel: Channel, token: Option<TxToken>) {
        let now = self.now;
        self.digest.bytes(frame.as_bytes());
        let Self { links, queue, .. } = self;
        for link in links.iter_mut().filter(|link| link.from == id) {
            for arrival in link.carry(now, frame.as_bytes()).into_iter().flatten() {
                queue
                    .push(arrival, Event::Arrival { to: link.to, frame: *frame, channel })
                    .expect("no scenario has so many messages under way");
            }
        }
        if let Some(token) = token {
            let node = &mut self.nodes[id.0];
            let (takes, comes) = node.stamps.tx.draw(&mut node.random);
            let stamp = comes.then(|| node.stamps.stamp(local_at(now)));
            self.push(now + takes, Event::TxStamp { of: id, token, stamp });
        }
    }

    fn check(&mut self) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if let Role::Slave(slave) = &mut node.role {
                self.checker.check(self.now, NodeId(index), slave);
            }
        }
    }
}
